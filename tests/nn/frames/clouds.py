"""Clouds whose axes are defined and clouds whose axes are not, and motions of space."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from haar.groups import O

F64 = torch.float64


def rand(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def motions(d: int) -> list[Tensor]:
    """One rotation and one reflection."""
    q = O(d).sample(1, torch.Generator().manual_seed(d))[0]
    mirror = torch.eye(d, dtype=F64)
    mirror[0, 0] = -1
    return [q, q @ mirror]


def ring(n: int, radius: float) -> list[tuple[float, float, float]]:
    return [(radius * math.cos(2 * math.pi * k / n), radius * math.sin(2 * math.pi * k / n), 0.0) for k in range(n)]


_T = 1.09 / math.sqrt(3)
#: Positions in angstrom and atomic numbers.
MOLECULES = {
    "methane": (
        [(0.0, 0.0, 0.0), (_T, _T, _T), (_T, -_T, -_T), (-_T, _T, -_T), (-_T, -_T, _T)],
        [6.0, 1.0, 1.0, 1.0, 1.0],
    ),
    "benzene": (ring(6, 1.39) + ring(6, 2.48), [6.0] * 6 + [1.0] * 6),
    "cube": ([tuple(map(float, p)) for p in itertools.product((-1, 1), repeat=3)], [1.0] * 8),
    "octahedron": ([tuple(s * float(i == k) for i in range(3)) for k in range(3) for s in (1, -1)], [1.0] * 6),
    "water": ([(0.0, 0.0, 0.0), (0.757, 0.586, 0.0), (-0.757, 0.586, 0.0)], [8.0, 1.0, 1.0]),
    "carbon dioxide": ([(0.0, 0.0, 0.0), (0.0, 0.0, 1.16), (0.0, 0.0, -1.16)], [6.0, 8.0, 8.0]),
}


def molecule(name: str) -> tuple[Tensor, Tensor]:
    """Positions ``(n, 3)``, turned out of the coordinate axes, and atomic numbers ``(n, 1)``."""
    places, numbers = MOLECULES[name]
    turn = O(3).sample(1, torch.Generator().manual_seed(5))[0]
    return torch.tensor(places, dtype=F64) @ turn + 0.3, torch.tensor(numbers, dtype=F64)[:, None] / 8
