"""Steerable messages of scalars and vectors (SEGNN at degree one), with the source's two free branches a layer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.relax.wrapping.side_branch import SideBranch
from haar.systems.adaptive_constrained_equivariance.particle_network import picked
from haar.systems.adaptive_constrained_equivariance.task import started

_TINY = 1e-12


class Steered(NamedTuple):
    """Scalars and vectors of every particle, or of every pair."""

    scalars: Float[Tensor, "*batch s"]
    vectors: Float[Tensor, "*batch v 3"]

    def flat(self) -> Tensor:
        """All numbers in a row, vector by vector."""
        return torch.cat([self.scalars, self.vectors.flatten(-2)], -1)


class SteerableNetwork(nn.Module):
    """An SEGNN (Brandstetter et al., arXiv 2110.02905) of scalars and vectors on particles that all see each other.

    Linear maps are tensor products with the directions a of edges and nodes: of features (s, v) the products s, v . a
    make scalars, and v, s a make vectors. Messages are two gated products, and a layer's update two more:

        m_ij = gated(gated([f_i, f_j, |x_ij|^2, q_i q_j], a_ij), a_ij),
        u_i = gated([f_i, sum_j m_ij], A_i) + gamma F([f_i, sum_j m_ij]),
        f_i <- f_i + product(u_i, A_i) + gamma' F'(u_i),

    where a_ij is the unit vector between two particles and A_i the mean of these plus the direction of the velocity.
    F and F' are dense networks on all d numbers in a row, as wide as the source's: 2d -> 2d -> d -> d and
    d -> 2d -> d -> d.

    Args:
        channels: Scalars of a particle, and as many vectors: d = 4 channels.
        layers: Number of layers.
        generator: Source of the weights.

    Example:
        >>> network = SteerableNetwork(4, layers=2, generator=torch.Generator().manual_seed(0))
        >>> network(torch.randn(2, 5, 7)).shape
        torch.Size([2, 5, 3])
    """

    def __init__(self, channels: int = 16, *, layers: int = 4, generator: torch.Generator) -> None:
        super().__init__()
        self.embedding = _Product(2, 2, channels, channels)
        self.layers = nn.ModuleList(_Layer(channels) for _ in range(layers))
        self.before = _Gated(channels, channels, channels)
        self.readout = _Product(channels, channels, 0, 1)
        started(self, generator)

    def forward(self, rows: Float[Tensor, "batch particle 7"]) -> Float[Tensor, "batch particle 3"]:
        """Places of all particles, from their places, velocities and charges."""
        x, velocity, charge = rows[..., :3], rows[..., 3:6], rows[..., 6:]
        count = rows.shape[-2]
        others = torch.tensor([[j for j in range(count) if j != i] for i in range(count)], device=rows.device)
        near = others.expand(*rows.shape[:-2], *others.shape)
        apart = x.unsqueeze(-2) - picked(x, near)
        square = apart.square().sum(-1, keepdim=True)
        along = apart / (square + _TINY).sqrt()
        pair = torch.cat([square, charge.unsqueeze(-2) * picked(charge, near)], -1)
        speed = (velocity.square().sum(-1, keepdim=True) + _TINY).sqrt()
        node = along.mean(-2) + velocity / (1 + speed)
        centred = x - x.mean(-2, keepdim=True)
        f = self.embedding(Steered(torch.cat([charge, speed], -1), torch.stack([centred, velocity], -2)), node)
        for layer in self.layers:
            f = layer(f, near, pair, along, node)
        out: Tensor = x + self.readout(self.before(f, node), node).vectors.squeeze(-2)
        return out


class _Product(nn.Module):
    """Linear in the products of features with a direction."""

    def __init__(self, scalars: int, vectors: int, scalars_out: int, vectors_out: int) -> None:
        super().__init__()
        self.to_scalars = nn.Linear(scalars + vectors, scalars_out) if scalars_out else None
        self.to_vectors = nn.Linear(scalars + vectors, vectors_out, bias=False)

    def forward(self, f: Steered, along: Float[Tensor, "*batch 3"]) -> Steered:
        dots = (f.vectors * along.unsqueeze(-2)).sum(-1)
        rays = f.scalars.unsqueeze(-1) * along.unsqueeze(-2)
        vectors = torch.cat([f.vectors, rays], -2)
        turned = self.to_vectors(vectors.transpose(-1, -2)).transpose(-1, -2)
        if self.to_scalars is None:
            return Steered(f.scalars[..., :0], turned)
        return Steered(self.to_scalars(torch.cat([f.scalars, dots], -1)), turned)


class _Gated(nn.Module):
    """A product, then SiLU on scalars; vectors by the sigmoid of scalars of their own."""

    def __init__(self, scalars: int, vectors: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.product = _Product(scalars, vectors, 2 * channels, channels)

    def forward(self, f: Steered, along: Float[Tensor, "*batch 3"]) -> Steered:
        made = self.product(f, along)
        kept, gates = made.scalars[..., : self.channels], made.scalars[..., self.channels :]
        return Steered(nn.functional.silu(kept), made.vectors * torch.sigmoid(gates).unsqueeze(-1))


class _Layer(nn.Module):
    """One round of messages, with the two branches."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        d = 4 * channels
        self.channels = channels
        self.first = _Gated(2 * channels + 2, 2 * channels, channels)
        self.second = _Gated(channels, channels, channels)
        self.gather = _Gated(2 * channels, 2 * channels, channels)
        self.update = _Product(channels, channels, channels, channels)
        self.beside_gather = SideBranch(_dense(2 * d, 2 * d, d))
        self.beside_update = SideBranch(_dense(d, 2 * d, d))

    def forward(self, f: Steered, near: Tensor, pair: Tensor, along: Tensor, node: Tensor) -> Steered:
        theirs = self._split(picked(f.flat(), near))
        mine = Steered(
            f.scalars.unsqueeze(-2).expand(theirs.scalars.shape), f.vectors.unsqueeze(-3).expand(theirs.vectors.shape)
        )
        both = Steered(
            torch.cat([mine.scalars, theirs.scalars, pair], -1), torch.cat([mine.vectors, theirs.vectors], -2)
        )
        message = self.second(self.first(both, along), along)
        total = Steered(message.scalars.sum(-2), message.vectors.sum(-3))
        joined = Steered(torch.cat([f.scalars, total.scalars], -1), torch.cat([f.vectors, total.vectors], -2))
        gathered = self.beside_gather(self.gather(joined, node).flat(), torch.cat([f.flat(), total.flat()], -1))
        updated = self.beside_update(self.update(self._split(gathered), node).flat(), gathered)
        return self._split(f.flat() + updated)

    def _split(self, flat: Tensor) -> Steered:
        return Steered(flat[..., : self.channels], flat[..., self.channels :].unflatten(-1, (self.channels, 3)))


def _dense(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs), nn.GELU(), nn.Linear(outputs, outputs)
    )
