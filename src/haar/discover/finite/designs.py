"""Closed designs: few inputs that the largest possible group maps to themselves, and the model's values on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exchange import Exchange

Values = NDArray[np.float64]

#: Weights of the first entry, of the second, and of what all share, in units of the data's spread. With signs every
#: entry comes with both, so that one choice is enough; without them there are three.
_SIGNED = ((0.9, 0.6, 0.0),)
_UNSIGNED = ((0.9, 0.6, 0.0), (0.9, -0.6, 0.0), (0.4, 0.3, 0.25))
#: Two entries stand for all n of a sample: they are larger by sqrt(n / 2), up to this.
_LARGEST = 2.2
_CHUNK = 4096


@dataclass(frozen=True)
class Design:
    """The points ``shared + a u + b v`` for every ordered pair of nodes u, v, for a few choices of the weights.

    A group that permutes nodes maps the points to themselves, so that an invariant model has *exactly* one value on an
    orbit of pairs: no moments are estimated, and no derivative is taken.

    Attributes:
        exchange: What may be exchanged.
        shared: What every point has, for each choice: with signs nothing, else the mean, pushed a little; one value for
            all entries of a block.
        first: What node u adds to its entry, for each choice.
        second: What node v adds to its.
        bounds: Least and greatest value of the data, likewise for all entries of a block: points are clipped to them.
    """

    exchange: Exchange
    shared: Tensor
    first: Tensor
    second: Tensor
    bounds: tuple[Tensor, Tensor]

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
        weights = _SIGNED if exchange.signed else _UNSIGNED
        shared, first, second = (torch.zeros(len(weights), *x.shape[1:], dtype=torch.float64) for _ in range(3))
        low, high = x.amin(0), x.amax(0)
        blocks = torch.tensor(exchange.blocks)
        turns = [torch.randn(x.shape[2:], generator=generator, dtype=torch.float64) for _ in range(3)]
        if x.ndim == 2:  # nothing but what is exchanged
            turns = [torch.ones((), dtype=torch.float64)] * 3
        for label in blocks.unique().tolist():
            mine = blocks == label
            size = min(math.sqrt(max(int(mine.sum()), 2) / 2), _LARGEST)
            mean = x[:, mine].mean((0, 1))
            spread = (
                x[:, mine].square().mean((0, 1)).sqrt() if exchange.signed else x[:, mine].std((0, 1), correction=0)
            )
            low[mine], high[mine] = x[:, mine].amin((0, 1)), x[:, mine].amax((0, 1))
            for k, (a, b, c) in enumerate(weights):
                first[k, mine], second[k, mine] = size * a * spread * turns[0], size * b * spread * turns[1]
                if not exchange.signed:
                    shared[k, mine] = mean + c * spread * turns[2]
        if exchange.signed:
            high = torch.maximum(high, -low)
            low = -high
        return cls(exchange, shared, first, second, (low, high))

    def points(self, choice: int, u: Tensor, v: Tensor) -> Tensor:
        """The inputs of pairs of nodes, ``(pairs, *shape)``."""
        made = self.shared[choice].expand(len(u), *self.shared.shape[1:]).clone()
        rows, rest = torch.arange(len(u)), [1] * (self.shared.ndim - 2)
        for node, add in ((u, self.first[choice]), (v, self.second[choice])):
            entry = node // 2 if self.exchange.signed else node
            sign = 1 - 2 * (node % 2) if self.exchange.signed else torch.ones_like(node)
            made[rows, entry] += sign.reshape(-1, *rest) * add[entry]
        return made.clamp(*self.bounds).movedim(1, self.exchange.axis)

    def values(self, evaluation: Evaluation, dtype: torch.dtype) -> Values:
        """Numbers that an automorphism leaves alone, ``(nodes, nodes, numbers)``."""
        n = self.exchange.nodes
        u, v = (place.reshape(-1) for place in torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij"))
        told = [
            torch.cat(
                [
                    _told(self.exchange, evaluation(self.points(choice, a, b).to(dtype)), a, b)
                    for a, b in zip(u.split(_CHUNK), v.split(_CHUNK), strict=True)
                ]
            )
            for choice in range(len(self.shared))
        ]
        values: Values = torch.cat(told, -1).reshape(n, n, -1).numpy()
        return values

    @property
    def choices(self) -> int:
        """How many choices of weights there are."""
        return len(self.shared)


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
