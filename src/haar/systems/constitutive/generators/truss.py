"""Trusses of the plane: bars along directions, elastic, elastoplastic or viscous, as symmetric as these."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import from_mandel, to_mandel
from haar.systems.constitutive.history import HistoryLaw
from haar.systems.constitutive.law import Law
from haar.systems.constitutive.symmetry import MaterialSymmetry, material_symmetry

#: Bars of the square lattice: two along its axes and two softer diagonals.
SQUARE = ((0.0, 1.0), (math.pi / 2, 1.0), (math.pi / 4, 0.4), (-math.pi / 4, 0.4))
#: Three bars at 60 degrees.
HEXAGON = tuple((k * math.pi / 3, 1.0) for k in range(3))
#: Bars of the trusses with history: the orbit of 0 and that of half a radian under the square's group.
ORBITS = (
    (0.0, 1.0),
    (math.pi / 2, 1.0),
    *((s * 0.5 + k * math.pi / 2, 0.6) for s in (1, -1) for k in (0, 1)),
)
Bars = Sequence[tuple[float, float]]


def _directions(bars: Bars, turned: float) -> tuple[Tensor, Tensor]:
    angles = torch.tensor([angle + turned for angle, _ in bars], dtype=torch.float64)
    n = torch.stack([angles.cos(), angles.sin()], -1)
    return n, torch.tensor([weight for _, weight in bars], dtype=torch.float64)


class LatticeCell(Law):
    """Bars that move with the strain: l = sqrt(n . C n), tension e + 8 e^2, compression tanh(10 e) / 10, e = l - 1.

    Args:
        bars: Angles in radians, and weights.
        group: The symmetry of the bars.
        turned: Angle in radians by which all bars are turned.

    Example:
        >>> LatticeCell()(torch.zeros(1, 3, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(self, bars: Bars = SQUARE, group: str = "plane D4", *, turned: float = 0.0) -> None:
        super().__init__()
        c, s = math.cos(turned), math.sin(turned)
        frame = torch.tensor([[c, -s], [s, c]], dtype=torch.float64)
        self.material: MaterialSymmetry = material_symmetry(group).turned(frame) if turned else material_symmetry(group)
        n, weight = _directions(bars, turned)
        self.register_constant("n", n)
        self.register_constant("weight", weight)

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        n, weight = self.constant_as("n", strain.dtype), self.constant_as("weight", strain.dtype)
        C = torch.eye(2, dtype=strain.dtype) + 2 * from_mandel(strain)
        length = torch.einsum("ki,...ij,kj->...k", n, C, n).clamp(min=1e-12).sqrt()
        e = length - 1
        tension = torch.where(e > 0, e + 8 * e.square(), 0.1 * torch.tanh(10 * e))
        return to_mandel(torch.einsum("...k,ki,kj->...ij", weight * tension / length, n, n))


class PlasticTruss(HistoryLaw):
    """Bars of unit stiffness that yield at 0.004, with kinematic (0.02) and isotropic (0.05) hardening, closed form.

    Args:
        bars: Angles in radians, and weights.

    Example:
        >>> PlasticTruss()(torch.zeros(1, 4, 3, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(self, bars: Bars = ORBITS) -> None:
        super().__init__()
        self.material = material_symmetry("plane D4")
        n, weight = _directions(bars, 0.0)
        self.register_constant("m", to_mandel(n[:, :, None] * n[:, None, :]))
        self.register_constant("weight", weight)
        self.states = 3 * len(bars)
        self.first, self.kinematic, self.isotropic = 0.004, 0.02, 0.05

    def step(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Trial and return, bar by bar."""
        m = self.constant_as("m", strain.dtype)
        plastic, back, total = state.chunk(3, -1)
        e = strain @ m.mT
        trial = (e - plastic) - back
        excess = (trial.abs() - (self.first + self.isotropic * total)).clamp(min=0)
        slip = excess / (1 + self.kinematic + self.isotropic)
        plastic = plastic + slip * trial.sign()
        back = back + self.kinematic * slip * trial.sign()
        stress = (self.constant_as("weight", strain.dtype) * (e - plastic)) @ m
        return stress, torch.cat([plastic, back, total + slip], -1)


class ZenerTruss(HistoryLaw):
    """Bars of stress 0.3 e + (e - a) with a' = ((e - a) + 60 (e - a)^3) / 6 an increment: a smooth history.

    Args:
        bars: Angles in radians, and weights.

    Example:
        >>> ZenerTruss()(torch.zeros(1, 4, 3, dtype=torch.float64)).abs().max().item()
        0.0
    """

    def __init__(self, bars: Bars = ORBITS) -> None:
        super().__init__()
        self.material = material_symmetry("plane D4")
        n, weight = _directions(bars, 0.0)
        self.register_constant("m", to_mandel(n[:, :, None] * n[:, None, :]))
        self.register_constant("weight", weight)
        self.states = len(bars)

    def step(self, strain: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Explicit, bar by bar."""
        m = self.constant_as("m", strain.dtype)
        e = strain @ m.mT
        away = e - state
        stress = (self.constant_as("weight", strain.dtype) * (0.3 * e + away)) @ m
        return stress, state + (away + 60 * away**3) / 6


def strain_paths(
    count: int, steps: int, size: float, generator: torch.Generator, *, dim: int = 2, knots: int = 8
) -> Float[Tensor, "count steps n"]:
    """Paths of strain that begin near 0: increments interpolated between Gaussian knots, times a size, summed up.

    Args:
        count: How many.
        steps: Increments.
        size: Of an increment of a component of the tensor.
        generator: Source.
        dim: 2 or 3.
        knots: Of every component.
    """
    n = dim * (dim + 1) // 2
    values = torch.randn(count, n, knots, dtype=torch.float64, generator=generator)
    increments = torch.nn.functional.interpolate(values, steps, mode="linear", align_corners=True)
    scale = torch.tensor([1.0] * dim + [2**0.5] * (n - dim), dtype=torch.float64)
    return size * increments.cumsum(-1).mT * scale
