"""What the sums say: defects with intervals, the split of the loss, subgroups, irreducible components."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from haar.actions import Symmetry
from haar.audit import quadratic
from haar.audit.closure import ElementClosure
from haar.audit.part_findings import MeanSquares, PartFinding, as_one, mean_squares, part_findings, tells_gains
from haar.audit.parts import Outputs
from haar.audit.sums import OrbitSums, Sums
from haar.groups import FiniteGroup
from haar.groups.characters import isotypic_projector_coefficients, real_irreducibles
from haar.statistics import Estimate, ratio

#: Groups with more elements are not split into all their subgroups.
_SUBGROUP_LIMIT = 64


@dataclass(frozen=True)
class ElementDefect:
    """How far the prediction for g x is from the moved prediction for x.

    Attributes:
        element: The element's name.
        generator: Whether it is one of the group's generators.
        absolute: Root mean square of psi(g)^-1 f(phi(g) x) - f(x) over samples and output entries.
        relative: The same over the spread of the predictions (their root mean square about each channel's mean).
        contradiction: Whether it is larger than 2 root MSE, which no symmetric truth with invariant data allows;
            None without labels or intervals.
    """

    element: str
    generator: bool
    absolute: Estimate
    relative: Estimate
    contradiction: bool | None


@dataclass(frozen=True)
class SubgroupFinding:
    """What averaging over one subgroup removes.

    Attributes:
        name: Name of the subgroup.
        order: Number of its elements.
        removed: Mean square that averaging takes off the prediction: the predicted fall of the MSE, without labels.
        gain: The fall of the MSE on the labelled samples, if there are any.
        after: The MSE after averaging, if there are labels.
        closed: Whether the data are closed under all its elements (None: not tested, or too few trajectories to tell).
        members: Its elements' places in the group's list.
        share: Part of what the whole group removes, over whole orbits of the samples (at all their moved copies).
    """

    name: str
    order: int
    removed: Estimate
    gain: Estimate | None
    after: Estimate | None
    closed: bool | None
    members: tuple[int, ...] = field(repr=False)
    share: float = 1.0


@dataclass(frozen=True)
class Component:
    """One irreducible component of the defect, as a share of the orbit variance."""

    name: str
    dim: int
    share: Estimate


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """In which units the findings are, and how small a defect can be told from none.

    Attributes:
        units: What numbers over all outputs are in: ``"as given"`` (one output), ``"scale"`` or ``"own spread"``.
        noise: Root mean square between two evaluations of the same input, relative to the spread of predictions.
        floor: The relative defect below which nothing is said: the noise, or rounding.
        stochastic: Whether the noise is more than rounding.
        broken: Whether some output's defect rises above three times its own floor.
        spread: Root mean square of predictions about each channel's mean: what defects are relative to.
    """

    units: str
    noise: float
    floor: float
    stochastic: bool
    broken: bool
    spread: float


@dataclass(frozen=True, kw_only=True)
class DataTests:
    """Whether the data have the symmetry, and on how much all this rests.

    Attributes:
        closure: Symmetry of the data, element by element.
        trajectories: Independent trajectories that the closure tests rest on.
        independent: Independent units that intervals rest on.
        significance: Level at which closure of the data is rejected.
    """

    closure: list[ElementClosure]
    trajectories: int
    independent: int
    significance: float


@dataclass(frozen=True, kw_only=True)
class Findings(Resolution, MeanSquares, DataTests):
    """Everything that the audit computes from its sums.

    Where there are several outputs or fields and no scale was given, whatever is summed over them is in units of each
    one's own spread, and each counts alike: no unit outweighs another. `parts` tells every one in its own unit.

    Attributes:
        elements: Defect of every element looked at.
        alpha: Least-squares share of the asymmetric part that the labels want to keep (0: average, 1: leave the model).
        mse_soft: MSE of the softly averaged model with that alpha, clipped to [0, 1].
        subgroups: All subgroups but the trivial one, small to large.
        holds: Places, in the group's list, of the elements that the model already respects; empty for a group that is
            not listed.
        components: Split of the orbit variance over irreducible components.
        parts: Every output and field by itself.
    """

    elements: list[ElementDefect]
    alpha: Estimate | None
    mse_soft: float | None
    subgroups: list[SubgroupFinding]
    holds: tuple[int, ...]
    components: list[Component]
    parts: list[PartFinding]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @property
    def worst(self) -> ElementDefect | None:
        """The element with the largest defect."""
        return max(self.elements, key=lambda e: e.absolute.value, default=None)


def findings(
    sums: OrbitSums,
    outputs: Outputs,
    symmetry: Symmetry,
    elements: Tensor,
    *,
    kind: str,
    scaled: bool = False,
    closure: list[ElementClosure],
    significance: float,
    trajectories: int,
) -> Findings:
    """Compute the findings from the sums.

    Args:
        sums: The audit's sums over all samples.
        outputs: The parts of the outputs that they are of.
        symmetry: The symmetry that was audited.
        elements: Elements, the identity first.
        kind: What these are: ``"whole"``, ``"drawn"`` or ``"given"``.
        scaled: Whether outputs were divided by a scale.
        closure: The tests of the data.
        significance: Significance level of the tests of the data.
        trajectories: Number of independent trajectories that the tests rest on.
    """
    group = symmetry.group
    one = as_one(sums, outputs, scaled=scaled)
    parts = part_findings(sums, outputs, [group.describe(g) for g in elements], kind, one)
    total = one.sums
    means = mean_squares(total, kind)
    alpha, mse_soft = _softly(total, kind)
    whole = kind == "whole"
    resolution = Resolution(
        units=one.name,
        noise=one.noise,
        floor=one.floor,
        stochastic=any(part.stochastic for part in parts),
        broken=any(part.defect > 3 * part.floor for part in parts),
        spread=one.spread,
    )
    tests = DataTests(closure=closure, trajectories=trajectories, independent=sums.units, significance=significance)
    return Findings(
        **vars(resolution),
        **vars(means),
        **vars(tests),
        elements=_element_defects(total, one.spread, symmetry, elements, means.mse),
        alpha=alpha,
        mse_soft=mse_soft,
        subgroups=_subgroups(total, group, closure, significance, trajectories) if whole else [],
        holds=_holds(sums, parts) if whole and isinstance(group, FiniteGroup) else (),
        components=_components(total, group) if whole else [],
        parts=parts,
    )


def _softly(total: Sums, kind: str) -> tuple[Estimate | None, float | None]:
    """The part of the asymmetry that the labels want to keep, and the MSE with it."""
    removed = total.removed(kind)
    labelled = total.labelled > 0
    if not bool(labelled.any()) or not tells_gains(total, kind) or not float(removed.sum()) > 0:
        return None, None
    cross, taken = total.cross(kind), torch.where(labelled, removed, 0)
    alpha = ratio(taken - cross, taken)
    return alpha, _soft_mse(total, removed, cross, alpha.value)


def _element_defects(
    sums: Sums, spread: float, symmetry: Symmetry, elements: Tensor, mse: Estimate | None
) -> list[ElementDefect]:
    group = symmetry.group
    gens = list(group.generators())
    found = []
    for k in range(1, len(elements)):
        absolute = ratio(sums.deviations[:, k, k], sums.samples, root=True)
        is_generator = any(bool(group.equal(elements[k], g)) for g in gens)
        against = None
        if mse is not None and not math.isnan(absolute.low) and not math.isnan(mse.high):
            against = contradicts(absolute, mse)
        found.append(ElementDefect(group.describe(elements[k]), is_generator, absolute, absolute.over(spread), against))
    return found


def contradicts(defect: Estimate, mse: Estimate) -> bool:
    """Whether a defect is larger than 2 root MSE, the ends of both intervals granted.

    Example:
        >>> contradicts(Estimate(3.0, 2.1, 4.0), Estimate(0.9, 0.8, 1.0))
        True
    """
    return defect.low**2 > 4 * mse.high


def _soft_mse(sums: Sums, removed: Tensor, cross: Tensor, alpha: float) -> float:
    # f_alpha = f + (1 - alpha) dbar
    keep = 1 - min(max(alpha, 0.0), 1.0)
    taken = sums.labelled > 0
    total = sums.losses.sum() - 2 * keep * cross[taken].sum() + keep**2 * removed[taken].sum()
    return float(total / sums.labelled.sum())


def _components(sums: Sums, group: object) -> list[Component]:
    if not isinstance(group, FiniteGroup) or group.order == 1:
        return []
    total = quadratic.orbit_variance(sums.deviations)
    if float(total.sum()) <= 0:
        return []
    found = []
    for irreducible in real_irreducibles(group):
        if irreducible.dim == 1 and bool((irreducible.character - 1).abs().max() < 1e-6):
            continue
        energy = quadratic.irreducible_energies(sums.deviations, group, isotypic_projector_coefficients(irreducible))
        found.append(Component(irreducible.name, irreducible.dim, ratio(energy, total, least=0.0)))
    return found


def _holds(sums: OrbitSums, parts: list[PartFinding]) -> tuple[int, ...]:
    """The elements under which no part's defect rises above its floor: they form a subgroup."""
    kept = torch.ones(sums.m, dtype=torch.bool)
    for number, part in enumerate(parts):
        some = sums.part(number)
        square = some.deviations.diagonal(dim1=-2, dim2=-1).sum(0) / some.samples.sum()
        kept &= square.sqrt() <= 3 * part.floor * part.unit
    return tuple(torch.nonzero(kept).flatten().tolist())


def _subgroups(
    sums: Sums, group: object, closure: list[ElementClosure], significance: float, trajectories: int
) -> list[SubgroupFinding]:
    if not isinstance(group, FiniteGroup) or group.order > _SUBGROUP_LIMIT:
        return []
    labelled, orbits = bool(sums.labelled.sum() > 0), sums.deviations.sum(0)
    found = []
    for subgroup in group.subgroups():
        if subgroup.order == 1:
            continue
        members = subgroup.embedding.tolist()
        weights = quadratic.subgroup_weights(group, subgroup)
        removed = quadratic.removed_by(sums.deviations, weights)
        gain = after = None
        if labelled:
            gains = torch.where(sums.labelled > 0, 2 * (sums.residuals @ weights) - removed, 0)
            gain, after = ratio(gains, sums.labelled), ratio(sums.losses - gains, sums.labelled, least=0.0)
        names = [group.describe(torch.tensor(k)) for k in members if k != 0]
        closed = closed_under(names, closure, significance, trajectories)
        total = ratio(removed, sums.samples, least=0.0)
        share = quadratic.subgroup_share(orbits, group, subgroup)
        found.append(SubgroupFinding(subgroup.name, subgroup.order, total, gain, after, closed, tuple(members), share))
    return found


def closed_under(
    names: list[str], closure: list[ElementClosure], significance: float, trajectories: int
) -> bool | None:
    """Whether data are closed under all of some elements: False where one is rejected, None where none could be.

    Args:
        names: The elements, the identity left out.
        closure: The tests of all elements.
        significance: Level of the tests.
        trajectories: What the tests rest on.
    """
    p_values = {test.element: test.p for test in closure}
    if any(name not in p_values for name in names):
        return None
    if min((p_values[name] for name in names), default=1.0) <= significance:
        return False
    return True if enough(trajectories, significance, len(closure)) else None


def enough(trajectories: int, significance: float, tests: int) -> bool:
    """Whether so many independent trajectories could reject at all: half of 2^n sign patterns are distinct.

    Args:
        trajectories: Number of independent trajectories.
        significance: Level of the tests.
        tests: Elements that are tested; four statistics of each are corrected for too.

    Example:
        >>> enough(8, 0.05, 1), enough(7, 0.05, 1)
        (True, False)
    """
    return 2.0 ** (1 - trajectories) * 4 * tests <= significance
