"""Collisions: maps from populations before to populations after, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.systems.lattice_boltzmann.stencil import Stencil

Collision = Callable[[Tensor], Tensor]
"""Any callable from populations on the last axis, ``[..., Q]``, to populations."""


class LatticeCollision(ConstantsModule):
    """A collision that knows its stencil.

    Args:
        stencil: Velocities, weights and group.

    Attributes:
        stencil: As given.
        trained_speed: The largest speed that it was trained on, where that is known; simulations warn beyond it.
    """

    trained_speed: float | None = None

    def __init__(self, stencil: Stencil) -> None:
        super().__init__()
        self.stencil = stencil
        self.register_constant("weights", stencil.weights)
        self.register_constant("velocities", stencil.velocities)
        self.weights: Tensor
        self.velocities: Tensor

    @property
    def symmetry(self) -> Symmetry:
        """What `haar.audit` and `haar.average` take beside it."""
        return self.stencil.symmetry

    def along(self, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
        """The same on axis 1, where a simulation has its populations."""
        out: Tensor = self(f.movedim(1, -1))
        return out.movedim(-1, 1)

    def extra_repr(self) -> str:
        """The stencil."""
        return repr(self.stencil)


def on_axis(collision: Collision, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
    """Any collision on populations that stand on axis 1."""
    if isinstance(collision, LatticeCollision):
        return collision.along(f)
    return collision(f.movedim(1, -1)).movedim(-1, 1)


def relaxation_time(stencil: Stencil, viscosity: float) -> float:
    """The relaxation time of a shear viscosity, in lattice units.

    Args:
        stencil: For its speed of sound.
        viscosity: At least 0.

    Example:
        >>> round(relaxation_time(Stencil.named("D2Q9"), 1 / 6), 12)
        1.0
    """
    if not 0 <= viscosity < float("inf"):
        raise ArgumentError("viscosity", expected="a number of at least 0, in lattice units", got=viscosity)
    return viscosity / stencil.sound + 0.5


def check_time(tau: float) -> float:
    """A relaxation time that is stable.

    Raises:
        ArgumentError: If it is below a half.
    """
    if not 0.5 <= tau < float("inf"):
        way_out = "the viscosity is sound * (tau - 1/2), and must not be negative"
        raise ArgumentError("tau", expected="at least 0.5", got=tau, way_out=way_out)
    return float(tau)


def density_and_velocity(f: Tensor, velocities: Tensor) -> tuple[Tensor, Tensor]:
    """Of populations on the last axis; unlike `Stencil.moments` without a look at their shape."""
    density = f.sum(-1, keepdim=True)
    return density, (f @ velocities.to(f.dtype)) / density


def equilibrium_of(f: Tensor, weights: Tensor, velocities: Tensor, sound: float) -> Tensor:
    """The equilibrium with the moments of f, on the last axis."""
    density, u = density_and_velocity(f, velocities)
    along = u @ velocities.T.to(f.dtype) / sound
    energy = u.square().sum(-1, keepdim=True) / (2 * sound)
    return weights.to(f.dtype) * density * (1 + along + along.square() / 2 - energy)


def linearised(collision: Collision, stencil: Stencil, velocity: Tensor | None = None) -> Float[Tensor, "q q"]:
    """The Jacobian of a collision at rest (or in a mean flow) with density 1, extended as a map of degree 1.

    A collision that was learned on populations with sum 1 says nothing of others; ``rho N(f / rho)`` does.

    Args:
        collision: Any collision on the last axis.
        stencil: Its stencil.
        velocity: Of a mean flow.
    """
    flow = torch.zeros(stencil.dim, dtype=torch.float64) if velocity is None else velocity.double()
    at = stencil.equilibrium(torch.ones((), dtype=torch.float64), flow)
    # d (rho N(f / rho)) by the chain rule: the collision itself is asked alone, for it may not differentiate
    ones = torch.ones_like(at)
    with torch.no_grad():
        after = collision(at[None])[0]
    along = torch.eye(len(at), dtype=at.dtype) - torch.outer(at, ones)
    return torch.outer(after.double(), ones) + jacobian(collision, at) @ along


def jacobian(function: Collision, at: Float[Tensor, " q"]) -> Float[Tensor, "q q"]:
    """Derivatives by all inputs at one point; by differences where the function does not differentiate."""
    with torch.enable_grad():
        point = at.detach().clone().requires_grad_()
        rows = function(point.expand(len(at), -1))
        if rows.requires_grad:
            # cell k of the batch gives row k: one backward pass for all
            seeds = torch.eye(len(at), dtype=rows.dtype)
            copies = point.detach().expand(len(at), -1).clone().requires_grad_()
            (found,) = torch.autograd.grad(function(copies), copies, seeds)
            return found.detach()
    step = 1e-4
    eye = step * torch.eye(len(at), dtype=at.dtype)
    with torch.no_grad():
        return ((function(at + eye) - function(at - eye)) / (2 * step)).T.double()
