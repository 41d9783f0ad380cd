"""Least squares with every coefficient in [0, 1], from sums of products, with bootstrap intervals."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.seeding import Seed, generator_of
from haar.statistics import Resampler

#: Directions in which the sums of products are smaller than this part of the largest are left out.
_RANK = 1e-12


def free_coefficients(gram: Float[Tensor, "n n"], cross: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The least a^T gram a - 2 a^T cross, of least norm where it is not unique. All float64.

    Example:
        >>> free = free_coefficients(torch.tensor([[2.0]]).double(), torch.tensor([3.0]).double())
        >>> round(float(free), 12)
        1.5
    """
    matrix, right = _root(gram, cross)
    inverse: Tensor = torch.linalg.pinv(matrix)
    return inverse @ right


def bounded_coefficients(gram: Float[Tensor, "n n"], cross: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The same with every coefficient in [0, 1]; 0 where a direction changes nothing.

    Example:
        >>> bounded_coefficients(torch.tensor([[2.0]]).double(), torch.tensor([3.0]).double()).tolist()
        [1.0]
    """
    from scipy import optimize

    solve: Any = optimize.lsq_linear

    if len(cross) == 1:
        return free_coefficients(gram, cross).clamp(0, 1)
    matrix, right = _root(gram, cross)
    if not len(right):
        return torch.zeros_like(cross)
    found = solve(matrix.numpy(), right.numpy(), bounds=(0, 1), method="bvls", tol=1e-14)
    return torch.as_tensor(found.x)


def bootstrap_interval(
    gram: Float[Tensor, "unit n n"], cross: Float[Tensor, "unit n"], *, draws: int, level: float, seed: Seed
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Percentiles of the bounded coefficients over bootstrap draws of the units.

    Args:
        gram: Sums of products of every unit.
        cross: Sums of products with the right-hand side.
        draws: Number of draws.
        level: Coverage of the intervals, such as 0.95.
        seed: Seed of the draws.
    """
    resampler = Resampler(len(gram), draws=draws, level=level, generator=generator_of(seed))
    sums = zip(resampler.sums(gram), resampler.sums(cross), strict=True)
    return resampler.interval(torch.stack([bounded_coefficients(g, c) for g, c in sums]))


def _root(gram: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:
    """M and r with M^T M = gram and M^T r = cross, without the directions in which nothing changes."""
    values, vectors = torch.linalg.eigh(gram)
    keep = values > max(_RANK * float(values.max()), torch.finfo(torch.float64).tiny)
    root = values[keep].sqrt()
    return root[:, None] * vectors[:, keep].T, (vectors[:, keep].T @ cross) / root
