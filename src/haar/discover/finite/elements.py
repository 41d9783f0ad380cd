"""The finite symmetries of a model: which entries of its input may be exchanged, and change sign."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from haar.discover.finite.axes import Asked, exchanges
from haar.discover.finite.colours import colours
from haar.discover.finite.designs import Design
from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exact import EXACT_GAP, automorphisms
from haar.discover.finite.exchange import Exchange
from haar.discover.finite.grids import GridSearch
from haar.discover.finite.judge import Judge
from haar.discover.finite.ladder import climbed
from haar.discover.finite.naming import name_of
from haar.discover.finite.scan import LARGEST_SCAN, ambient_order, scanned
from haar.discover.finite.staircase import Court, Judged
from haar.discover.step import Step
from haar.errors import ArgumentError, check_count
from haar.probing import check_finite
from haar.statistics import FEWEST

#: Exchanges that a search may put to the model.
LIMIT = 5000


@dataclass(frozen=True)
class Elements:
    """What was found among finite symmetries.

    Attributes:
        steps: Steps of the staircases, those of one axis of the input after the other, smallest group first.
        said: What was left out, not finished, refused or not to be told, a sentence each.
        rows: How many samples the model was evaluated on.
    """

    steps: list[Step]
    said: list[str]
    rows: int

    def __str__(self) -> str:
        """One line for every step and every remark."""
        return "\n".join([*(map(str, self.steps) if self.steps else ["no finite symmetry found"]), *self.said])


def elements(
    model: Callable[..., Any],
    inputs: Tensor,
    *,
    outputs: str = "auto",
    layout: str = "auto",
    signed: bool | None = None,
    blocks: Sequence[int] | None = None,
    tolerance: float = 0.2,
    significance: float = 0.05,
    units: Tensor | None = None,
    centring: str = "cell",
    periodic: bool = True,
    limit: int = LIMIT,
    seed: int = 0,
) -> Elements:
    """Find which exchanges of entries, and changes of sign, a model of one input tensor respects.

    The largest group of exchanges maps a small design of inputs to itself, so that the model's values on it are colours
    of pairs of entries that every symmetry keeps exactly; what keeps the colours is verified by the model on the
    samples. Where nothing is exact, groups of small defect are looked for and judged by random elements, not by
    generators alone, on samples that the search has not seen.

    Args:
        model: Any module or callable, evaluated in eval mode and left as it was; no derivative is taken.
        inputs: Samples: vectors ``(rows, n)``, clouds ``(rows, points, d)``, or fields ``(rows, channels, *grid)``.
        outputs: ``"invariant"``, ``"same"`` (outputs move as inputs do), ``"any"`` (outputs change places and signs as
            fits best), or ``"auto"``: by the shapes.
        layout: ``"vector"``, ``"points"`` (points are exchanged, and their coordinates with signs), ``"grid"``
            (point groups and shifts) or ``"auto"``: by the number of axes.
        signed: Whether entries of a vector may change sign; by default where the data have both signs.
        blocks: A label for each entry of a vector; only entries with one label are exchanged. By default those of
            similar spread.
        tolerance: The largest defect that is called a symmetry.
        significance: Level of the claims.
        units: Which independent unit, such as a trajectory, each sample belongs to.
        centring: Of a grid: ``"cell"`` or ``"node"``, see `haar.actions.Field`.
        periodic: Whether a grid is periodic: without that nothing is shifted.
        limit: How many exchanges may be put to the model.
        seed: Of everything random.

    Raises:
        ArgumentError: If the inputs do not fit the layout, an option is out of range, or the model is stochastic, mixes
            the samples of a batch or does not answer sample by sample.

    Example:
        >>> x = torch.randn(64, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> [(step.name, step.grade) for step in elements(lambda x: x.sin().sum(1) + x.prod(1), x).steps]
        [('S5', 'exact')]

    Source: colour refinement and stabiliser chains as in practical graph isomorphism (McKay and Piperno 2014).
    """
    _check(inputs, tolerance, significance, limit, blocks)
    evaluation = Evaluation(model)
    said: list[str] = []
    answers = evaluation(inputs[: min(len(inputs), 64)])
    _check_manners(evaluation, inputs, answers)
    found: list[Step] = []
    halves = _halves(inputs, units)
    if layout == "grid" or (layout == "auto" and inputs.ndim > 3):
        _check_grid(inputs)
        grid = GridSearch(
            evaluation,
            *halves,
            tolerance=tolerance,
            significance=significance,
            centring=centring,
            periodic=periodic,
            seed=seed,
        )
        return Elements(grid.run(said), said, evaluation.rows)
    for exchange in exchanges(inputs, tuple(answers.shape[1:]), Asked(outputs, layout, signed, blocks), said):
        search = _Search(evaluation, exchange, halves, tolerance, significance, limit, seed)
        found += search.run(said)
    return Elements(found, said, evaluation.rows)


@dataclass(frozen=True)
class _Search:
    """The search along one axis."""

    evaluation: Evaluation
    exchange: Exchange
    halves: tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
    tolerance: float
    significance: float
    limit: int
    seed: int

    def run(self, said: list[str]) -> list[Step]:
        seeing, judging = (Judge(self.evaluation, self.exchange, *half) for half in self.halves)
        if seeing.constant or judging.constant:
            said.append("the model is constant on these data: every group is a symmetry of a constant")
            return []
        inputs = self.halves[0][0]
        design = Design.of(self.exchange, inputs, self.seed)
        values = design.values(self.evaluation, inputs.dtype)
        rounding = 64 * self.evaluation.precision
        gap = max(EXACT_GAP, rounding)
        labels = colours(values, self.exchange, gap=gap, rounding=rounding)
        exact = automorphisms(labels, self.exchange, seeing, level=0.0, limit=self.limit)
        if not exact.complete:
            said.append(
                f"not finished after {exact.asked} exchanges put to the model: at least order {exact.group.order}"
            )
        if ambient_order(self.exchange) <= LARGEST_SCAN:
            others = scanned(self.exchange, seeing, tolerance=self.tolerance)
        else:
            others, _ = climbed(
                values, design.choices, self.exchange, seeing, tolerance=self.tolerance, limit=self.limit
            )
        court = Court(self.exchange, judging, tolerance=self.tolerance, significance=self.significance, seed=self.seed)
        steps, refused = court.steps(exact, others)
        if judging.independent < FEWEST:
            said.append(
                f"{judging.independent} held-out units: at least {FEWEST} are needed to claim what is not exact"
            )
        if not steps and refused:
            said.append(_closest(refused, self.exchange))
        return steps


def _closest(refused: list[Judged], exchange: Exchange) -> str:
    best = min(refused, key=lambda judged: judged.inside.value)
    beyond = "" if best.outside is None else f", against {best.outside:.2g} outside it"
    return f"closest: {name_of(best.candidate.group, exchange)}, defect {best.inside:.2g}{beyond}"


def _check(inputs: Tensor, tolerance: float, significance: float, limit: int, blocks: Sequence[int] | None) -> None:
    if not isinstance(inputs, Tensor) or inputs.ndim < 2 or not inputs.is_floating_point():
        got = f"{tuple(inputs.shape)} of {inputs.dtype}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise ArgumentError(
            "inputs",
            expected="a tensor of real samples (rows, n), (rows, points, d) or (rows, channels, *grid)",
            got=got,
        )
    if len(inputs) < 4:
        raise ArgumentError("inputs", expected="at least 4 samples, half of them held out", got=len(inputs))
    check_finite("inputs", inputs)
    for name, value in (("tolerance", tolerance), ("significance", significance)):
        if not 0 < value < 1:
            raise ArgumentError(name, expected="a number between 0 and 1", got=value)
    check_count("limit", limit)
    if blocks is not None and len(blocks) != inputs.shape[1]:
        raise ArgumentError("blocks", expected=f"a label for each of {inputs.shape[1]} entries", got=len(blocks))


def _check_grid(inputs: Tensor) -> None:
    if not 3 <= inputs.ndim <= 5:
        raise ArgumentError(
            "inputs", expected="fields (rows, channels, *grid) with 1 to 3 axes of space", got=tuple(inputs.shape)
        )


def _check_manners(evaluation: Evaluation, inputs: Tensor, answers: Tensor) -> None:
    """One answer a sample, whatever else is in the batch, and the same twice."""
    some = inputs[: len(answers)]
    scale = float(answers.abs().max()) or 1.0
    allowed = 1e4 * evaluation.precision * scale
    first, second = evaluation.twice(some)
    again = float((first - second).abs().max())
    if again > allowed:
        raise ArgumentError(
            "model",
            expected="the same answer twice",
            got=f"two that differ by {again:.1e}",
            way_out="fix its noise: average several draws in a function of your own",
        )
    order = torch.arange(len(some)).flip(0)[: max(len(some) // 2, 1)]
    mixed = float((evaluation(some[order]) - answers[order]).abs().max())
    if mixed > allowed:
        raise ArgumentError(
            "model",
            expected="answers that do not depend on the other samples of the batch",
            got=f"some that change by {mixed:.1e} when the batch does",
            way_out="put batch norm in eval mode, or give a function that runs one sample at a time",
        )


def _halves(inputs: Tensor, units: Tensor | None) -> tuple[tuple[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]:
    """Samples to search with and samples to judge with; units are not divided."""
    if units is None:
        half = len(inputs) // 2
        return (inputs[:half], None), (inputs[half:], None)
    number = units.unique(return_inverse=True)[1]
    first = number < max((int(number.max()) + 1) // 2, 1)
    if bool(first.all()):
        raise ArgumentError("units", expected="at least two independent units, one of them held out", got="one")
    return (inputs[first], units[first]), (inputs[~first], units[~first])
