"""Relaxation towards equilibrium: one time (BGK), two times (TRT), a rate for every block of moments (MRT)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann.collision import LatticeCollision, equilibrium_of
from haar.systems.lattice_boltzmann.moment_blocks import SHEAR, blocks_of, moment_blocks
from haar.systems.lattice_boltzmann.stencil import Lattice, Stencil, check_time

#: Of two relaxation times: walls stand half way between nodes whatever the viscosity (Ginzburg et al. 2008).
MAGIC = 3 / 16


class BGK(LatticeCollision):
    """All deviations from equilibrium relax at one rate: ``f + (f_eq - f) / tau``.

    Args:
        stencil: Velocities and weights.
        tau: Relaxation time; the viscosity is ``sound * (tau - 1/2)``.

    Example:
        >>> stencil = Stencil.named("D2Q9")
        >>> f = torch.rand(4, 9, dtype=torch.float64) + 0.1
        >>> bool(torch.allclose(BGK(stencil, 0.8)(f).sum(-1), f.sum(-1)))
        True
    """

    def __init__(self, stencil: Stencil, tau: float) -> None:
        super().__init__(stencil)
        self.tau = check_time(tau)
        self.register_constant("time", torch.tensor(self.tau, dtype=torch.float64))
        self.time: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        return f + (equilibrium_of(f, self.weights, self.velocities, self.sound) - f) / self.time

    def along(self, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
        """On axis 1, written out velocity by velocity: a compiler makes one loop of it."""
        self.stencil.check(f, axis=1)
        return torch.stack(relaxed(self.stencil.plain, f.unbind(1), self.tau), 1)

    def extra_repr(self) -> str:
        """Stencil and time."""
        return f"{self.stencil!r}, tau={self.tau:g}"


def relaxed(lattice: Lattice, f: Sequence[Tensor], tau: float) -> list[Tensor]:
    """BGK of populations that are given one by one.

    Args:
        lattice: Velocities and weights as plain numbers.
        f: One tensor a velocity.
        tau: Relaxation time.
    """
    c, sound = lattice.velocities, lattice.sound
    density = sum(f[1:], f[0])
    inverse = 1 / density
    u = [_combined([row[axis] for row in c], f) * inverse for axis in range(len(c[0]))]
    energy = 1 - sum((x * x for x in u[1:]), u[0] * u[0]) / (2 * sound)
    part, rate = density / tau, 1 - 1 / tau
    found: list[Tensor] = [f[0]] * len(f)
    for i, j in enumerate(lattice.opposite):
        w = lattice.weights[i]
        if i == j:
            found[i] = rate * f[i] + part * (w * energy)
        elif i < j:  # opposite velocities share the even part of their equilibria
            along = _combined(c[i], u) / sound
            even, odd = (w * part) * (energy + along * along / 2), (w * part) * along
            found[i], found[j] = rate * f[i] + (even + odd), rate * f[j] + (even - odd)
    return found


def _combined(factors: Sequence[float], terms: Sequence[Tensor]) -> Tensor:
    """A sum with factors, of which most are 0, 1 and -1."""
    total: Tensor | None = None
    for factor, term in zip(factors, terms, strict=True):
        if factor == 0:
            continue
        if total is None:
            total = term if factor == 1 else factor * term
        elif factor in (1, -1):
            total = total + term if factor == 1 else total - term
        else:
            total = total + factor * term
    return terms[0] * 0 if total is None else total


class TRT(LatticeCollision):
    """Even and odd parts of the deviation relax at two rates.

    Args:
        stencil: Velocities and weights.
        tau: Time of the even part, which gives the viscosity.
        magic: ``(tau_even - 1/2) (tau_odd - 1/2)``.
    """

    def __init__(self, stencil: Stencil, tau: float, magic: float = MAGIC) -> None:
        super().__init__(stencil)
        self.tau = check_time(tau)
        if self.tau == 0.5 or not magic > 0:
            raise ArgumentError("magic", expected="a number above 0, with tau above 0.5", got=f"{magic}, tau {tau}")
        self.odd = 0.5 + magic / (self.tau - 0.5)
        self.register_constant("times", 2 * torch.tensor([self.tau, self.odd], dtype=torch.float64))
        self.times: Tensor
        self.register_constant("opposite", stencil.opposite)
        self.opposite: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        away = f - equilibrium_of(f, self.weights, self.velocities, self.sound)
        back = away[..., self.opposite]
        even, odd = self.times.unbind()
        return f - (away + back) / even - (away - back) / odd


class MRT(LatticeCollision):
    """Every block of moments relaxes at a rate of its own.

    Args:
        stencil: Velocities, weights and group.
        tau: Relaxation time of the shear.
        rates: Rates of other blocks, by ``"bulk"``, ``"ghost"`` or a block's own name (`moment_blocks`); a shear
            block's name gives it another than ``1 / tau``. What is not named relaxes at once, with rate 1.

    Raises:
        ArgumentError: If a name is unknown or a rate not in [0, 2].

    Example:
        >>> stencil = Stencil.named("D2Q9")
        >>> f = torch.rand(4, 9, dtype=torch.float64) + 0.1
        >>> same = MRT(stencil, 0.8, {"bulk": 1 / 0.8, "ghost": 1 / 0.8})
        >>> bool(torch.allclose(same(f), BGK(stencil, 0.8)(f)))
        True
    """

    def __init__(self, stencil: Stencil, tau: float, rates: Mapping[str, float] | None = None) -> None:
        super().__init__(stencil)
        self.tau = check_time(tau)
        self.rates = block_rates(stencil, {SHEAR: 1 / self.tau, **(rates or {})})
        blocks = moment_blocks(stencil)
        matrix = sum(
            (self.rates.get(block.name, 1.0) * block.projection for block in blocks),
            torch.zeros(stencil.size, stencil.size, dtype=torch.float64),
        )
        self.register_constant("matrix", matrix)
        self.matrix: Tensor

    def forward(self, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
        """Populations after the collision."""
        self.stencil.check(f)
        away = f - equilibrium_of(f, self.weights, self.velocities, self.sound)
        return f - away @ self.matrix.T.to(f.dtype)


def block_rates(stencil: Stencil, rates: Mapping[str, float]) -> dict[str, float]:
    """Rates of blocks by their own names; a later name overrides an earlier one.

    Args:
        stencil: With its group.
        rates: By kind or by name.

    Raises:
        ArgumentError: If a name is unknown or a rate not in [0, 2].
    """
    found = {}
    for name, rate in rates.items():
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 2:
            raise ArgumentError("rates", expected="numbers from 0 to 2", got=f"{rate!r} for {name!r}")
        for block in blocks_of(stencil, name):
            found[block.name] = float(rate)
    return found
