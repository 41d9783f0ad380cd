"""Walls and obstacles by half-way bounce back, and open ends.

A population that would have come out of a wall is the one that went into it a step before, turned round; the wall
lies half a cell beyond the last node. A wall that moves gives momentum to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.systems.lattice_boltzmann.stencil import Stencil

ENDS = ("low", "high")


@dataclass(frozen=True)
class Wall:
    """One end of an axis is a wall.

    The other end needs a boundary of its own: what leaves there would come in behind the wall.

    Args:
        axis: The axis that ends there.
        end: ``"low"`` or ``"high"``.
        velocity: Of the wall, along itself; by default it stands.
    """

    axis: int
    end: str
    velocity: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Obstacle:
    """A solid body.

    Args:
        mask: Where it is, ``[*space]``.
        velocity: Of its surface; by default it stands.
    """

    mask: Bool[Tensor, "*space"] | np.ndarray
    velocity: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Inflow:
    """Nodes at one end of an axis hold the equilibrium of a given velocity.

    Args:
        axis: The axis that begins there.
        end: ``"low"`` or ``"high"``.
        velocity: The velocity.
    """

    axis: int
    end: str
    velocity: tuple[float, ...]


@dataclass(frozen=True)
class Outflow:
    """Nodes at one end of an axis copy their neighbours.

    Args:
        axis: The axis that ends there.
        end: ``"low"`` or ``"high"``.
    """

    axis: int
    end: str


Boundary = Wall | Obstacle | Inflow | Outflow


class Boundaries:
    """All boundaries of a grid, as lists of links.

    Args:
        stencil: Velocities.
        shape: Of the grid.
        given: Walls, obstacles and open ends; where two meet in one link, a wall that moves, then the earlier.

    Raises:
        ArgumentError: If an axis, an end or a velocity does not fit.
    """

    def __init__(self, stencil: Stencil, shape: Sequence[int], given: Sequence[Boundary]) -> None:
        if isinstance(given, (Wall, Obstacle, Inflow, Outflow)):
            given = [given]
        given = [_from_arrays(one) for one in given]
        self.stencil, self.shape, self.given = stencil, tuple(shape), tuple(given)
        if given and stencil.lattice.tolist() != torch.eye(stencil.dim).tolist():
            raise ArgumentError(
                "boundaries", expected="none on a lattice whose axes are not at right angles", got=given
            )
        if given and max(abs(x) for shift in stencil.shifts for x in shift) > 1:
            expected = "none on a lattice whose velocities go beyond the neighbouring nodes"
            raise ArgumentError("boundaries", expected=expected, got=given)
        for boundary in given:
            self._check(boundary)
        self._check_ends()
        owner = self._owners()
        inner = tuple(slice(1, 1 + size) for size in self.shape)
        self.solid = torch.from_numpy(owner[inner] >= 0)
        self._links(owner, inner)
        self.open = [one for one in given if isinstance(one, (Inflow, Outflow))]

    def apply(self, out: Tensor, post: Tensor) -> Tensor:
        """Populations after streaming, with those of all links turned round; into the same memory.

        Args:
            out: Streamed populations ``[batch, Q, *space]``.
            post: Populations after the collision.
        """
        if not self.given:
            return out
        flat, before = out.flatten(2).flatten(1), post.flatten(2).flatten(1)
        values = before[:, self.source]
        if self.moving.numel():
            density = post.flatten(2)[:, :, self.site[self.moving]].sum(1)
            values = values.index_add(1, self.moving, density * self.gain.to(out))
        flat = _put(flat, self.target, values)
        if self.still.numel():
            flat = _put(flat, self.still, self.rest.to(out).expand(len(flat), -1))
        found = flat.view(out.shape)
        for boundary in self.open:
            found = self._opened(found, boundary)
        return found

    def push(self, out: Tensor, post: Tensor, boundary: int) -> Float[Tensor, "batch dim"]:
        """The momentum that a boundary takes up in a step, by the exchange over its links.

        Args:
            out: Populations after the step.
            post: Populations after its collision.
            boundary: Its place in the list.
        """
        mine = self.owner == boundary
        before, after = (
            post.flatten(2).flatten(1)[:, self.source[mine]],
            out.flatten(2).flatten(1)[:, self.target[mine]],
        )
        outward = -self.stencil.velocities[self.velocity[mine]].to(out)
        return (before + after) @ outward

    def _owners(self) -> np.ndarray:
        """The number of the boundary that every node belongs to, with a rim; -1 in the fluid."""
        owner = np.full(self.shape, -1)
        for number, one in reversed(list(enumerate(self.given))):
            if isinstance(one, Obstacle):
                owner[np.asarray(one.mask)] = number
        owner = np.pad(owner, 1, mode="wrap")
        # where two meet at a corner the one that moves counts: each of its nodes then gains as much as it loses
        for number, one in sorted(enumerate(self.given), key=lambda pair: (_moves(pair[1]), -pair[0])):
            if isinstance(one, Wall):
                rim = [slice(None)] * len(self.shape)
                rim[one.axis] = slice(0, 1) if one.end == "low" else slice(-1, None)
                owner[tuple(rim)] = number
        return owner

    def _links(self, owner: np.ndarray, inner: tuple[slice, ...]) -> None:
        size = int(np.prod(self.shape))
        opposite, c = self.stencil.opposite.tolist(), self.stencil.velocities
        none = np.empty(0, dtype=np.int64)
        targets, sources, owners, numbers, gains = [none], [none], [none], [none], [np.empty(0)]
        fluid = owner[inner] < 0
        for i, shift in enumerate(self.stencil.shifts if self.given else ()):
            window = tuple(slice(1 - s, 1 - s + n) for s, n in zip(shift, self.shape, strict=True))
            coming = owner[window]
            sites = np.flatnonzero(fluid & (coming >= 0))
            whose = coming.reshape(-1)[sites]
            targets.append(i * size + sites)
            sources.append(opposite[i] * size + sites)
            owners.append(whose)
            numbers.append(np.full(len(sites), i))
            along = [self._along(one, c[i]) for one in self.given]
            factor = 2 * float(self.stencil.weights[i]) / self.stencil.sound
            gains.append(factor * np.array([along[k] for k in whose], dtype=np.float64))
        self.target, self.source = (torch.from_numpy(np.concatenate(x)) for x in (targets, sources))
        self.owner, self.velocity = (torch.from_numpy(np.concatenate(x)) for x in (owners, numbers))
        self.site = self.target % size
        gain = torch.from_numpy(np.concatenate(gains))
        self.moving = gain.nonzero().flatten()
        self.gain = gain[self.moving]
        solid = self.solid.flatten().nonzero().flatten()
        self.still = (torch.arange(self.stencil.size)[:, None] * size + solid).flatten()
        self.rest = self.stencil.weights.repeat_interleave(len(solid))

    def _check_ends(self) -> None:
        """Refuse a wall at one end of an axis whose other end is open to it."""
        for one in self.given:
            if not isinstance(one, Wall):
                continue
            other = ENDS[1 - ENDS.index(one.end)]
            place = 0 if other == "low" else -1
            masks = [
                torch.as_tensor(body.mask).select(one.axis, place) for body in self.given if isinstance(body, Obstacle)
            ]
            solid = bool(masks) and bool(torch.stack(masks).any(0).all())
            ends = [(b.axis, b.end) for b in self.given if not isinstance(b, Obstacle)]
            if not solid and (one.axis, other) not in ends:
                raise ArgumentError(
                    "boundaries",
                    expected=f"a boundary at the {other} end of axis {one.axis} too",
                    got=f"a wall at its {one.end} end alone",
                    way_out=f"add Wall({one.axis}, {other!r})",
                )

    def _along(self, boundary: Boundary, c: Tensor) -> float:
        velocity = boundary.velocity if isinstance(boundary, (Wall, Obstacle)) else None
        return 0.0 if velocity is None else float(c @ torch.tensor(velocity, dtype=torch.float64))

    def _opened(self, f: Tensor, boundary: Inflow | Outflow) -> Tensor:
        axis, size = boundary.axis + 2, self.shape[boundary.axis]
        place, neighbour = (0, 1) if boundary.end == "low" else (size - 1, size - 2)
        if isinstance(boundary, Outflow):
            value = f.select(axis, neighbour)
        else:
            one = torch.ones((), dtype=f.dtype, device=f.device)
            value = self.stencil.equilibrium(one, torch.tensor(boundary.velocity).to(f))
            value = value.view(1, -1, *[1] * (len(self.shape) - 1)).expand_as(f.select(axis, place))
        if torch.is_grad_enabled() and f.requires_grad:
            return f.select_scatter(value, axis, place)
        f.select(axis, place).copy_(value)
        return f

    def _check(self, one: Boundary) -> None:
        dim = len(self.shape)
        if isinstance(one, Obstacle):
            if tuple(one.mask.shape) != self.shape or one.mask.dtype != torch.bool:
                got = f"{one.mask.dtype} {tuple(one.mask.shape)}"
                raise ShapeError("boundaries", expected=f"a mask of booleans {self.shape}", got=got)
        elif one.axis not in range(dim) or one.end not in ENDS:
            expected = f"an axis below {dim} and an end, 'low' or 'high'"
            raise ArgumentError("boundaries", expected=expected, got=one)
        velocity = getattr(one, "velocity", None)
        if velocity is not None and len(velocity) != dim:
            raise ArgumentError("boundaries", expected=f"velocities with {dim} numbers", got=one)
        if velocity is not None and not all(map(math.isfinite, velocity)):
            raise ArgumentError("boundaries", expected="finite velocities", got=one)
        if isinstance(one, Wall) and velocity is not None and velocity[one.axis] != 0:
            raise ArgumentError("boundaries", expected="a wall that moves along itself", got=one)


def _from_arrays(boundary: Boundary) -> Boundary:
    """The same with a mask that is a tensor, and a velocity of plain numbers."""
    if not isinstance(boundary, (Wall, Obstacle, Inflow, Outflow)):
        expected = "walls, obstacles, inflows and outflows"
        raise ArgumentError("boundaries", expected=expected, got=repr(boundary))
    if isinstance(boundary, Obstacle) and isinstance(boundary.mask, np.ndarray):
        boundary = replace(boundary, mask=torch.from_numpy(boundary.mask))
    if isinstance(boundary, Outflow) or boundary.velocity is None:
        return boundary
    try:
        return replace(boundary, velocity=tuple(float(x) for x in boundary.velocity))
    except (TypeError, ValueError) as error:
        raise ArgumentError("boundaries", expected="velocities, a number an axis", got=boundary) from error


def _moves(boundary: Boundary) -> bool:
    return isinstance(boundary, Wall) and boundary.velocity is not None and any(boundary.velocity)


def _put(flat: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """In place where no gradient is wanted."""
    if torch.is_grad_enabled() and (flat.requires_grad or values.requires_grad):
        return flat.index_copy(1, index, values)
    return flat.index_copy_(1, index, values)
