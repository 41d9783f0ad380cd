"""Inverses and volumes of symmetric positive definite matrices, and the refusal of what is not."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError

#: How far g and its transpose may differ, in units of the rounding of its largest entry.
_SYMMETRY_UNITS = 1000


def check_metric(g: Tensor, points: Tensor) -> None:
    """Refuse values that are no metric at one of the points.

    Raises:
        ArgumentError: If the shape is wrong, or a value is not finite, not symmetric or not positive definite; the
            point and its eigenvalue are named.
    """
    count, size = points.shape
    if g.shape != (count, size, size):
        raise ArgumentError(
            "metric", expected=f"values of shape {(count, size, size)} at {count} points", got=tuple(g.shape)
        )
    g = g.detach()
    if not g.is_floating_point():
        raise ArgumentError("metric", expected="real values", got=str(g.dtype))
    finite = g.isfinite().flatten(1).all(1)
    if not bool(finite.all()):
        raise _refused(points, int((~finite).nonzero()[0, 0]), "finite values", "NaN or infinity")
    largest = g.abs().amax((-2, -1))
    skew = (g - g.mT).abs().amax((-2, -1))
    bad = skew > _SYMMETRY_UNITS * torch.finfo(g.dtype).eps * largest
    if bool(bad.any()):
        worst = int(skew.argmax())
        raise _refused(points, worst, "symmetric values", f"entries that differ by {float(skew[worst]):.3g}")
    definite = leading_minors_positive(g)
    if not bool(definite.all()):
        at = int((~definite).nonzero()[0, 0])
        least = float(torch.linalg.eigvalsh(g[at].double())[0])
        raise _refused(points, at, "positive definite values", f"the eigenvalue {least:.3g}")


def _refused(points: Tensor, at: int, expected: str, got: str) -> ArgumentError:
    where = ", ".join(f"{float(x):.4g}" for x in points[at].detach())
    return ArgumentError("metric", expected=expected, got=f"{got} at point {at}, ({where})")


def leading_minors_positive(g: Float[Tensor, "n d d"]) -> Tensor:
    """Whether each matrix is positive definite; its own test in one and two dimensions, Cholesky above."""
    if g.shape[-1] == 1:
        return g[:, 0, 0] > 0
    if g.shape[-1] == 2:
        return (g[:, 0, 0] > 0) & (g[:, 0, 0] * g[:, 1, 1] - g[:, 0, 1] * g[:, 1, 0] > 0)
    failed: Tensor = torch.linalg.cholesky_ex(g).info
    return failed == 0


def inverse(g: Float[Tensor, "n d d"]) -> Float[Tensor, "n d d"]:
    """The inverse of each; in closed form up to two dimensions, where a factorisation for each would cost more.

    Example:
        >>> inverse(torch.tensor([[[2.0, 0.0], [0.0, 4.0]]])).tolist()
        [[[0.5, -0.0], [-0.0, 0.25]]]
    """
    if g.shape[-1] == 1:
        return 1 / g
    if g.shape[-1] == 2:
        a, b, c, d = g[:, 0, 0], g[:, 0, 1], g[:, 1, 0], g[:, 1, 1]
        rows = [torch.stack([d, -b], -1), torch.stack([-c, a], -1)]
        return torch.stack(rows, -2) / (a * d - b * c)[:, None, None]
    return torch.cholesky_inverse(torch.linalg.cholesky(g))


def log_volume(g: Float[Tensor, "n d d"]) -> Float[Tensor, " n"]:
    """Half the logarithm of the determinant of each.

    Example:
        >>> log_volume(torch.diag(torch.tensor([1.0, torch.e**2]))[None]).tolist()
        [1.0]
    """
    if g.shape[-1] <= 2:
        determinant = g[:, 0, 0] if g.shape[-1] == 1 else g[:, 0, 0] * g[:, 1, 1] - g[:, 0, 1] * g[:, 1, 0]
        made: Tensor = determinant.log() / 2
        return made
    factor: Tensor = torch.linalg.cholesky(g)
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
