"""Perturbation by factors: every matrix by the nearest one of lower rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError

if TYPE_CHECKING:
    from haar.compress.bench import Bench
    from haar.compress.layers import Layer


def rank_at(level: float, rows: int, columns: int) -> int:
    """The rank that is kept: a fraction of the full one, at least 1."""
    return max(1, round(level * min(rows, columns)))


def parameter_ratio(rank: int, rows: int, columns: int) -> float:
    """r (n_out + n_in) / (n_out n_in): what two factors hold of what the matrix held; above 1 for a large rank.

    Example:
        >>> parameter_ratio(48, 64, 64)
        1.5
    """
    return rank * (rows + columns) / (rows * columns)


def truncated(weight: Float[Tensor, "*groups out into"], rank: int) -> Float[Tensor, "*groups out into"]:
    """The nearest matrices of a rank, by their singular values; in half precision worked out in single."""
    half = weight.dtype in (torch.float16, torch.bfloat16)
    u, s, vt = torch.linalg.svd(weight.float() if half else weight, full_matrices=False)
    found: Tensor = (u[..., :rank] * s[..., None, :rank]) @ vt[..., :rank, :]
    return found.to(weight.dtype)


def check_matrix(layer: Layer, name: str) -> None:
    """Refuse a layer whose weight is no matrix.

    Raises:
        ArgumentError: If it is an equivariant one's coordinates.
    """
    if layer.form == "coordinates":
        raise ArgumentError(
            "perturbations",
            expected=f"linear or convolutional layers for {name!r}",
            got=f"{layer.name}, an equivariant layer in coordinates",
            way_out="leave it out: layers= takes patterns of names",
        )


@dataclass(frozen=True)
class LowRank(Perturbation):
    """Truncated singular value decomposition; the level is the fraction of the rank that is kept.

    Example:
        >>> LowRank().ordered([0.5, 0.9])
        (0.9, 0.5)
    """

    name: ClassVar[str] = "low rank"  # type: ignore[misc]
    measure: ClassVar[str] = "kept rank"
    levels: tuple[float | int, ...] = (0.9, 0.7, 0.5, 0.3, 0.1)
    rising: ClassVar[bool] = False
    identity: ClassVar[float] = 1.0

    def apply(self, bench: Bench, level: float, seed: int) -> None:
        """Truncate every layer."""
        del seed
        for layer in bench.layers:
            check_matrix(layer, self.name)
            weight = layer.matrices()
            layer.write(truncated(weight, rank_at(level, *weight.shape[-2:])))
