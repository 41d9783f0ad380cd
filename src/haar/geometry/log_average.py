"""The log-Euclidean average of a metric: invariant as the arithmetic one is, and keeping volumes, not lengths."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Representation
from haar.errors import ArgumentError, ShapeError
from haar.geometry.definite import check_metric
from haar.geometry.derivatives import Field

#: Elements of a finite group that are averaged over at most.
_MOST = 4096
#: Eigenvalues from 1 / _NEAR to _NEAR, on which the rule with so many nodes has all digits of the logarithm.
_NEAR, _NODES = 1.5, 10
#: Steps of Newton's iteration for a root of what is near 1; two of them are for its derivatives, which follow.
_STEPS = 7


class LogAveraged(nn.Module):
    r"""The mean of a metric's logarithms over a finite group.

    .. math:: \exp(\mathrm{mean}_h \log(\rho_h^T g(\rho_h z) \rho_h))

    Like ``haar.average(metric, symmetry)``, the arithmetic mean, it is exactly invariant; the logarithm of its
    determinant is the mean of those of the metric, where the arithmetic mean keeps mean squared lengths.

    Args:
        metric: What gives a metric at points.
        rep: How the group moves points; orthogonal, as every representation.

    Raises:
        ArgumentError: If the group is not finite or too large.

    Source:
        Arsigny, Fillard, Pennec, Ayache, "Log-Euclidean metrics", Magnetic Resonance in Medicine 56 (2006).

    Example:
        >>> from haar.actions import Defining
        >>> from haar.geometry import MetricNet, isometry_defect
        >>> from haar.groups import cyclic
        >>> rep, z = Defining(cyclic(4)), torch.randn(5, 2, dtype=torch.float64)
        >>> isometry_defect(LogAveraged(MetricNet(2, dtype=torch.float64), rep), rep, z).total < 1e-12
        True
    """

    def __init__(self, metric: Field, rep: Representation) -> None:
        super().__init__()
        group = rep.group
        if not group.is_finite or group.order is None or group.order > _MOST:
            raise ArgumentError(
                "rep",
                expected=f"a representation of a finite group of at most {_MOST} elements",
                got=group.name,
                way_out="haar.average takes infinite groups",
            )
        self.metric = metric
        matrices = rep.matrix(group.elements())
        self.register_buffer("matrices", matrices, persistent=False)
        self.matrices: Tensor

    def forward(self, z: Float[Tensor, "n d"]) -> Float[Tensor, "n d d"]:
        """The averaged metric at points.

        Raises:
            ShapeError: If points have not as many coordinates as the representation.
            ArgumentError: If the metric is none at a moved point.
        """
        if z.shape[-1] != self.matrices.shape[-1]:
            raise ShapeError("z", expected=f"points (n, {self.matrices.shape[-1]})", got=tuple(z.shape))
        moves = self.matrices.to(z)
        moved = torch.einsum("gij,nj->gni", moves, z).flatten(0, 1)
        g = self.metric(moved)
        check_metric(g, moved)
        g = g.unflatten(0, (len(moves), len(z)))
        back = moves.mT[:, None] @ g @ moves[:, None]
        return _exp(_log(back).mean(0))


def _log(g: Float[Tensor, "*n d d"]) -> Float[Tensor, "*n d d"]:
    """The logarithm of positive definite matrices, by inverse scaling and squaring.

    By inverses and products alone it has derivatives of every order, also where eigenvalues are equal: those of
    eigenvectors are infinite there, and metrics begin as the identity.
    """
    g = (g + g.mT) / 2
    values = torch.linalg.eigvalsh(g.detach())
    middle = (values[..., 0] * values[..., -1]).sqrt()[..., None, None]
    eye = torch.eye(g.shape[-1], dtype=g.dtype, device=g.device)
    root, spread = g / middle, float((values[..., -1] / values[..., 0]).max()) ** 0.5 if g.numel() else 1.0
    roots = 0
    while spread > _NEAR:
        root, spread, roots = _square_root(root, spread), spread**0.5, roots + 1
    away = root - eye
    near = torch.zeros_like(away)
    for place, weight in zip(*_rule(), strict=True):
        near = near + weight * (away @ torch.linalg.inv(eye + place * away))
    found: Tensor = 2**roots * near + middle.log() * eye
    return found


def _square_root(a: Tensor, spread: float) -> Tensor:
    """The root of matrices with eigenvalues from 1 / spread to spread: Newton's iteration as a product."""
    eye = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    found, left = a, a
    for _ in range(_STEPS + math.ceil(math.log2(spread))):
        back = torch.linalg.inv(left)
        found = found @ (eye + back) / 2
        left = (eye + (left + back) / 2) / 2
    return found


@functools.cache
def _rule() -> tuple[list[float], list[float]]:
    """Nodes and weights on (0, 1): log B is the integral of (B - 1) (1 + t (B - 1))^-1 over t."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return ((nodes + 1) / 2).tolist(), (weights / 2).tolist()


def _exp(a: Tensor) -> Tensor:
    """The exponential; torch's own, whose derivative is finite where eigenvalues are equal."""
    made: Tensor = torch.linalg.matrix_exp((a + a.mT) / 2)
    return (made + made.mT) / 2
