"""Which shapes of a molecule a surface is computed at: seeded, in a frame of their own, in Angstrom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.seeding import Seed, generator_of


@dataclass(frozen=True)
class Scan:
    """A surface to compute: a molecule, a method and a law of its geometries.

    Args:
        name: ``lih``, ``nh3``, ``nh3-inversion`` or ``h2o``.
        species: Chemical symbols, the central atom first.
        method: ``hf``, ``mp2``, ``ccsd`` or ``fci``.
        basis: A basis set.
        count: Number of geometries of the shipped set.
    """

    name: str
    species: tuple[str, ...]
    method: str
    basis: str
    count: int

    def positions(self, count: int | None = None, *, seed: Seed = 0) -> Float[Tensor, "n atoms 3"]:
        """Geometries in Angstrom, the central atom at the origin.

        Args:
            count: How many; by default those of the shipped set.
            seed: Seed of the random ones (LiH's are equispaced).

        Raises:
            ArgumentError: If `count` is smaller than 2.

        Example:
            >>> SCANS["lih"].positions(3)[:, 1, 2].mul(100).round().int().tolist()
            [90, 245, 400]
        """
        number = self.count if count is None else count
        if number < 2:
            raise ArgumentError("count", expected="at least 2 geometries", got=number)
        source = generator_of(seed)
        laws = {"lih": _stretch, "nh3": _umbrella, "nh3-inversion": _inversion, "h2o": _bend}
        active = laws[self.name](number, source)
        return torch.cat([torch.zeros(number, 1, 3, dtype=torch.float64), active], 1)


SCANS = {
    scan.name: scan
    for scan in (
        Scan("lih", ("Li", "H"), "fci", "6-31g", 160),
        Scan("nh3", ("N", "H", "H", "H"), "mp2", "6-31g", 360),
        Scan("nh3-inversion", ("N", "H", "H", "H"), "mp2", "6-31g", 31),
        Scan("h2o", ("O", "H", "H"), "mp2", "6-31g", 240),
    )
}
"""The surfaces that are shipped."""


def find_scan(name: str) -> Scan:
    """The surface of a name.

    Raises:
        ArgumentError: If there is none.

    Example:
        >>> find_scan("nh3").species
        ('N', 'H', 'H', 'H')
    """
    if name not in SCANS:
        raise ArgumentError("data", expected=f"one of {', '.join(SCANS)}", got=repr(name))
    return SCANS[name]


def pyramid(
    radius: Float[Tensor, "*n m"], polar: Float[Tensor, "*n m"], azimuth: Float[Tensor, "*n m"]
) -> Float[Tensor, "*n m 3"]:
    """Hydrogens around a central atom at the origin.

    Args:
        radius: Bond lengths in Angstrom.
        polar: Angles from the -z axis in degrees; 90 is planar.
        azimuth: Angles about z in degrees.

    Example:
        >>> pyramid(torch.ones(1), torch.zeros(1), torch.zeros(1)).round().int().tolist()
        [[0, 0, -1]]
    """
    theta, phi = torch.deg2rad(polar), torch.deg2rad(azimuth)
    sides = (theta.sin() * phi.cos(), theta.sin() * phi.sin(), -theta.cos())
    return radius[..., None] * torch.stack(sides, -1)


def _stretch(count: int, source: torch.Generator) -> Tensor:
    del source  # nothing is random here
    length = torch.linspace(0.9, 4.0, count, dtype=torch.float64)
    return torch.stack([torch.zeros_like(length), torch.zeros_like(length), length], -1)[:, None]


def _umbrella(count: int, source: torch.Generator) -> Tensor:
    def normal() -> Tensor:
        return torch.randn(count, 3, dtype=torch.float64, generator=source)

    common = 46.0 + 62.0 * torch.rand(count, 1, dtype=torch.float64, generator=source)
    spread = 120.0 * torch.arange(3, dtype=torch.float64)
    return pyramid(1.0116 + 0.08 * normal(), common + 5.0 * normal(), spread + 6.0 * normal())


def _inversion(count: int, source: torch.Generator) -> Tensor:
    """Ammonia turned inside out along its umbrella mode, bonds at 1.0116 Angstrom: from 60 to 120 degrees."""
    del source  # nothing is random here
    angle = torch.linspace(60.0, 120.0, count, dtype=torch.float64)[:, None].expand(-1, 3)
    spread = 120.0 * torch.arange(3, dtype=torch.float64).expand(count, -1)
    return pyramid(torch.full_like(angle, 1.0116), angle, spread)


def _bend(count: int, source: torch.Generator) -> Tensor:
    """Water in the x-z plane: bonds 0.96 + 0.07 N, angle 104.5 + 12 N degrees."""
    radius = 0.96 + 0.07 * torch.randn(count, 2, dtype=torch.float64, generator=source)
    half = torch.deg2rad(0.5 * (104.5 + 12.0 * torch.randn(count, dtype=torch.float64, generator=source)))
    sides = torch.stack([half, -half], -1)
    return radius[..., None] * torch.stack([sides.sin(), torch.zeros_like(sides), -sides.cos()], -1)
