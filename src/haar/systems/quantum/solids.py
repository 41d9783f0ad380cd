"""Clouds of a few points on five solids, in any orientation and order."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.groups import SO

#: Points of a surface from which those of a cloud are chosen, each far from those before it.
_CANDIDATES = 64
#: Standard deviation of the noise on every coordinate, as published.
JITTER = 0.02


def _ball(n: int, source: torch.Generator) -> Tensor:
    points = torch.randn(n, _CANDIDATES, 3, dtype=torch.float64, generator=source)
    found: Tensor = points / points.norm(dim=-1, keepdim=True)
    return found


def _box(n: int, source: torch.Generator) -> Tensor:
    points = 2 * torch.rand(n, _CANDIDATES, 3, dtype=torch.float64, generator=source) - 1
    face = torch.randint(3, (n, _CANDIDATES, 1), generator=source)
    return points.scatter(-1, face, points.gather(-1, face).sign())


def _tube(n: int, source: torch.Generator) -> Tensor:
    angle, height = 2 * math.pi * _uniform(n, source), 4 * _uniform(n, source) - 2
    return torch.stack([angle.cos(), angle.sin(), height], -1)


def _cone(n: int, source: torch.Generator) -> Tensor:
    angle, down = 2 * math.pi * _uniform(n, source), _uniform(n, source).sqrt()  # its area grows with the distance
    return torch.stack([down * angle.cos(), down * angle.sin(), 2 - 2 * down], -1)


def _ring(n: int, source: torch.Generator) -> Tensor:
    angle, around = 2 * math.pi * _uniform(n, source), 2 * math.pi * _uniform(n, source)
    radius = 1 + 0.3 * around.cos()
    return torch.stack([radius * angle.cos(), radius * angle.sin(), 0.3 * around.sin()], -1)


def _uniform(n: int, source: torch.Generator) -> Tensor:
    return torch.rand(n, _CANDIDATES, dtype=torch.float64, generator=source)


SOLIDS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "ball": _ball,
    "box": _box,
    "tube": _tube,
    "cone": _cone,
    "ring": _ring,
}
"""Points of their surfaces ``(n, candidates, 3)``, by name."""


def solids(count: int, points: int, *, seed: int = 0) -> tuple[Float[Tensor, "n points 3"], Int[Tensor, " n"]]:
    """Clouds and their solids, as many of each as the count allows.

    The points of a cloud are each far from those before, as in published sets; then a little noise, the centre at the
    origin, the farthest point at distance 1, an orientation and an order of their own.

    Args:
        count: Number of clouds.
        points: Number of points of each.
        seed: Seed of everything random.

    Raises:
        ArgumentError: If there are no clouds or no points, or more than a surface has.

    Example:
        >>> clouds, kinds = solids(10, 4)
        >>> clouds.shape, kinds.bincount().tolist()
        (torch.Size([10, 4, 3]), [2, 2, 2, 2, 2])
    """
    check_count("count", count)
    if not 1 <= points <= _CANDIDATES:
        raise ArgumentError("points", expected=f"1 to {_CANDIDATES}", got=points)
    source = torch.Generator().manual_seed(seed)
    kinds = torch.arange(count) % len(SOLIDS)
    surfaces = torch.stack([draw(count, source) for draw in SOLIDS.values()])[kinds, torch.arange(count)]
    stretch = torch.exp(0.2 * torch.randn(count, 1, 3, dtype=torch.float64, generator=source))
    clouds = _far_apart(surfaces * stretch, points)
    clouds = clouds + JITTER * torch.randn(clouds.shape, dtype=torch.float64, generator=source)
    clouds = clouds - clouds.mean(1, keepdim=True)
    clouds = clouds / clouds.norm(dim=-1).amax(1)[:, None, None]
    order = torch.rand(count, points, generator=source).argsort(1)
    clouds = clouds.gather(1, order[..., None].expand(-1, -1, 3))
    return torch.einsum("nij,npj->npi", SO(3).sample(count, source), clouds), kinds


def _far_apart(surface: Tensor, points: int) -> Tensor:
    """The first point, then each time the one that is farthest from all before."""
    chosen = [surface[:, 0]]
    nearest = torch.full(surface.shape[:2], math.inf, dtype=surface.dtype)
    for _ in range(points - 1):
        nearest = torch.minimum(nearest, (surface - chosen[-1][:, None]).square().sum(-1))
        chosen.append(surface[torch.arange(len(surface)), nearest.argmax(1)])
    return torch.stack(chosen, 1)
