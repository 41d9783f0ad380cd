"""A vector-neuron network on clouds of points (VN-DGCNN), with a dense branch beside each of its linear maps."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.relax.wrapping.side_branch import SideBranch
from haar.systems.adaptive_constrained_equivariance.particle_network import picked
from haar.systems.adaptive_constrained_equivariance.task import started

_TINY = 1e-12
#: Slope of the leaky part, as in the source.
_SLOPE = 0.2
#: Vectors that scalars are read off with.
_FRAME = 3


class VectorNeuronNetwork(nn.Module):
    """VN-DGCNN (Deng et al., arXiv 2104.12229): every channel of every point is a vector of space.

    A layer makes [v_j - v_i, v_i] for the nearest j of every point i (nearest by the layer's own features), maps the
    channels linearly, cuts what points away from a learned direction, and takes the mean over j. Scalars of the whole
    are products of pooled vectors with a frame made from them. Each linear map, of features and of directions, has the
    source's free branch beside it: a dense map of all 3 C numbers of a point. In place of vector batch norms, which
    mix the samples of a batch, vectors are divided by the root mean square of a point's channels.

    Args:
        channels: Vectors of every point in hidden layers.
        layers: Number of layers on edges.
        nearest: Neighbours of a point.
        outputs: Scalars of the whole.
        hidden: Width of the last layers, on scalars.
        generator: Source of the weights.

    Example:
        >>> network = VectorNeuronNetwork(5, layers=2, nearest=3, outputs=4, generator=torch.Generator().manual_seed(0))
        >>> network(torch.randn(2, 8, 4)).shape
        torch.Size([2, 4])
    """

    def __init__(
        self,
        channels: int = 21,
        *,
        layers: int = 4,
        nearest: int = 20,
        outputs: int = 40,
        hidden: int = 128,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.nearest = nearest
        self.layers = nn.ModuleList(_Neurons(2 * (1 if k == 0 else channels), channels) for k in range(layers))
        self.join = _Neurons(layers * channels, channels)
        self.frame = _Linear(channels, _FRAME)
        self.head = nn.Sequential(nn.Linear(_FRAME * channels, hidden), nn.SiLU(), nn.Linear(hidden, outputs))
        started(self, generator)

    def forward(self, rows: Float[Tensor, "batch point row"]) -> Float[Tensor, "batch out"]:
        """Scalars of the whole, from the points' places; what else is in a row is not read."""
        vectors = rows[..., :3].unsqueeze(-2)
        found = []
        for layer in self.layers:
            flat = vectors.flatten(-2)
            near = _nearest(flat, self.nearest)
            theirs = picked(flat, near).unflatten(-1, vectors.shape[-2:])
            mine = vectors.unsqueeze(-3).expand(theirs.shape)
            vectors = layer(torch.cat([theirs - mine, mine], -2)).mean(-3)
            found.append(vectors)
        pooled = self.join(torch.cat(found, -2)).mean(-3)
        products = pooled @ self.frame(pooled).transpose(-1, -2)
        out: Tensor = self.head(products.flatten(-2))
        return out


class _Linear(nn.Module):
    """Channels of vectors to channels of vectors; beside it, times gamma, all numbers to all numbers."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(channels, outputs, bias=False)
        self.beside = SideBranch(_Dense(channels, outputs))

    def forward(self, vectors: Float[Tensor, "*batch c 3"]) -> Float[Tensor, "*batch o 3"]:
        mapped = self.map(vectors.transpose(-1, -2)).transpose(-1, -2)
        out: Tensor = self.beside(mapped, vectors)
        return out


class _Dense(nn.Module):
    """One dense map of the 3 C numbers of a point, point by point."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.map = nn.Linear(3 * channels, 3 * outputs)
        self.outputs = outputs

    def forward(self, vectors: Float[Tensor, "*batch c 3"]) -> Float[Tensor, "*batch o 3"]:
        out: Tensor = self.map(vectors.flatten(-2)).unflatten(-1, (self.outputs, 3))
        return out


class _Neurons(nn.Module):
    """A linear map, a norm, and a leaky cut along learned directions."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.feature, self.direction = _Linear(channels, outputs), _Linear(channels, outputs)

    def forward(self, vectors: Float[Tensor, "*batch c 3"]) -> Float[Tensor, "*batch o 3"]:
        q, d = self.feature(vectors), self.direction(vectors)
        q = q / (q.square().sum(-1, keepdim=True).mean(-2, keepdim=True) + _TINY).sqrt()
        along = (q * d).sum(-1, keepdim=True)
        cut = q - along.clamp(max=0) / (d.square().sum(-1, keepdim=True) + _TINY) * d
        out: Tensor = _SLOPE * q + (1 - _SLOPE) * cut
        return out


def _nearest(features: Float[Tensor, "*batch point c"], count: int) -> Int[Tensor, "*batch point k"]:
    """The nearest other points of every one."""
    apart = (features.unsqueeze(-2) - features.unsqueeze(-3)).square().sum(-1)
    apart = apart + 1e12 * torch.eye(features.shape[-2], dtype=apart.dtype, device=apart.device)
    return apart.topk(count, dim=-1, largest=False).indices
