"""A local law fitted to data as they are, to be tried on the same data moved."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor

#: Points that a fit and a trial take, and the ridge relative to the mean square of a feature.
_POINTS, _RIDGE = 6000, 1e-6
_MOST_FEATURES = 600


class Stencil:
    """Labels as a function of the nearest points: linear in all of them, quadratic in the middle and its slopes.

    What the law leaves at every place of the grid on average (a force that stands still) is kept beside it.

    Args:
        x: Inputs ``(batch, channel, *space)``.
        y: Labels ``(batch, channel, *space)``.
        generator: Source of the points that are fitted.
    """

    def __init__(
        self, x: Float[Tensor, "batch c_in *space"], y: Float[Tensor, "batch c_out *space"], generator: torch.Generator
    ) -> None:
        self._mean = x.mean([0, *range(2, x.ndim)], keepdim=True)
        self._unit = (x - self._mean).square().mean([0, *range(2, x.ndim)], keepdim=True).sqrt().clamp(min=1e-12)
        points = x[0, 0].numel()
        places = torch.randint(points, (len(x), -(-_POINTS // len(x))), generator=generator)
        rows = [
            (self._features(one[None])[at], _points(label[None])[at])
            for one, label, at in zip(x, y, places, strict=True)
        ]
        a, b = (torch.cat(side) for side in zip(*rows, strict=True))
        gram = a.T @ a / len(a)
        ridge = _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
        self._weights = torch.linalg.solve(gram + ridge, a.T @ b / len(a))
        self._standing = torch.zeros(points, y.shape[1], dtype=y.dtype)
        left = torch.stack([self._left(one, label) for one, label in zip(x, y, strict=True)])
        # The mean of few samples is noisy: it is shrunk by what noise it has (as a random effect).
        mean = left.mean(0)
        noise = left.var(0, correction=1).mean(0) / len(x) if len(x) > 1 else torch.full_like(mean[0], torch.inf)
        signal = (mean.square().mean(0) - noise).clamp(min=0)
        self._standing = mean * torch.nan_to_num(signal / (signal + noise))

    def errors(self, x: Float[Tensor, "batch c_in *space"], y: Float[Tensor, "batch c_out *space"]) -> Tensor:
        """Mean squared error of every sample and label channel, ``(batch, c_out)``."""
        return torch.stack([self._left(one, label).square().mean(0) for one, label in zip(x, y, strict=True)])

    def _left(self, x: Tensor, y: Tensor) -> Tensor:
        """What the law leaves of one sample, point by point."""
        left: Tensor = _points(y[None]) - self._features(x[None]) @ self._weights - self._standing
        return left

    def _features(self, x: Tensor) -> Tensor:
        """For every point its neighbours' values, and products of its own with its slopes."""
        x = (x - self._mean) / self._unit
        space = tuple(range(2, x.ndim))
        shifts = list(itertools.product((-1, 0, 1), repeat=len(space)))
        if len(shifts) * x.shape[1] > _MOST_FEATURES:  # in space with many fields the nearest six will do
            shifts = [one for one in shifts if sum(map(abs, one)) <= 1]
        near = {one: x.roll(one, space) for one in shifts}
        parts = list(near.values())
        zero = (0,) * len(space)
        products = [x * x.roll(k, 1) for k in range(x.shape[1] // 2 + 1)]
        for axis in range(len(space)):
            ahead, behind = (tuple(sign if k == axis else 0 for k in range(len(space))) for sign in (1, -1))
            slope = (near[behind] - near[ahead]) / 2
            products += [near[zero] * slope.roll(k, 1) for k in range(x.shape[1])]
        columns = torch.cat([*parts, *products, torch.ones_like(x[:, :1])], 1)
        return _points(columns)


def _points(x: Tensor) -> Tensor:
    """One row for every point of every sample."""
    return x.movedim(1, -1).flatten(0, -2)
