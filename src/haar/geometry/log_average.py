"""The log-Euclidean average of a metric: invariant as the arithmetic one is, and keeping volumes, not lengths."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Representation
from haar.errors import ArgumentError
from haar.geometry.derivatives import Field

#: Elements of a finite group that are averaged over at most.
_MOST = 4096


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
        """The averaged metric at points."""
        moves = self.matrices.to(z)
        moved = torch.einsum("gij,nj->gni", moves, z)
        g = self.metric(moved.flatten(0, 1)).unflatten(0, (len(moves), len(z)))
        back = moves.mT[:, None] @ g @ moves[:, None]
        return _exp(_log(back).mean(0))


def _log(g: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((g + g.mT) / 2)
    found: Tensor = (vectors * values.log()[..., None, :]) @ vectors.mT
    return found


def _exp(a: Tensor) -> Tensor:
    """The exponential; torch's own, whose derivative is finite where eigenvalues are equal."""
    made: Tensor = torch.linalg.matrix_exp((a + a.mT) / 2)
    return (made + made.mT) / 2
