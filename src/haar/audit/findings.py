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
from haar.audit.sums import Estimate, OrbitSums, Resampler
from haar.groups import FiniteGroup
from haar.groups.characters import isotypic_projector_coefficients, real_irreducibles

#: Groups with more elements are not split into all their subgroups.
_SUBGROUP_LIMIT = 64
#: Dtypes with coarser steps than this are half precision.
_HALF = 1e-4


@dataclass(frozen=True)
class ElementDefect:
    """How far the prediction for g x is from the moved prediction for x.

    Attributes:
        element: The element's name.
        generator: Whether it is one of the group's generators.
        absolute: Root mean square of psi(g)^-1 f(phi(g) x) - f(x) over samples and output entries.
        relative: The same over the spread of the predictions (their root mean square about each channel's mean).
        contradiction: Whether it is larger than 2 root MSE, which no symmetric truth with invariant data allows (spec
            2.4 ii').
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
        name: The subgroup.
        order: Its number of elements.
        removed: Mean square that averaging takes off the prediction: the predicted fall of the MSE, without labels.
        gain: The fall of the MSE on the labelled samples, if there are any.
        after: The MSE after averaging, if there are labels.
        closed: Whether the data are closed under all its elements (None: not tested, or too few trajectories to tell).
        members: Its elements' places in the group's list.
    """

    name: str
    order: int
    removed: Estimate
    gain: Estimate | None
    after: Estimate | None
    closed: bool | None
    members: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True)
class Component:
    """One irreducible component of the defect, as a share of the orbit variance."""

    name: str
    dim: int
    share: Estimate


@dataclass(frozen=True)
class Findings:
    """Everything that the audit computes from its sums.

    Attributes:
        noise: Root mean square between two evaluations of the same input, relative to the spread of predictions.
        floor: The relative defect below which nothing is said: the noise, or rounding.
        stochastic: Whether the noise is more than rounding.
        spread: Root mean square of predictions about each channel's mean: what defects are relative to.
        elements: Defect of every element looked at.
        removed: Predicted fall of the MSE by averaging over the whole group, without labels.
        mse: MSE on the labelled samples.
        mse_after: MSE of the average over the whole group.
        gain: The fall of the MSE that was measured.
        alpha: Least-squares share of the asymmetric part that the labels want to keep (0: average, 1: leave the model).
        mse_soft: MSE of the softly averaged model with that alpha, clipped to [0, 1].
        subgroups: One of every conjugacy class of subgroups, small to large.
        components: Split of the orbit variance over irreducible components.
        closure: Symmetry of the data, element by element.
        trajectories: Independent trajectories that the closure tests rest on.
    """

    noise: float
    floor: float
    stochastic: bool
    spread: float
    elements: list[ElementDefect]
    removed: Estimate
    mse: Estimate | None
    mse_after: Estimate | None
    gain: Estimate | None
    alpha: Estimate | None
    mse_soft: float | None
    subgroups: list[SubgroupFinding]
    components: list[Component]
    closure: list[ElementClosure]
    trajectories: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @property
    def worst(self) -> ElementDefect | None:
        """The element with the largest defect."""
        return max(self.elements, key=lambda e: e.absolute.value, default=None)


def findings(
    sums: OrbitSums,
    symmetry: Symmetry,
    elements: Tensor,
    *,
    whole: bool,
    closure: list[ElementClosure],
    significance: float,
    trajectories: int,
    dtype: torch.dtype,
    seed: int,
) -> Findings:
    """Compute the findings from the sums."""
    group = symmetry.group
    resample = Resampler(sums, seed=seed)
    labelled = bool(sums.labelled.sum() > 0)
    noise, floor, stochastic = _noise(sums, dtype)
    mse = resample.ratio(sums.losses, sums.labelled) if labelled else None
    removed_bins = (
        quadratic.removed_by(sums.deviations, quadratic.uniform(len(elements)))
        if whole
        else quadratic.removed_by_unlisted(sums.deviations)
    )
    gains = alpha = mse_soft = None
    if labelled and (whole or len(elements) > 2):
        # Of a group that is not listed, random elements stand for all: both means are without bias.
        cross = sums.residuals.mean(1) if whole else sums.residuals[:, 1:].mean(1)
        gains = 2 * cross - removed_bins  # ||f - y||^2 - ||Q f - y||^2 in every bin
        alpha = resample.ratio(removed_bins - cross, removed_bins)
        mse_soft = _soft_mse(sums, removed_bins, cross, alpha.value)
    return Findings(
        noise=noise,
        floor=floor,
        stochastic=stochastic,
        spread=math.sqrt(float(sums.energy.sum() / sums.samples.sum())),
        elements=_element_defects(sums, symmetry, elements, resample, mse),
        removed=resample.ratio(removed_bins, sums.samples),
        mse=mse,
        mse_after=resample.ratio(sums.losses - gains, sums.labelled) if gains is not None else None,
        gain=resample.ratio(gains, sums.labelled) if gains is not None else None,
        alpha=alpha,
        mse_soft=mse_soft,
        subgroups=_subgroups(
            sums, group, resample, closure=closure, significance=significance, trajectories=trajectories
        )
        if whole
        else [],
        components=_components(sums, group, resample) if whole else [],
        closure=closure,
        trajectories=trajectories,
    )


def _noise(sums: OrbitSums, dtype: torch.dtype) -> tuple[float, float, bool]:
    energy = max(float(sums.energy.sum()), 1e-300)
    eps = torch.finfo(dtype).eps
    # Sums in another order, over the products of a few layers, differ by some hundred units in the last place; in half
    # precision sums are taken in a higher one, and rounded once a layer.
    rounding = (8 if eps > _HALF else 256) * eps * math.sqrt(float(sums.magnitude.sum()) / energy)
    noise = math.sqrt(float(sums.noise.sum()) / energy)
    return noise, max(noise, rounding), noise > rounding


def _element_defects(
    sums: OrbitSums, symmetry: Symmetry, elements: Tensor, resample: Resampler, mse: Estimate | None
) -> list[ElementDefect]:
    group = symmetry.group
    gens = list(group.generators())
    found = []
    for k in range(1, len(elements)):
        square = sums.deviations[:, k, k]
        absolute = resample.ratio(square, sums.samples, root=True)
        relative = resample.ratio(square, sums.energy, root=True)
        is_generator = any(bool(group.equal(elements[k], g)) for g in gens)
        against = None if mse is None else bool(absolute.low**2 > 4 * mse.high)
        found.append(ElementDefect(group.describe(elements[k]), is_generator, absolute, relative, against))
    return found


def _gain_bins(sums: OrbitSums, weights: Tensor) -> Tensor:
    """||f - y||^2 - ||Q f - y||^2 = 2 <dbar, r> - ||dbar||^2 in every bin."""
    return 2 * (sums.residuals @ weights) - quadratic.removed_by(sums.deviations, weights)


def _soft_mse(sums: OrbitSums, removed: Tensor, cross: Tensor, alpha: float) -> float:
    alpha = min(max(alpha, 0.0), 1.0)
    # f_alpha = f + (1 - alpha) dbar
    keep = 1 - alpha
    total = sums.losses.sum() - 2 * keep * cross.sum() + keep**2 * removed.sum()
    return float(total / sums.labelled.sum())


def _components(sums: OrbitSums, group: object, resample: Resampler) -> list[Component]:
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
        found.append(Component(irreducible.name, irreducible.dim, resample.ratio(energy, total)))
    return found


def _subgroups(
    sums: OrbitSums,
    group: object,
    resample: Resampler,
    *,
    closure: list[ElementClosure],
    significance: float,
    trajectories: int,
) -> list[SubgroupFinding]:
    if not isinstance(group, FiniteGroup) or not 1 < group.order <= _SUBGROUP_LIMIT:
        return []
    rejected = {c.element: c.p for c in closure}
    labelled = bool(sums.labelled.sum() > 0)
    found = []
    for subgroup in group.subgroups():
        if subgroup.order == 1:
            continue
        members = subgroup.embedding.tolist()
        weights = quadratic.subgroup_weights(group, subgroup)
        gains = _gain_bins(sums, weights) if labelled else None
        names = [group.describe(torch.tensor(k)) for k in members if k != 0]
        p_values = [rejected[n] for n in names if n in rejected]
        closed = None
        if len(p_values) == len(names) and enough(trajectories, significance):
            closed = min(p_values) > significance
        found.append(
            SubgroupFinding(
                subgroup.name,
                subgroup.order,
                resample.ratio(quadratic.removed_by(sums.deviations, weights), sums.samples),
                resample.ratio(gains, sums.labelled) if gains is not None else None,
                resample.ratio(sums.losses - gains, sums.labelled) if gains is not None else None,
                closed,
                tuple(members),
            )
        )
    return found


def enough(trajectories: int, significance: float) -> bool:
    """Whether so many independent trajectories could reject at all: half of 2^n sign patterns are distinct."""
    return 2.0 ** (1 - trajectories) * 4 < significance
