"""Values at the faces and at the centres of a row of cells between two walls, and the way from one to the other.

A component normal to walls lives at the faces, where it is zero at both ends. What is stored is its mean over the two
faces of each cell. Nothing is lost: n means determine the n - 1 inner faces, and least squares recovers them from
means that no faces have, without preferring an end.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float, Inexact
from torch import Tensor


def to_centres(faces: Inexact[Tensor, "*faces"], dim: int) -> Inexact[Tensor, "*cells"]:
    """The mean over the two faces of every cell along an axis; of real values or of modes.

    Example:
        >>> to_centres(torch.tensor([0.0, 2.0, 0.0]), 0)
        tensor([1., 1.])
    """
    n = faces.shape[dim] - 1
    return (faces.narrow(dim, 0, n) + faces.narrow(dim, 1, n)).mul_(0.5)


def to_faces(centres: Float[Tensor, "*cells"], dim: int) -> Float[Tensor, "*faces"]:
    """Face values, zero at both ends, whose means are nearest to the given centre values along an axis.

    The inverse of `to_centres` on its image. The least singular value is ``sin(pi / 2n)``: the shortest wave is
    recovered with a loss of about ``log10(2n / pi)`` digits.

    Example:
        >>> to_faces(torch.tensor([1.0, 1.0], dtype=torch.float64), 0).round(decimals=12)
        tensor([0., 2., 0.], dtype=torch.float64)
    """
    matrix = _recovery(centres.shape[dim]).to(centres.device, centres.dtype)
    return torch.movedim(torch.movedim(centres, dim, -1) @ matrix.T, -1, dim)


@lru_cache(maxsize=16)
def _recovery(n: int) -> Tensor:
    """The pseudo-inverse of `to_centres` on n cells, (n + 1, n), end rows zero, exactly symmetric."""
    inner = torch.eye(n + 1, dtype=torch.float64)[1:-1]
    inverse = torch.linalg.pinv(to_centres(inner, 1).T)
    inverse = (inverse + inverse.flip(0, 1)) / 2
    return torch.nn.functional.pad(inverse, (0, 0, 1, 1))
