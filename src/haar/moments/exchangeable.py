"""Normal features on exchangeable nodes: two blocks in place of a covariance of all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.moments.covariance import covariance, in_float64, precision_of, slack, symmetric, vector
from haar.moments.joint import Gaussian, InputLaw
from haar.moments.vector import VectorCumulants


class Exchangeable(InputLaw):
    """Normal features on exchangeable nodes: Cov((i, c), (j, d)) is `within` for i = j and `between` otherwise.

    Args:
        nodes: Number of nodes.
        mean: Mean of a node's features, (features,).
        within: Covariance of the features of one node, (features, features).
        between: Covariance between two different nodes, zero by default.

    Raises:
        ShapeError: If the blocks are not (features, features).
        ArgumentError: If no such law exists (the blocks are not those of a positive matrix).

    Example:
        >>> law = Exchangeable(3, [0.0], [[1.0]], [[0.5]])
        >>> law.cumulants(2).cov[0].tolist()
        [1.0, 0.5, 0.5]
    """

    normal = True

    def __init__(
        self,
        nodes: int,
        mean: Tensor | Sequence[float | int],
        within: Tensor | Sequence[Sequence[float | int]],
        between: Tensor | Sequence[Sequence[float | int]] | None = None,
    ) -> None:
        self.nodes = nodes
        self.feature_mean = vector(mean, "mean")
        if self.feature_mean.ndim != 1:
            raise ShapeError("mean", expected="(features,)", got=tuple(self.feature_mean.shape))
        d = self.feature_mean.shape[-1]
        blocks = {"within": in_float64(within, "within")}
        blocks["between"] = torch.zeros_like(blocks["within"]) if between is None else in_float64(between, "between")
        for name, block in blocks.items():
            if tuple(block.shape) != (d, d):
                raise ShapeError(name, expected=f"({d}, {d})", got=tuple(block.shape))
        self.within = covariance(blocks["within"], "within", precision_of(within))
        self.between = symmetric(blocks["between"], "between", precision_of(between))
        self.mean = self.feature_mean.repeat(nodes)
        lowest = min(
            float(torch.linalg.eigvalsh((block + block.mT) / 2)[0])
            for block in (self.within - self.between, self.within + (nodes - 1) * self.between)
        )
        if nodes < 1 or lowest < -slack(d, precision_of(within)) * float(self.within.abs().max()):
            raise ArgumentError(
                "between",
                expected="within - between and within + (nodes-1) between positive",
                got=f"smallest eigenvalue {lowest:.3g}",
            )

    def cumulants(self, order: int) -> VectorCumulants:
        """Dense: (nodes * features)^2 numbers."""
        eye = torch.eye(self.nodes, dtype=torch.float64)
        one = torch.ones(self.nodes, self.nodes, dtype=torch.float64)
        own, cross = (self.within - self.between).contiguous(), self.between.contiguous()
        return Gaussian(self.mean, torch.kron(eye, own) + torch.kron(one, cross)).cumulants(order)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count units"]:
        """Draws: node noise plus what all nodes share, without the dense covariance."""
        d = self.feature_mean.shape[-1]
        noise = torch.randn(count, self.nodes, d, dtype=torch.float64, generator=generator)
        level = noise.mean(1, keepdim=True)
        own = _root(self.within - self.between)
        shared = _root(self.within + (self.nodes - 1) * self.between)
        # The mean over nodes and the deviations from it are independent: colour each with its own block.
        found = (noise - level) @ own.mT + level @ shared.mT
        return self.mean + found.reshape(count, -1)


def _root(block: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((block + block.mT) / 2)
    root: Tensor = vectors * values.clamp(min=0.0).sqrt()
    return root
