"""sensitivity: which layer is to blame?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from matplotlib.figure import Figure
from torch import nn

from haar.compress.batch import batches_of
from haar.compress.bench import Bench
from haar.compress.catalogue import perturbation_of
from haar.compress.clusters import units_of
from haar.compress.curve import DRAWS, Curve
from haar.compress.metrics import Asked, metrics_of
from haar.compress.perturbation import Perturbation
from haar.compress.sweep import Course, check_calibration, run
from haar.errors import ArgumentError, known_keywords
from haar.report import Report, Section, Table
from haar.report.drawing import BASE, new_figure, style_axes
from haar.report.table import Cell
from haar.seeding import check_seed
from haar.watch import Unwatched, Watch
from haar.weights import ParameterAction


@dataclass(frozen=True)
class Sensitivity(Report):
    """One perturbation at one level, of each layer alone.

    Attributes:
        model: What was compressed.
        perturbation: How.
        level: How much.
        layers: For each layer the curve of its one level.
        together: The same of all layers at once.
    """

    model: str
    perturbation: str
    level: float
    layers: dict[str, Curve]
    together: Curve

    kind: ClassVar[str] = "sensitivity"
    title: ClassVar[str] = "Which layer is to blame"  # type: ignore[misc]

    def ranked(self) -> tuple[str, ...]:
        """Layers, the most sensitive first."""
        sign = -1 if self.together.metric.worse == "lower" else 1
        return tuple(sorted(self.layers, key=lambda name: -sign * self.layers[name].values[0]))

    @property
    def summary(self) -> str:
        """The layer that costs most."""
        worst = self.ranked()[0]
        metric, curve = self.together.metric.name, self.layers[worst]
        return (
            f"{self.perturbation} at {self.level:g} of one layer alone costs most in **{worst}**: {metric} "
            f"{curve.points[0]} after {curve.baseline.value:.4g}; of all layers together {self.together.points[0]}."
        )

    def contents(self) -> dict[str, Any]:
        """The metric of every layer."""
        return {
            "model": self.model,
            "perturbation": self.perturbation,
            "level": self.level,
            "metric": self.together.metric.name,
            "baseline": self.together.baseline.to_dict(),
            "layers": {name: curve.points[0].to_dict() for name, curve in self.layers.items()},
            "together": self.together.points[0].to_dict(),
        }

    def sections(self) -> Sequence[Section]:
        """A row and a bar for every layer."""
        metric = self.together.metric.name
        rows: list[list[Cell]] = [[name, f"{self.layers[name].points[0]}"] for name in self.ranked()]
        rows.append(["all layers", f"{self.together.points[0]}"])
        note = f"before: {self.together.baseline}; {self.perturbation} at {self.level:g}"
        table = Table("One layer at a time", ("layer", metric), rows, note)
        return [Section("Layers", "", table, self._figure(), "The metric with one layer compressed at a time.")]

    def _figure(self) -> Figure:
        names = list(self.layers)
        figure = new_figure(6.4, 1.2 + 0.19 * len(names))
        axes = style_axes(figure.subplots(), x=self.together.metric.name)
        for place, name in enumerate(names):
            point = self.layers[name].points[0]
            axes.plot([point.low, point.high], [place, place], color="#2f6fdf", linewidth=1.4)
            axes.plot([point.value], [place], "o", color="#2f6fdf", markersize=4)
        axes.axvline(self.together.baseline.value, color=BASE, linewidth=1.0)
        axes.set_yticks(range(len(names)), names, fontsize=6)
        axes.invert_yaxis()
        return figure


@known_keywords
def sensitivity(
    model: nn.Module,
    perturbation: str | Perturbation,
    metrics: Asked | None = None,
    data: Iterable[Any] | None = None,
    *,
    level: float | int | None = None,
    clusters: Any | None = None,
    calibration: Iterable[Any] | None = None,
    layers: Sequence[str] | None = None,
    action: ParameterAction | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    watch: Watch = Unwatched(),
) -> Sensitivity:
    """Compress one layer at a time, all others as they came.

    Args:
        model: The model; it is not touched.
        perturbation: A name or a perturbation that works on layers.
        metrics: The first of them is told; as in `sweep`.
        data: Batches.
        level: How much; by default the middle one of the perturbation's own.
        clusters: Which trajectory every sample belongs to, as in `sweep`.
        calibration: Batches for perturbations that look at inputs or gradients.
        layers: Patterns of names of layers, as in `sweep`.
        action: The table of the model's parameters.
        draws: Draws of the bootstrap.
        seed: Of whatever is random.
        watch: Told of every layer.

    Raises:
        ArgumentError: As `sweep`, or if the perturbation does not work on layers but on units, heads or blocks.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
        >>> found = sensitivity(model, "magnitude", ["drift"], [torch.randn(16, 4)], level=0.9)
        >>> sorted(found.ranked())
        ['0', '2']
    """
    if data is None:
        raise ArgumentError("data", expected="batches for the evaluation", got="None")
    one = perturbation_of(perturbation)
    if one.name in ("units", "heads") or one.measure in ("blocks", "copies", "temperature"):
        expected = "a perturbation of layers, such as 'magnitude', 'wanda' or 'quantise'"
        raise ArgumentError("perturbation", expected=expected, got=repr(one.name))
    check_calibration([one], calibration)
    check_seed(seed)
    batches = batches_of(data, model=model)
    at = one.check(one.levels[len(one.levels) // 2] if level is None else level)
    near = [] if calibration is None else batches_of(calibration, "calibration", model=model)
    bench = Bench(model, layers=layers, calibration=near, action=action, example=batches[0])
    course = Course(batches, metrics_of(metrics, batches[0])[:1], None, seed, units_of(batches, clusters))
    whole, names = bench.layers, [layer.name for layer in bench.layers]
    found: dict[str, Curve] = {}
    with watch.stage("one layer at a time", len(whole) + 1) as advance:
        for layer in whole:
            with bench.alone([layer]):
                name = layer.name if names.count(layer.name) == 1 else layer.path
                found[name] = run(bench, [one], {one.name: (at,)}, course)[0].curves(draws=draws, seed=seed)[0]
            advance()
        together = run(bench, [one], {one.name: (at,)}, course)[0].curves(draws=draws, seed=seed)[0]
        advance()
    return Sensitivity(type(model).__name__, one.name, at, found, together)
