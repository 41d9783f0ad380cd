"""Relative defects of all directions: found on one half of the data, judged on the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.discover.rows import Sums, unit_sums

#: Half-width of a two-sided 95 % interval, in standard errors.
_TWO_SIDED = 1.959963984540054


@runtime_checkable
class Samples(Protocol):
    """Samples of independent units."""

    @property
    def units(self) -> Tensor:
        """Which unit every sample belongs to."""

    def __len__(self) -> int: ...


S_contra = TypeVar("S_contra", bound=Samples, contravariant=True)


@runtime_checkable
class Problem(Protocol[S_contra]):
    """What a spectrum is computed of."""

    def sums(self, sample: S_contra) -> Sums:
        """The triangular factor of all rows, and the size form."""

    def judged(self, sample: S_contra, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Squared failure and squared size of every direction at every sample, ``(b, k)`` each."""

    def scaled(self, triangle: Tensor, sums: Sums) -> Tensor:
        """R N^(-1/2)."""

    def unscaled(self, vectors: Tensor, sums: Sums) -> Tensor:
        """N^(-1/2) w."""


@dataclass(frozen=True)
class Spectrum:
    """Relative defects in rising order, 0 for a symmetry and about 1 for a direction that has nothing to do with f.

    Attributes:
        solved: On the half that found the directions.
        held_out: On the other half, for the same directions.
        low: Lower end of the 95 % interval of `held_out`.
        high: Upper end.
        floor: What rounding alone leaves.
        vectors: Directions, in columns, of size 1.
    """

    solved: Float[Tensor, " p"]
    held_out: Float[Tensor, " p"]
    low: Float[Tensor, " p"]
    high: Float[Tensor, " p"]
    floor: float
    vectors: Float[Tensor, "p p"]


def spectrum(problem: Problem[S_contra], first: S_contra, second: S_contra, floor: float) -> Spectrum:
    """Solve on the first half, judge on the second.

    Args:
        problem: What is sought.
        first: Samples that find directions.
        second: Samples that judge them.
        floor: Relative rounding of what the rows are made of.
    """
    sums = problem.sums(first)
    scaled = problem.scaled(sums.triangle, sums) / len(first) ** 0.5
    values, vectors = torch.linalg.svd(scaled, full_matrices=True)[1:]
    values = torch.cat([values, values.new_zeros(len(vectors) - len(values))])
    found = problem.unscaled(vectors.T.flip(1), sums)
    held, low, high = defects(problem, second, found)
    return Spectrum(values.flip(0), held, low, high, floor, found)


def defects(
    problem: Problem[S_contra], sample: S_contra, vectors: Float[Tensor, "p k"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Relative defects of directions with their 95 % intervals, by the delta method over independent units."""
    failure, size = problem.judged(sample, vectors)
    failure, size = unit_sums(failure, sample.units), unit_sums(size, sample.units)
    return defect_interval(failure, size)


def defect_interval(failure: Float[Tensor, "u k"], size: Float[Tensor, "u k"]) -> tuple[Tensor, Tensor, Tensor]:
    """The root of a ratio of sums over units, and its interval.

    Args:
        failure: Squared failures of every unit.
        size: Squared sizes of every unit.
    """
    units = len(failure)
    total = size.sum(0).clamp_min(1e-300)
    ratio = failure.sum(0) / total
    residual = failure - ratio * size
    error = units / max(units - 1, 1) * residual.square().sum(0)
    spread = _TWO_SIDED * error.sqrt() / total
    middle = ratio.clamp_min(0).sqrt()
    return middle, (ratio - spread).clamp_min(0).sqrt(), (ratio + spread).clamp_min(0).sqrt()
