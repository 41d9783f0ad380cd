"""The symmetry score test: do the data ask an equivariant model for asymmetry, beyond chance?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from matplotlib.figure import Figure
from torch import Tensor

from haar.errors import ArgumentError, known_keywords
from haar.groups import FiniteGroup, Group, Subgroup, averaging_chain
from haar.relax.diagnosis.gradients import Loss, sample_gradients
from haar.relax.weight_law import layers_of
from haar.relax.wrapping.homotopy_layer import HomotopyLayer
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, draw_bars, new_figure, style_axes
from haar.seeding import Seed, generator_of
from haar.statistics import holm, randomisation_p
from haar.watch import Unwatched, Watch

#: A group with at most so many subgroups is tested over all of them, a larger one along a chain.
_MOST_SUBGROUPS = 24
#: Numbers held at once for the moved gradients of one layer.
_ROOM = 30_000_000


@dataclass(frozen=True)
class SubgroupScore:
    """The test of one subgroup.

    Attributes:
        name: Name of the subgroup.
        order: Number of its elements, or None.
        excess: The statistic over its mean under the null hypothesis: 1 by chance.
        p: Exact randomisation p-value, all layers together.
        holm: The same after Holm's correction for the number of subgroups.
        rejected: Whether the corrected value is at most the level.
        layers: p-value of every layer alone, not corrected.
    """

    name: str
    order: int | None
    excess: float
    p: float
    holm: float
    rejected: bool
    layers: dict[str, float]


class ScoreTest(Report):
    """What the score test found, subgroup by subgroup.

    Attributes:
        scores: One for every subgroup, smallest first.
        level: Significance level after correction.
        largest: Names of the largest subgroups that are not rejected, and have no rejected subgroup.
    """

    kind: ClassVar[str] = "symmetry-score-test"

    def __init__(
        self,
        group: str,
        scores: Sequence[SubgroupScore],
        largest: Sequence[str],
        *,
        level: float,
        draws: int,
        samples: int,
    ) -> None:
        self.group, self.scores, self.largest = group, list(scores), list(largest)
        self.level, self.draws, self.samples = level, draws, samples
        self.title = f"Do the data have the symmetry {group}?"

    @property
    def whole(self) -> SubgroupScore:
        """The test of the largest group."""
        return self.scores[-1]

    @property
    def summary(self) -> str:
        """The answer in a sentence."""
        if not any(score.rejected for score in self.scores):
            return f"{self.group} is not rejected (p = {self.whole.p:.3g}, {self.samples} samples)."
        kept = " or ".join(self.largest)
        rest = f"the largest symmetry not rejected is {kept}" if kept else "every subgroup tested is rejected"
        rejected = min((s for s in self.scores if s.rejected), key=lambda s: s.holm)
        return f"The data break {self.group} ({rejected.name}: Holm's p = {rejected.holm:.3g}); {rest}."

    @property
    def made_of(self) -> Mapping[str, object]:
        """Group and conventions."""
        return {
            "group": str(self.group),
            "conventions": "a randomisation null; p (Holm): corrected for the number of subgroups",
        }

    def contents(self) -> dict[str, Any]:
        """Everything that was found."""
        return {
            "group": self.group,
            "level": self.level,
            "draws": self.draws,
            "samples": self.samples,
            "largest": self.largest,
            "scores": [asdict(score) for score in self.scores],
        }

    def sections(self) -> Sequence[Section]:
        """Subgroups, then layers."""
        rows = [(s.name, s.order, s.excess, s.p, s.holm, not s.rejected) for s in self.scores]
        columns = ("subgroup", "order", "score / chance", "p", "p (Holm)", "kept")
        names = list(self.whole.layers)
        by_layer = [(name or "(the layer)", self.whole.layers[name]) for name in names]
        text = (
            "The gradient of a strictly equivariant model, split into what the symmetry allows and what it does not. "
            "The second part is compared with what it is when every sample is moved by a random element: p-values are "
            "exact for data whose law the group leaves alone, on the training data too."
        )
        return [
            Section(
                "Subgroups",
                text=text,
                table=Table("", columns, rows, verdicts=("kept",)),
                figure=self._draw(),
                caption="Score of every subgroup over its mean by chance; red: rejected.",
            ),
            Section(
                "Layers",
                text="Which layer takes up a break depends on the seed; compare at least five runs.",
                table=Table(f"{self.whole.name}, layer by layer", ("layer", "p (not corrected)"), by_layer),
            ),
        ]

    def _draw(self) -> Figure:
        figure = new_figure(max(4.5, 0.55 * len(self.scores) + 2), 3)
        axes = style_axes(figure.subplots(), title="Score / chance", y="ratio")
        colours = [WARNING if score.rejected else AVERAGED for score in self.scores]
        names, excess = [score.name for score in self.scores], [score.excess for score in self.scores]
        draw_bars(axes, names, {"": excess}, [colours], slanted=True)
        axes.axhline(1, color=BASE, linestyle="--", linewidth=1)
        return figure


@known_keywords
def score_test(
    model: Any,
    loss: Loss,
    inputs: Any,
    target: Any,
    *,
    subgroups: Sequence[Group] | None = None,
    layers: Sequence[str] | None = None,
    draws: int = 999,
    level: float = 0.05,
    seed: Seed = 0,
    watch: Watch = Unwatched(),
) -> ScoreTest:
    """Test whether the law of (inputs, target) is invariant, by the score at a strictly equivariant model.

    T = ||(I - P) mean_n G_n|| with per-sample gradients G_n by a layer's effective weight. The gradient at a moved
    sample is the moved gradient, so that random moves of all samples cost no backward pass, and
    p = (1 + #{T* >= T}) / (1 + draws) is exact. Exact on the training data too, if the model was trained strictly
    (gamma = 0, the batch order fixed beforehand, no augmentation): its weights are then the same for any moves.
    Several layers are joined by the sum of T^2, each over its mean over the draws.

    An untrained model gives a valid test without power.

    Args:
        model: A wrapped model, trained strictly.
        loss: The task's loss of (prediction, target), invariant under the group; called with batches of one.
        inputs: A tensor, or a tuple of the model's arguments, samples on axis 0, independent of one another.
        target: What the loss compares with, samples on axis 0.
        subgroups: Which subgroups to test, made from the model's own group; by default all but the trivial one where
            these are at most 24, else a chain, always with the group itself.
        layers: Names of layers; by default all with a weight.
        draws: Random moves of all samples; enough of them that the corrected p-value can fall below the level.
        level: Significance level after correction.
        seed: Seed of the draws.
        watch: Told of every subgroup.

    Raises:
        ArgumentError: If an option is out of range or a group is no subgroup.

    Source: the score (Lagrange multiplier) statistic with a randomisation null; Holm 1979 for the correction.
    """
    if draws < 1:
        raise ArgumentError("draws", expected="at least 1", got=draws)
    if not 0 < level < 1:
        raise ArgumentError("level", expected="a level between 0 and 1", got=level)
    group: Group = model.symmetry.group
    tested = _tested(group, subgroups)
    least = math.ceil(len(tested) / level - 1e-9) - 1  # with fewer the smallest corrected p-value is above the level
    if draws < least:
        raise ArgumentError(
            "draws", expected=f"at least {least} to reject any of {len(tested)} subgroups at {level:g}", got=draws
        )
    gradients = sample_gradients(model, loss, inputs, target, layers=layers)
    wrapped = layers_of(model)
    generator = generator_of(seed)
    n = len(next(iter(gradients.values())))
    found = []
    with watch.stage("score test", len(tested)) as advance:
        for subgroup in tested:
            drawn = subgroup.sample(draws * n, generator).reshape(draws, n, *subgroup.element_shape)
            # the same moves for every layer: their statistics are joined draw by draw
            found.append(
                {name: drawn_statistics(wrapped[name], subgroup, group, g, drawn) for name, g in gradients.items()}
            )
            advance()
    return _judge(group, tested, found, level=level, draws=draws, samples=n)


def _tested(group: Group, subgroups: Sequence[Group] | None) -> list[Group]:
    """Subgroups to test, smallest first, the group itself last."""
    if subgroups is not None:
        _check_subgroups(group, subgroups)
        return sorted(subgroups, key=lambda h: h.order or 2**62)
    if not isinstance(group, FiniteGroup):
        return [group]
    every = _nontrivial(group.subgroups()) if group.order <= 64 else []
    if not every or len(every) > _MOST_SUBGROUPS:
        every = _nontrivial(group.subgroup_chain()) if group.order <= 4096 else []
    return [*[h for h in every if h.order < group.order], group]


def _nontrivial(subgroups: Sequence[Subgroup]) -> list[Subgroup]:
    return [h for h in subgroups if h.order > 1]


def _check_subgroups(group: Group, subgroups: Sequence[Group]) -> None:
    for subgroup in subgroups:
        if subgroup != group and (not isinstance(subgroup, Subgroup) or subgroup.parent != group):
            raise ArgumentError("subgroups", expected=f"subgroups of {group.name}", got=subgroup.name)


def _included(subgroup: Group, group: Group, elements: Tensor) -> Tensor:
    return elements if subgroup is group or not isinstance(subgroup, Subgroup) else subgroup.include(elements)


def _residual(layer: HomotopyLayer, subgroup: Group, group: Group, gradients: Tensor) -> Tensor:
    """(I - P_H) of every gradient; it commutes with the moves by H."""
    n = len(gradients)
    if subgroup is group:
        return gradients - torch.func.vmap(layer.project)(gradients)
    mean = gradients
    for elements, weights in averaging_chain(subgroup):
        total = torch.zeros_like(mean)
        for g, weight in zip(_included(subgroup, group, elements), weights, strict=True):
            total = total + weight.to(mean) * layer.move(g.expand(n, *g.shape), mean)
        mean = total
    return gradients - mean


def drawn_statistics(layer: HomotopyLayer, subgroup: Group, group: Group, gradients: Tensor, moves: Tensor) -> Tensor:
    """T^2 as observed, then for every draw: ``(1 + draws,)``."""
    residual = _residual(layer, subgroup, group, gradients)
    n, size = len(residual), residual[0].numel()
    observed = residual.mean(0).square().sum()
    order = subgroup.order
    if isinstance(subgroup, FiniteGroup) and order is not None and order <= 64 and n * order * size <= _ROOM:
        elements = _included(subgroup, group, subgroup.elements())
        moved = torch.stack([layer.move(g.expand(n), residual).flatten(1) for g in elements], 1).flatten(0, 1)
        if size > n * order:  # fewer rows than columns: the same inner products in fewer columns
            moved = torch.linalg.qr(moved.T, mode="r").R.T
        counts = torch.zeros(len(moves), n * order, dtype=moved.dtype)
        counts.scatter_(1, moves + order * torch.arange(n), 1.0)
        drawn = (counts @ moved / n).square().sum(1)
    else:
        elements = _included(subgroup, group, moves)
        drawn = torch.stack([layer.move(g, residual).mean(0).square().sum() for g in elements])
    return torch.cat([observed[None], drawn])


def _judge(
    group: Group, tested: Sequence[Group], found: list[dict[str, Tensor]], *, level: float, draws: int, samples: int
) -> ScoreTest:
    joined = []
    for statistics in found:
        scaled = [t / t.mean() for t in statistics.values() if float(t.mean()) > 0]
        joined.append(torch.stack(scaled).sum(0) if scaled else torch.ones(1 + draws, dtype=torch.float64))
    p_values = [randomisation_p(float(t[0]), t[1:]) for t in joined]
    corrected = holm(p_values)
    scores = [
        SubgroupScore(
            name=subgroup.name,
            order=subgroup.order,
            excess=float(t[0] / t[1:].mean()),
            p=p,
            holm=adjusted,
            rejected=adjusted <= level,
            layers={name: randomisation_p(float(part[0]), part[1:]) for name, part in statistics.items()},
        )
        for subgroup, statistics, t, p, adjusted in zip(tested, found, joined, p_values, corrected, strict=True)
    ]
    return ScoreTest(group.name, scores, _largest(group, tested, scores), level=level, draws=draws, samples=samples)


def _largest(group: Group, tested: Sequence[Group], scores: Sequence[SubgroupScore]) -> list[str]:
    """A symmetry that contains a rejected one is broken too."""
    if not isinstance(group, FiniteGroup):
        return [s.name for s in scores if not s.rejected]
    members = [set(_included(h, group, h.elements()).tolist()) if isinstance(h, FiniteGroup) else set() for h in tested]
    broken = [own for own, score in zip(members, scores, strict=True) if score.rejected]
    kept = [
        (len(own), score.name)
        for own, score in zip(members, scores, strict=True)
        if not any(other <= own for other in broken)
    ]
    most = max((order for order, _ in kept), default=0)
    return [name for order, name in kept if order == most]
