"""Data on a curved set, such as spheres and cones: the directions along it at every sample."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.constants import TINY
from haar.errors import ArgumentError

#: Neighbours that a plane is laid through, where no equation of second degree holds.
_NEIGHBOURS = 30
#: Equations hold if they leave so much of the size of their terms.
_HOLDS = 1e-6
#: Spreads along the set must be so many times those across it.
_FLAT = 2.5


def tangents(x: Float[Tensor, "b r"]) -> tuple[Float[Tensor, "b r r"], str]:
    """Projectors on the directions along the set on which samples lie, and how they were found.

    Equations of second degree that all samples satisfy are solved for, and give the directions exactly; where there are
    none, a plane is laid through the neighbours of every sample.

    Args:
        x: Samples, in coordinates without units.

    Raises:
        ArgumentError: If they fill their space.

    Example:
        >>> x = torch.nn.functional.normalize(torch.randn(200, 3, dtype=torch.float64), dim=1)
        >>> along, told = tangents(x)
        >>> bool((along @ x[..., None]).abs().max() < 1e-9), told
        (True, 'the data lie on a set of 2 of 3 dimensions, by 1 equation of second degree: derivatives along it alone')
    """
    across, told = _by_equations(x)
    if across is None:
        across, told = _by_neighbours(x)
    r = x.shape[1]
    inside = r - across.shape[1]
    if not 0 < inside < r:
        raise ArgumentError(
            "support",
            expected='"ambient" for data that fill their space',
            got=f'"tangent", and samples that spread alike in all {r} directions',
        )
    along = torch.eye(r, dtype=torch.float64) - across.mT @ across
    return along, f"the data lie on a set of {inside} of {r} dimensions, by {told}: derivatives along it alone"


def _by_equations(x: Float[Tensor, "b r"]) -> tuple[Float[Tensor, "b c r"] | None, str]:
    """Gradients of the polynomials of second degree that vanish on all samples, orthonormal at each."""
    b, r = x.shape
    i, j = torch.triu_indices(r, r)
    terms = torch.cat([torch.ones(b, 1, dtype=torch.float64), x, x[:, i] * x[:, j]], 1)
    if b < 2 * terms.shape[1]:
        return None, ""
    size = terms.square().mean(0).sqrt()
    size = torch.where(size > TINY, size, 1.0)  # a term that is zero everywhere is an equation like any other
    values, vectors = torch.linalg.svd(terms / size, full_matrices=False)[1:]
    zero = vectors[values < _HOLDS * values[0]] / size
    if not len(zero):
        return None, ""
    square = torch.zeros(len(zero), r, r, dtype=torch.float64)
    square[:, i, j] = zero[:, 1 + r :]
    slopes = zero[:, 1 : 1 + r] + torch.einsum("cij,bj->bci", square + square.mT, x)
    singular, rows = torch.linalg.svd(slopes, full_matrices=False)[1:]
    count = int((singular > 1e-6 * singular[:, :1]).sum(1).median())
    return rows[:, :count], f"{len(zero)} equation{'s' * (len(zero) > 1)} of second degree"


def _by_neighbours(x: Float[Tensor, "b r"]) -> tuple[Float[Tensor, "b c r"], str]:
    r = x.shape[1]
    near = torch.cdist(x, x).topk(min(_NEIGHBOURS, len(x)), largest=False).indices
    cloud = x[near] - x[near].mean(1, keepdim=True)
    singular, rows = torch.linalg.svd(cloud, full_matrices=True)[1:]
    spread = torch.nn.functional.pad(singular, (0, max(0, r - singular.shape[1]))).square().mean(0).sqrt()
    steps = spread[:-1] / spread[1:].clamp_min(1e-300)
    most = int(steps.argmax()) if len(steps) else 0
    inside = most + 1 if len(steps) and float(steps[most]) >= _FLAT else r
    return rows[:, inside:], f"the {_NEIGHBOURS} neighbours of every sample"
