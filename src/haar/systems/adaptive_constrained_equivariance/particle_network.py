"""A message-passing network on points in space, equivariant but for its side branches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.constants import ConstantsModule
from haar.relax.wrapping.side_branch import SideBranch
from haar.systems.adaptive_constrained_equivariance.task import started


@dataclass(frozen=True)
class Neighbours:
    """Whose messages reach a particle: a fixed list of others, or the nearest ones.

    Attributes:
        listed: For each particle its neighbours, -1 where there is none, or None for the nearest.
        kinds: What is known of each pair of `listed`.
        nearest: How many, if there is no list.
    """

    listed: Int[Tensor, "particle k"] | None = None
    kinds: Float[Tensor, "particle k c"] | None = None
    nearest: int = 0


class ParticleNetwork(ConstantsModule):
    """An EGNN (Satorras et al., arXiv 2102.09844) with two side branches a layer, one on features, one on places.

    A particle's row is its position, its velocity if there is one, and scalars; messages come from a fixed list of
    neighbours of each, or from the nearest ones. Layer by layer

        m_ij = f([h_i, h_j, |x_i - x_j|^2, a_ij]),
        x_i <- x_i + mean_j (x_i - x_j) a(m_ij) + b(h_i) v_i + gamma F(x_i),
        h_i <- h_i + c([h_i, sum_j m_ij]) + gamma' L(p_i),

    where p is a stream of its own that starts from the raw rows. With all gammas at 0 places turn with the inputs.

    Args:
        scalars: Scalars of a row.
        neighbours: Of every particle, see `everyone` and `listed`.
        velocities: Whether a row has a velocity.
        pair_scalars: How many of the scalars also enter messages as products of the two particles'.
        hidden: Width of the hidden layers.
        layers: Number of layers.
        outputs: 0: places of all particles; else so many scalars of the whole.
        masked: Whether the last scalar says which particles are there.
        generator: Source of the weights.
    """

    def __init__(
        self,
        scalars: int,
        neighbours: Neighbours,
        *,
        velocities: bool = True,
        pair_scalars: int = 0,
        hidden: int = 32,
        layers: int = 3,
        outputs: int = 0,
        masked: bool = False,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.velocities, self.nearest, self.pair_scalars = velocities, neighbours.nearest, pair_scalars
        self.outputs, self.masked = outputs, masked
        self.register_constant("neighbours", neighbours.listed)
        self.register_constant("kinds", neighbours.kinds)
        self.neighbours: Tensor | None
        self.kinds: Tensor | None
        known = pair_scalars + (0 if neighbours.kinds is None else neighbours.kinds.shape[-1])
        rows = 3 * (1 + velocities) + scalars
        self.embedding = nn.Linear(scalars + velocities, hidden)
        self.stream = nn.Linear(rows, hidden)
        self.layers = nn.ModuleList(
            _Layer(hidden, known, velocities=velocities, places=not outputs or k < layers - 1) for k in range(layers)
        )
        self.readout = nn.Linear(hidden, outputs) if outputs else None
        started(self, generator)

    def forward(self, rows: Float[Tensor, "batch particle row"]) -> Float[Tensor, "batch ..."]:
        """Places of all particles, or scalars of the whole."""
        x, v, s = rows[..., :3], rows[..., 3:6], rows[..., 6:]
        if not self.velocities:
            v, s = torch.zeros_like(x), rows[..., 3:]
        speed = [(v.square().sum(-1, keepdim=True) + 1e-12).sqrt()] if self.velocities else []
        h, p = self.embedding(torch.cat([s, *speed], -1)), self.stream(rows)
        near, there = self._near(x, s)
        pair = self._pair(s, near)
        for layer in self.layers:
            x, h, p = layer(x, v, h, p, near, there, pair)
        if self.readout is None:
            return x
        if self.masked:
            present = s[..., -1:]
            h = (h * present).sum(-2) / present.sum(-2).clamp(min=1)
        else:
            h = h.mean(-2)
        out: Tensor = self.readout(nn.functional.silu(h))
        return out

    def _near(self, x: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbours of every particle, and 1 where there is one."""
        if self.neighbours is None:
            apart = (x.unsqueeze(-2) - x.unsqueeze(-3)).square().sum(-1)
            apart = apart + 1e12 * torch.eye(x.shape[-2], dtype=x.dtype, device=x.device)
            near = apart.topk(self.nearest, dim=-1, largest=False).indices
            there = torch.ones_like(near, dtype=x.dtype)
        else:
            near = self.neighbours.clamp(min=0).expand(*x.shape[:-2], *self.neighbours.shape)
            there = (self.neighbours >= 0).to(x).expand(near.shape)
        if self.masked:
            there = there * picked(s[..., -1:], near).squeeze(-1) * s[..., -1:]
        return near, there.unsqueeze(-1)

    def _pair(self, s: Tensor, near: Tensor) -> Tensor | None:
        """What is known of every pair, apart from its distance."""
        known = []
        if self.pair_scalars:
            chosen = s[..., : self.pair_scalars]
            known.append(chosen.unsqueeze(-2) * picked(chosen, near))
        if self.kinds is not None:
            known.append(self.kinds.expand(*near.shape, self.kinds.shape[-1]))
        return torch.cat(known, -1) if known else None


class _Layer(ConstantsModule):
    """One round of messages."""

    def __init__(self, hidden: int, known: int, *, velocities: bool, places: bool) -> None:
        super().__init__()
        self.message = _two_layers(2 * hidden + 1 + known, hidden, hidden)
        self.along = _two_layers(hidden, hidden, 1) if places else None
        self.ahead = _two_layers(hidden, hidden, 1) if places and velocities else None
        self.update = _two_layers(2 * hidden, hidden, hidden)
        self.step = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, hidden))
        self.features = SideBranch(nn.Identity())
        self.places = SideBranch(_two_layers(3, hidden, 3)) if places else None

    def forward(  # noqa: PLR0917 (private; the state of the network, and its graph)
        self, x: Tensor, v: Tensor, h: Tensor, p: Tensor, near: Tensor, there: Tensor, pair: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        apart = x.unsqueeze(-2) - picked(x, near)
        square = apart.square().sum(-1, keepdim=True)
        theirs = picked(h, near)
        mine = h.unsqueeze(-2).expand(theirs.shape)
        known = [] if pair is None else [pair]
        message = nn.functional.silu(self.message(torch.cat([mine, theirs, square, *known], -1))) * there
        if self.along is not None and self.places is not None:
            # divided by the distance, so that far pairs do not run away
            pull = apart / (1 + (square + 1e-12).sqrt()) * self.along(message) * there
            moved = x + pull.sum(-2) / there.sum(-2).clamp(min=1)
            if self.ahead is not None:
                moved = moved + self.ahead(h) * v
            x = self.places(moved, x)
        h = h + self.update(torch.cat([h, message.sum(-2)], -1))
        p = self.step(p)
        return x, self.features(h, p), p


def _two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, outputs))


def picked(values: Float[Tensor, "*batch particle c"], near: Int[Tensor, "*batch particle k"]) -> Tensor:
    """The values of every particle's neighbours, ``(*batch, particle, k, c)``.

    Args:
        values: Of every particle.
        near: The neighbours of every particle.
    """
    index = near.flatten(-2).unsqueeze(-1).expand(*near.shape[:-2], -1, values.shape[-1])
    found: Tensor = values.gather(-2, index).unflatten(-2, near.shape[-2:])
    return found


def everyone(particles: int) -> Neighbours:
    """All others as neighbours.

    Example:
        >>> everyone(3).listed.tolist()
        [[1, 2], [0, 2], [0, 1]]
    """
    return Neighbours(torch.tensor([[j for j in range(particles) if j != i] for i in range(particles)]))


def listed(edges: Int[Tensor, "2 edge"], kinds: Int[Tensor, " edge"], particles: int) -> Neighbours:
    """Edges as lists of neighbours, -1 where a particle has fewer, and their kinds, one-hot.

    Args:
        edges: Pairs (i, j): j is a neighbour of i.
        kinds: 1, 2, ... for each.
        particles: Number of there are.

    Example:
        >>> near = listed(torch.tensor([[0, 1, 1], [1, 0, 2]]), torch.tensor([1, 1, 2]), 3)
        >>> near.listed.tolist(), near.kinds.shape
        ([[1, -1], [0, 2], [-1, -1]], torch.Size([3, 2, 2]))
    """
    rows: list[list[tuple[int, int]]] = [[] for _ in range(particles)]
    for i, j, kind in zip(*edges.tolist(), kinds.tolist(), strict=True):
        rows[i].append((j, kind))
    most = max(len(row) for row in rows)
    near = torch.full((particles, most), -1)
    known = torch.zeros(particles, most, int(kinds.max()))
    for i, row in enumerate(rows):
        for k, (j, kind) in enumerate(row):
            near[i, k] = j
            known[i, k, kind - 1] = 1
    return Neighbours(near, known)
