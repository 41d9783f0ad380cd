"""Linear stability and effective viscosities of any collision: from its Jacobian, by waves on the lattice.

A wave of wave vector k goes on as ``diag(exp(-i k.c)) J``: its eigenvalues say how fast sound and shear decay, and
whether something grows. For long waves the viscosity of a direction is a resolvent of J, exact to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.statistics import least_squares
from haar.systems.lattice_boltzmann.moment_blocks import moment_blocks
from haar.systems.lattice_boltzmann.stencil import Stencil

#: A wave grows where an eigenvalue is above 1 by more than this.
GROWTH = 1e-9
#: A Jacobian with a larger condition number leaves a moment as it is; what it says of others may be read all the same.
_SINGULAR, _SOLVED = 1e12, 1e-6


def block_eigenvalues(J: Float[Tensor, "q q"], stencil: Stencil) -> dict[str, float]:
    """What J does to the moments of every block: 1 - rate where it relaxes them at one rate.

    Args:
        J: A Jacobian.
        stencil: With its group.
    """
    found = {}
    for block in moment_blocks(stencil):
        own = block.functionals.T @ J @ (stencil.weights[:, None] * block.functionals)
        found[block.name] = float(own.diagonal().mean())
    return found


def shear_viscosity(
    J: Float[Tensor, "q q"], stencil: Stencil, direction: Sequence[float | int], across: Sequence[float | int]
) -> float:
    """The viscosity that long transverse waves of a direction feel (Chapman and Enskog, from the Jacobian).

    Args:
        J: A Jacobian at rest.
        stencil: Velocities and weights.
        direction: Of the wave vector.
        across: Of the velocity, at right angles to it.

    Example:
        >>> from haar.systems.lattice_boltzmann.collision import linearised
        >>> from haar.systems.lattice_boltzmann.relaxation import BGK
        >>> stencil = Stencil.named("D2Q9")
        >>> J = linearised(BGK(stencil, 0.8), stencil)
        >>> round(shear_viscosity(J, stencil, (1, 0), (0, 1)), 9)
        0.1
    """
    c, w = stencil.velocities, stencil.weights
    k, e = (torch.tensor(x, dtype=torch.float64) for x in (direction, across))
    k, e = k / k.norm(), e / e.norm()
    if abs(float(k @ e)) > 1e-9:
        raise ArgumentError("across", expected="a direction at right angles to the wave's", got=tuple(across))
    flux = (c @ k) * (c @ e)
    started = w * flux / stencil.sound
    tangent = torch.cat([w[:, None], (w[:, None] * c) / stencil.sound], 1) @ stencil.conserved.T
    matrix = torch.eye(stencil.size, dtype=torch.float64) - J + tangent
    if not float(torch.linalg.cond(matrix)) < _SINGULAR:  # some stress never relaxes
        left = least_squares(matrix, started[:, None])[:, 0]
        if float((matrix @ left - started).norm()) > _SOLVED * float(started.norm()):
            return math.inf
        return float(flux @ left - flux @ started / 2)
    return float(flux @ torch.linalg.solve(matrix, started) - flux @ started / 2)


def viscosities(J: Float[Tensor, "q q"], stencil: Stencil) -> dict[str, float]:
    """The viscosities of waves along an axis and along a diagonal: the two that D4 and O_h allow.

    Args:
        J: A Jacobian at rest.
        stencil: Velocities and weights.

    Returns:
        ``"axis"`` (it is that of the stress c_x c_y) and ``"diagonal"`` (that of c_x^2 - c_y^2, which the Taylor-Green
        vortices feel).
    """
    rest = (0.0,) * (stencil.dim - 2)
    return {
        "axis": shear_viscosity(J, stencil, (1.0, 0.0, *rest), (0.0, 1.0, *rest)),
        "diagonal": shear_viscosity(J, stencil, (1.0, 1.0, *rest), (1.0, -1.0, *rest)),
    }


@dataclass(frozen=True, eq=False)
class Waves:
    """How waves of a grid of wave vectors go on.

    Attributes:
        numbers: Wave vectors ``[waves, dim]``.
        growth: The largest modulus of an eigenvalue of each.
        shear: The viscosity of each, from the decay of its shear mode, at the wave numbers of `lengths`.
        lengths: Wave numbers along each of `directions`.
        directions: Names.
        tolerance: What an eigenvalue may be above 1, by the precision that the Jacobian has.
    """

    numbers: Float[Tensor, "waves dim"]
    growth: Float[Tensor, " waves"]
    lengths: Float[Tensor, " lengths"]
    shear: Float[Tensor, "directions lengths"]
    directions: tuple[str, ...] = ("axis", "diagonal")
    tolerance: float = GROWTH

    @property
    def stable(self) -> bool:
        """Whether no wave grows."""
        return float(self.growth.max()) <= 1 + self.tolerance


def waves(J: Float[Tensor, "q q"], stencil: Stencil, points: int = 24, tolerance: float = GROWTH) -> Waves:
    """The spectrum of all waves of a grid.

    Args:
        J: A Jacobian, at rest or in a mean flow, which carries waves and changes no modulus.
        stencil: Velocities.
        points: Wave numbers along every axis, from 0 to pi.
        tolerance: What an eigenvalue may be above 1 without growth.
    """
    line = torch.linspace(0, math.pi, points, dtype=torch.float64)
    wide = torch.cat([-line[1:].flip(0), line])
    k = torch.stack(torch.meshgrid(wide, *[line] * (stencil.dim - 1), indexing="ij"), -1).reshape(-1, stencil.dim)
    growth = torch.linalg.eigvals(_carried(k, J, stencil)).abs().amax(-1)
    lengths = torch.linspace(0.05, 0.75 * math.pi, points, dtype=torch.float64)
    shear = []
    for direction in ((1.0, 0.0), (1.0, 1.0)):
        along = torch.tensor([*direction, *[0.0] * (stencil.dim - 2)], dtype=torch.float64)
        across = torch.tensor([-direction[1], direction[0], *[0.0] * (stencil.dim - 2)], dtype=torch.float64)
        shear.append(_shear(lengths, along / along.norm(), across / across.norm(), J, stencil))
    return Waves(k, growth, lengths, torch.stack(shear), tolerance=tolerance)


def _carried(k: Tensor, J: Tensor, stencil: Stencil) -> Tensor:
    phase = torch.exp(-1j * (k @ stencil.velocities.T))
    return phase.unsqueeze(-1) * J.to(torch.complex128)


def _shear(lengths: Tensor, along: Tensor, across: Tensor, J: Tensor, stencil: Stencil) -> Tensor:
    """The eigenvector with most of the transverse momentum, for every length."""
    values, vectors = torch.linalg.eig(_carried(lengths[:, None] * along, J, stencil))
    carried = (stencil.velocities @ across).to(vectors)
    share = torch.einsum("q,lqm->lm", carried, vectors).abs() / vectors.abs().square().sum(1).sqrt()
    best = share.argmax(1)
    modulus: Tensor = values.gather(1, best[:, None]).squeeze(1).abs()
    return -modulus.log() / lengths.square()
