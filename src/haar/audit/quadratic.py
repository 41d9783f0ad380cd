"""Quadratic forms on the orbit sums: what averaging over a subgroup removes, component by component."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.groups import FiniteGroup, Subgroup


def uniform(m: int, members: Tensor | None = None) -> Float[Tensor, " m"]:
    """Equal weights on some elements (all by default)."""
    weights = torch.zeros(m, dtype=torch.float64)
    if members is None:
        return weights + 1 / m
    weights[members] = 1 / len(members)
    return weights


def removed_by(deviations: Float[Tensor, "bins m m"], weights: Float[Tensor, " m"]) -> Float[Tensor, " bins"]:
    """||f - sum_k w_k f_k||^2 in every bin."""
    return torch.einsum("k,bkl,l->b", weights, deviations, weights)


def removed_by_unlisted(deviations: Float[Tensor, "bins m m"]) -> Float[Tensor, " bins"]:
    """||f - Qf||^2 without bias from m - 1 random elements beside the identity: the mean of <d_k, d_l>, k != l."""
    d = deviations[:, 1:, 1:]
    m = d.shape[-1]
    trace = d.diagonal(dim1=-2, dim2=-1).sum(-1)
    return (d.sum((-2, -1)) - trace) / (m * (m - 1)) if m > 1 else torch.full_like(trace, float("nan"))


def orbit_variance(deviations: Float[Tensor, "bins m m"]) -> Float[Tensor, " bins"]:
    """mean_k ||f_k - Qf||^2 over a full orbit, in every bin."""
    m = deviations.shape[-1]
    trace = deviations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace / m - deviations.sum((-2, -1)) / m**2


def subgroup_share(deviations: Float[Tensor, "m m"], group: FiniteGroup, subgroup: Subgroup) -> float:
    """Part of the orbit variance that averaging over a subgroup removes, over whole orbits of the samples.

    mean_k ||f_k - mean_h f_hk||^2 over the same for all of the group: what is removed at every moved copy of a sample,
    not at the sample alone. On data that the group preserves both have the same expectation; this one is never above 1.

    Args:
        deviations: Sums over all samples.
        group: The group, all of whose elements were looked at.
        subgroup: The subgroup that is averaged over.
    """
    total = orbit_variance(deviations[None])[0] * group.order
    cosets = group.cosets(subgroup, "right")
    kept = deviations[cosets[:, :, None], cosets[:, None, :]].sum() / subgroup.order
    return float((deviations.diagonal().sum() - kept) / total) if float(total) > 0 else 0.0


def subgroup_weights(group: FiniteGroup, subgroup: Subgroup) -> Float[Tensor, " m"]:
    """Equal weights on a subgroup's elements, within the group's list of elements."""
    return uniform(group.order, subgroup.embedding)


def irreducible_energies(
    deviations: Float[Tensor, "bins m m"], group: FiniteGroup, coefficients: Float[Tensor, " m"]
) -> Float[Tensor, " bins"]:
    """Energy of one nontrivial isotypic component of g -> f_g, averaged over the orbit.

    With the central idempotent c of the component, mean_g ||(F * c)(g)||^2 = (1/|G|) sum_ab c(a^-1 b) <f_a, f_b>; as c
    sums to zero, deviations may stand for predictions. The components add up to the orbit variance.
    """
    elements = group.elements()
    kernel = coefficients[group.compose(group.inverse(elements)[:, None], elements[None, :])]
    return torch.einsum("bkl,kl->b", deviations, kernel) / group.order
