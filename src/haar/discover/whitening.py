"""Coordinates without units: second moments made the identity on the span of the data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

#: Directions with less than this of the largest second moment are taken to be empty.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Whitening:
    """x~ = W (x - centre) and back, x = centre + V x~, on the span of the data.

    Attributes:
        centre: The mean, or zeros where a linear action must keep the origin.
        inwards: W.
        outwards: V, with W V = 1.
    """

    centre: Float[Tensor, " n"]
    inwards: Float[Tensor, "r n"]
    outwards: Float[Tensor, "n r"]

    @property
    def rank(self) -> int:
        """Dimension of the span."""
        return int(self.inwards.shape[0])

    @property
    def size(self) -> int:
        """Dimension of the space."""
        return int(self.inwards.shape[1])

    def __call__(self, x: Float[Tensor, "*b n"]) -> Float[Tensor, "*b r"]:
        """Whitened coordinates."""
        return (x - self.centre) @ self.inwards.T

    def turned(self, frame: Float[Tensor, "r s"]) -> Whitening:
        """Only some directions of the span: orthonormal columns in whitened coordinates."""
        return Whitening(self.centre, frame.T @ self.inwards, self.outwards @ frame)

    def matrix(self, within: Float[Tensor, "*k r r"]) -> Float[Tensor, "*k n n"]:
        """A linear map of whitened coordinates, in the given coordinates."""
        return self.outwards @ within @ self.inwards


def whitening(x: Float[Tensor, "b n"], *, centred: bool, rank_tolerance: float = RANK_TOLERANCE) -> Whitening:
    """From samples. Coordinates are first brought to one size, so that rank does not depend on units.

    Args:
        x: Samples.
        centred: Whether the mean is taken off.
        rank_tolerance: Directions with less than this of the largest second moment are empty.

    Example:
        >>> x = torch.randn(200, 3, dtype=torch.float64) @ torch.diag(torch.tensor([1.0, 100, 0.01])).double()
        >>> w = whitening(x, centred=True)
        >>> bool((w(x).T @ w(x) / 200 - torch.eye(3)).abs().max() < 1e-12)
        True
    """
    centre = x.mean(0) if centred else torch.zeros(x.shape[1], dtype=torch.float64)
    y = x - centre
    scale = y.square().mean(0).sqrt()
    floor = 1e-12 * float(x.square().mean(0).sqrt().max())
    scale = torch.where(scale > floor, scale, torch.ones_like(scale))
    scaled = torch.where(y.square().mean(0).sqrt() > floor, y / scale, torch.zeros_like(y))
    values, vectors = torch.linalg.svd(scaled / max(len(x), 1) ** 0.5, full_matrices=False)[1:]
    keep = values.square() > rank_tolerance * float(values.square().max()) if len(values) else values > 0
    size, frame = values[keep], vectors[keep]
    return Whitening(centre, frame / size[:, None] / scale, scale[:, None] * frame.T * size)
