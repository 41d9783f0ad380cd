"""Closed designs: few inputs that the largest possible group maps to themselves, and the model's values on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exchange import Exchange

Values = NDArray[np.float64]

#: Weights of the first entry, of the second, and of what all share without signs; in units of the data's spread.
_FIRST, _SECOND, _SHARED = 0.9, 0.6, 0.25
_CHUNK = 4096


@dataclass(frozen=True)
class Design:
    """The points ``shared + a u + b v`` for every ordered pair of nodes u, v.

    A group that permutes nodes maps the points to themselves, so that an invariant model has *exactly* one value on an
    orbit of pairs: no moments are estimated, and no derivative is taken.

    Attributes:
        exchange: What may be exchanged.
        shared: What every point has: the mean, pushed a little, one value for all entries of a block; 0 with signs.
        first: What node u adds to its entry.
        second: What node v adds to its.
    """

    exchange: Exchange
    shared: Tensor
    first: Tensor
    second: Tensor

    @classmethod
    def of(cls, exchange: Exchange, inputs: Tensor, seed: int) -> Design:
        """Weights in the units of the data: every block has its mean and spread, and so has all that is not exchanged.

        Args:
            exchange: What may be exchanged.
            inputs: Samples ``(rows, *shape)``.
            seed: Directions of what is not exchanged, such as coordinates of points.
        """
        x = inputs.to(torch.float64).movedim(exchange.axis, 1)  # (rows, entries, *rest)
        generator = torch.Generator().manual_seed(seed)
        shared, first, second = (torch.zeros(x.shape[1:], dtype=torch.float64) for _ in range(3))
        blocks = torch.tensor(exchange.blocks)
        turns = [torch.randn(x.shape[2:], generator=generator, dtype=torch.float64) for _ in range(3)]
        if x.ndim == 2:  # nothing but what is exchanged
            turns = [torch.ones(()).double()] * 3
        for label in blocks.unique().tolist():
            mine = blocks == label
            mean = x[:, mine].mean((0, 1))
            spread = (
                x[:, mine].square().mean((0, 1)).sqrt() if exchange.signed else x[:, mine].std((0, 1), correction=0)
            )
            first[mine], second[mine] = _FIRST * spread * turns[0], _SECOND * spread * turns[1]
            if not exchange.signed:
                shared[mine] = mean + _SHARED * spread * turns[2]
        return cls(exchange, shared, first, second)

    def points(self, u: Tensor, v: Tensor) -> Tensor:
        """The inputs of pairs of nodes, ``(pairs, *shape)``."""
        made = self.shared.expand(len(u), *self.shared.shape).clone()
        rows, rest = torch.arange(len(u)), [1] * (self.shared.ndim - 1)
        for node, add in ((u, self.first), (v, self.second)):
            entry = node // 2 if self.exchange.signed else node
            sign = 1 - 2 * (node % 2) if self.exchange.signed else torch.ones_like(node)
            made[rows, entry] += sign.reshape(-1, *rest) * add[entry]
        return made.movedim(1, self.exchange.axis)

    def values(self, evaluation: Evaluation, dtype: torch.dtype) -> Values:
        """Numbers that an automorphism leaves alone, ``(nodes, nodes, numbers)``."""
        n = self.exchange.nodes
        u, v = (place.reshape(-1) for place in torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij"))
        parts = [
            _told(self.exchange, evaluation(self.points(a, b).to(dtype)), a, b)
            for a, b in zip(u.split(_CHUNK), v.split(_CHUNK), strict=True)
        ]
        told: Values = torch.cat(parts).reshape(n, n, -1).numpy()
        return told


def _told(exchange: Exchange, y: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """What of the answers an element cannot change: they themselves, or those of both nodes and the others in order."""
    if exchange.outputs == "invariant":
        return y.reshape(len(y), -1)
    if exchange.outputs == "any":
        return y.abs().reshape(len(y), -1).sort(-1).values
    moved = y.movedim(exchange.out_axis, 1)  # (pairs, entries, *rest)
    rows = torch.arange(len(y))
    own = []
    for node in (u, v):
        entry = node // 2 if exchange.signed else node
        sign = (1 - 2 * (node % 2) if exchange.signed else torch.ones_like(node)).to(moved)
        own.append(moved[rows, entry] * sign.reshape(-1, *[1] * (moved.ndim - 2)))
    others = (moved.abs() if exchange.signed else moved).sort(1).values
    return torch.cat([part.reshape(len(y), -1) for part in (*own, others)], 1)
