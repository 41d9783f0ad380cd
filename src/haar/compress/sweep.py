"""sweep: a model compressed in every way and at every level, and what is left of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from haar.actions import Symmetry
from haar.compress.batch import Batch, batches_of
from haar.compress.bench import Bench
from haar.compress.catalogue import Wanted, perturbations_of
from haar.compress.clusters import number_of, units_of
from haar.compress.curve import DRAWS, Record
from haar.compress.evaluation import MOST, Evaluation, reader_of
from haar.compress.found import Sweep
from haar.compress.metrics import Asked, Metric, metrics_of
from haar.compress.orbit_metrics import orbit_metrics
from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError, check_count, known_keywords
from haar.probing import undisturbed
from haar.seeding import check_seed
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction

Levels = Mapping[str, Sequence[float | int]] | Sequence[float | int]


@known_keywords
def sweep(
    model: nn.Module,
    perturbations: Wanted | None = None,
    metrics: Asked | None = None,
    data: Iterable[Any] | None = None,
    *,
    levels: Levels | None = None,
    symmetry: Symmetry | None = None,
    clusters: Any | None = None,
    calibration: Iterable[Any] | None = None,
    layers: Sequence[str] | None = None,
    action: ParameterAction | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Sweep:
    """Compress a model in several ways, at levels from mild to strong, and measure what is left of it.

    The model is not touched: one copy of it is compressed, measured, put back, and compressed again. All metrics of one
    level come from one pass over the data.

    Args:
        model: Any module with linear or convolutional layers; models of `transformers` as they are.
        perturbations: Names such as ``"magnitude"``, ``"wanda"``, ``"2:4"``, ``"quantise"`` (see
            `haar.compress.PERTURBATIONS`), or perturbations with settings of your own.
        metrics: Names among `haar.compress.METRICS`, or functions of a model and a batch by name, which return a number
            or one for every sample; by default what the data allow.
        data: Batches for the evaluation: ``(inputs, targets)``, tokens, or inputs by name; or ``(inputs, targets,
            clusters)``. A tuple of all inputs and targets (and clusters) is one batch.
        levels: Levels for all perturbations, or by their names; by default their own.
        symmetry: With one, the defect and the loss of the average over its group are further curves.
        clusters: Which trajectory every sample belongs to, whole numbers or names, over all batches in their order:
            samples of one are not independent, and the bootstrap draws whole trajectories.
        calibration: Batches for perturbations that look at inputs or gradients, apart from the evaluation's.
        layers: Patterns of names of the layers that are compressed; by default all but embeddings, norms and the
            layer that reads out.
        action: The table of the model's units and heads, for perturbations that drop whole ones; by default it is
            found.
        draws: Draws of the bootstrap over samples or trajectories, from which the intervals are.
        seed: Of whatever is random.
        watch: Told of every level.

    Raises:
        ArgumentError: If a level is out of its range, nothing can be compressed, data for calibration are missing,
            or `clusters` are not one for every sample.
        DataError: If the data have numbers that are not finite.

    Example:
        >>> import torch
        >>> _ = torch.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
        >>> x = torch.randn(64, 4)
        >>> found = sweep(model, ["magnitude"], ["drift"], [(x, model(x).detach())], levels=[0.2, 0.9])
        >>> found.curve("magnitude", "drift").at(0.2).value < found.curve("magnitude", "drift").at(0.9).value
        True
    """
    if data is None:
        raise ArgumentError("data", expected="batches for the evaluation", got="None")
    check_count("draws", draws, least=0)
    batches = batches_of(data, model=model)
    trajectories = units_of(batches, clusters)
    wanted = perturbations_of(perturbations)
    check_levels(levels, wanted)
    check_seed(seed)
    planned = {one.name: one.ordered(_levels(levels, one)) for one in wanted}
    check_calibration(wanted, calibration)
    bench = Bench(
        model,
        layers=layers,
        calibration=[] if calibration is None else batches_of(calibration, "calibration", model=model),
        action=action,
        example=batches[0],
    )
    measured = (*metrics_of(metrics, batches[0]), *orbit_metrics(symmetry, batches[0]))
    records = run(bench, wanted, planned, Course(batches, measured, symmetry, seed, trajectories), watch)
    curves = [curve for record in records for curve in record.curves(draws=draws, seed=seed)]
    names = tuple(layer.path for layer in bench.layers)
    return Sweep(tuple(curves), names, type(model).__name__, number_of(trajectories))


class Course:
    """What every perturbation of a sweep is measured by.

    Args:
        batches: The data.
        metrics: What is measured, of perturbations that have no metric of their own.
        symmetry: Of the model, for metrics that ask for one.
        seed: Of whatever is random.
        trajectories: Of every sample, see `units_of`.
    """

    def __init__(
        self,
        batches: Sequence[Batch],
        metrics: Sequence[Metric],
        symmetry: Symmetry | None = None,
        seed: int = 0,
        trajectories: Tensor | None = None,
    ) -> None:
        self.batches, self.metrics, self.symmetry, self.seed = batches, metrics, symmetry, seed
        self.trajectories = trajectories

    def evaluation(self, bench: Bench, metrics: Sequence[Metric]) -> Evaluation:
        """An evaluation of metrics on a bench's model."""
        reader = reader_of(bench.model, bench.layers)
        return Evaluation(self.batches, metrics, self.symmetry, MOST, reader, self.seed, self.trajectories)


def run(
    bench: Bench,
    wanted: Sequence[Perturbation],
    planned: Mapping[str, tuple[float, ...]],
    course: Course,
    watch: Watch = Unwatched(),
) -> list[Record]:
    """Every level of every perturbation, on one copy.

    Args:
        bench: The copy.
        wanted: The perturbations.
        planned: Their levels, by name.
        course: What is measured.
        watch: Told of every level.
    """
    evaluations: dict[tuple[Metric, ...], tuple[Evaluation, list[Any]]] = {}
    found = []
    total = sum(len(levels) for levels in planned.values())
    with undisturbed(bench.model), watch.stage("compressing", total) as advance:
        for one in wanted:
            metrics = tuple(one.metrics or course.metrics)
            if metrics not in evaluations:
                bench.restore()
                evaluation = course.evaluation(bench, metrics)
                evaluations[metrics] = evaluation, evaluation.measure(bench.model)
            evaluation, baseline = evaluations[metrics]
            columns, sparsity = [], []
            for level in planned[one.name]:
                bench.restore()
                one.apply(bench, level, course.seed)
                columns.append(evaluation.measure(bench.model))
                sparsity.append(bench.sparsity())
                advance()
            found.append(Record(one, metrics, baseline, planned[one.name], columns, tuple(sparsity)))
        bench.restore()
    return found


def check_calibration(wanted: Sequence[Perturbation], calibration: Iterable[Any] | None) -> None:
    """Refuse perturbations that look at data which nobody gave, before anything is computed.

    Raises:
        ArgumentError: Naming the first of them.
    """
    for one in wanted:
        if one.calibrated and calibration is None:
            raise ArgumentError(
                "calibration",
                expected=f"batches, for {one.name!r} looks at the inputs or gradients of the layers",
                got="none",
                way_out="give calibration=batches that are not those of the evaluation",
            )


def check_levels(levels: Levels | None, wanted: Sequence[Perturbation]) -> None:
    """Refuse what are no levels, and levels of perturbations that nobody asked for.

    Raises:
        ArgumentError: If they are.
    """
    names = [one.name for one in wanted]
    if isinstance(levels, Mapping):
        for name in levels:
            if name not in names:
                raise ArgumentError("levels", expected=f"names among {', '.join(names)}", got=repr(name))
    for one in levels.values() if isinstance(levels, Mapping) else [levels]:
        if isinstance(one, str) or not (one is None or isinstance(one, Iterable)):
            expected = "a list of numbers, or lists by the names of the perturbations"
            raise ArgumentError("levels", expected=expected, got=repr(one))


def _levels(levels: Levels | None, one: Perturbation) -> Sequence[float | int] | None:
    """The levels that are asked for of one perturbation; its own where it has only one."""
    if levels is None or isinstance(levels, Mapping):
        return None if levels is None else levels.get(one.name)
    return levels
