"""Collisions: maps from populations before to populations after, cell by cell."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError
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
        check_stencil(stencil)
        self.stencil = stencil
        self.register_constant("weights", stencil.weights)
        self.register_constant("velocities", stencil.velocities)
        # a tensor: where plain numbers are constants of single precision, as in an ONNX file, it keeps its own
        self.register_constant("sound", torch.tensor(stencil.sound, dtype=torch.float64))
        self.weights: Tensor
        self.velocities: Tensor
        self.sound: Tensor

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


def check_stencil(stencil: object) -> None:
    """Refuse what is no stencil.

    Raises:
        ArgumentError: If it is none.
    """
    if not isinstance(stencil, Stencil):
        way_out = "Stencil.named('D2Q9') is one"
        raise ArgumentError("stencil", expected="a Stencil", got=repr(stencil), way_out=way_out)


def check_collision(collision: object, stencil: Stencil) -> None:
    """Refuse what cannot be called, and a collision that was made for other populations.

    Args:
        collision: Any callable; of one that knows its stencil (or is an average of one) the velocities must be these.
        stencil: Velocities in their order.

    Raises:
        ArgumentError: If it is another kind of thing, or of another stencil.
    """
    check_stencil(stencil)
    if not callable(collision):
        expected = "a callable from populations on the last axis to populations"
        raise ArgumentError("collision", expected=expected, got=repr(collision))
    own = getattr(collision, "stencil", getattr(getattr(collision, "model", None), "stencil", None))
    if not isinstance(own, Stencil) or own is stencil:
        return
    if own.size != stencil.size or bool((own.velocities - stencil.velocities).abs().max() > 1e-9):
        same = own.size == stencil.size and sorted(own.velocities.tolist()) == sorted(stencil.velocities.tolist())
        got = f"one made for {own.name}" + (", with its velocities in another order" if same else "")
        way_out = "give both the same stencil"
        raise ArgumentError("collision", expected=f"one of {stencil.name}", got=got, way_out=way_out)


def collided(collision: Collision, f: Float[Tensor, "*batch q"]) -> Float[Tensor, "*batch q"]:
    """What a collision of any kind makes of populations.

    Raises:
        ArgumentError: If it gives no tensor.
        ShapeError: If it gives another number of populations.
    """
    after = collision(f)
    if not isinstance(after, Tensor):
        way_out = "on_cells(collision, numpy=True) makes one of a function of arrays"
        expected = "one that gives a tensor of populations"
        raise ArgumentError("collision", expected=expected, got=type(after).__name__, way_out=way_out)
    if after.shape != f.shape:
        way_out = "on_cells(collision, axis=0) makes one of a function with populations on the first axis"
        expected = f"one that gives {tuple(f.shape)} for as many"
        raise ShapeError("collision", expected=expected, got=tuple(after.shape), way_out=way_out)
    return after


def check_precision(f: Tensor, own: torch.dtype) -> None:
    """Refuse populations of another precision than a collision's weights.

    Raises:
        ArgumentError: If they differ.
    """
    if f.dtype != own:
        theirs, ours = (str(dtype).removeprefix("torch.") for dtype in (f.dtype, own))
        way_out = f"convert them with .to(torch.{ours}), or the collision with .to(torch.{theirs})"
        raise ArgumentError("f", expected=f"{ours}, as the collision's weights", got=theirs, way_out=way_out)


def on_axis(collision: Collision, f: Float[Tensor, "batch q *space"]) -> Float[Tensor, "batch q *space"]:
    """Any collision on populations that stand on axis 1."""
    if isinstance(collision, LatticeCollision):
        return collision.along(f)
    return collided(collision, f.movedim(1, -1)).movedim(-1, 1)


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


def density_and_velocity(f: Tensor, velocities: Tensor) -> tuple[Tensor, Tensor]:
    """Of populations on the last axis; unlike `Stencil.moments` without a look at their shape."""
    density = f.sum(-1, keepdim=True)
    return density, (f @ velocities.to(f.dtype)) / density


def equilibrium_of(f: Tensor, weights: Tensor, velocities: Tensor, sound: float | Tensor) -> Tensor:
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
        after = collided(collision, at[None].clone())[0]
    along = torch.eye(len(at), dtype=at.dtype) - torch.outer(at, ones)
    return torch.outer(after.double(), ones) + jacobian(collision, at) @ along


def jacobian(function: Collision, at: Float[Tensor, " q"]) -> Float[Tensor, "q q"]:
    """Derivatives by all inputs at one point; by differences where the function does not differentiate."""
    if differentiates(function, at):
        with torch.enable_grad():
            # cell k of the batch gives row k: one backward pass for all. The function may write into its input
            copies = at.detach().expand(len(at), -1).clone().requires_grad_()
            (found,) = torch.autograd.grad(function(copies.clone()), copies, torch.eye(len(at), dtype=at.dtype))
            return found.detach()
    step = _STEP * torch.eye(len(at), dtype=at.dtype)

    def difference(step: Tensor) -> Tensor:
        return (function(at + step) - function(at - step)) / (2 * step.diagonal().unsqueeze(1))

    with torch.no_grad():  # of two steps, so that what is left is of the fourth order (Richardson)
        return ((4 * difference(step / 2) - difference(step)) / 3).T.double()


def differentiates(function: Collision, at: Float[Tensor, " q"]) -> bool:
    """Whether torch follows a function."""
    with torch.enable_grad():
        return bool(collided(function, at.detach().expand(1, -1).clone().requires_grad_().clone()).requires_grad)


#: Of differences, in populations of sum 1.
_STEP = 1e-4
