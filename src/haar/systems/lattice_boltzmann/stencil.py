"""Stencils: the velocities of a lattice, their weights, and the group that permutes them.

Populations are a permutation representation of that group: element g moves the value of velocity c to the place of
g c. Everything else, from layers to audits, follows from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Symmetry, Vector
from haar.actions.representation import Given
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, dihedral, from_matrices, hyperoctahedral

#: Velocities and weights that differ by less are the same.
_SAME = 1e-9
#: Weights that were rounded to single precision miss the sum 1 by less.
_SINGLE = 1e-6


class Lattice(NamedTuple):
    """A stencil as plain numbers, which compilers read as constants."""

    velocities: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    opposite: tuple[int, ...]
    sound: float


class Stencil:
    """Velocities and weights of a lattice, in any order.

    Args:
        velocities: One a row, in lattice units.
        weights: Positive, with sum 1, and such that ``sum w c c`` is a multiple of the identity.
        name: A short name, such as ``"D2Q9"``.
        group: The symmetry that is asked for, a group with matrices; by default all orthogonal matrices that permute
            the velocities and keep their weights. A force or a wall leaves a subgroup: ``stencil.under(subgroup)``.

    Attributes:
        velocities: ``[Q, dim]``, float64.
        weights: ``[Q]``, float64.
        sound: The square of the speed of sound.
        group: The group.
        representation: How it permutes populations.

    Raises:
        ArgumentError: If the weights are no weights, or an element of the group does not preserve the stencil.

    Example:
        >>> stencil = Stencil.named("D2Q9")
        >>> stencil.size, stencil.group.name, stencil.representation.dim
        (9, 'D4', 9)
    """

    def __init__(
        self,
        velocities: Float[Tensor, "q dim"] | Sequence[Sequence[float]],
        weights: Float[Tensor, " q"] | Sequence[float],
        name: str = "",
        group: FiniteGroup | None = None,
    ) -> None:
        self.velocities = torch.as_tensor(velocities, dtype=torch.float64)
        self.weights = torch.as_tensor(weights, dtype=torch.float64)
        self.sound = _checked_sound(self.velocities, self.weights)
        self.name = name or f"D{self.dim}Q{self.size}"
        self.group = self._whole_group() if group is None else group
        self.representation = Given(self.group, self._permutations(self.group), self.name)

    @classmethod
    def named(cls, name: str, group: FiniteGroup | None = None) -> Stencil:
        """A stencil of the field: D2Q5, D2Q7 (hexagonal), D2Q9, D3Q15, D3Q19 or D3Q27.

        Args:
            name: Its name.
            group: As in the constructor.

        Raises:
            ArgumentError: If there is none of that name.
        """
        if name not in _NAMED:
            raise ArgumentError(
                "stencil",
                expected=f"one of {', '.join(_NAMED)}",
                got=repr(name),
                way_out="Stencil(velocities, weights) takes any other",
            )
        velocities, weights = _NAMED[name]()
        return cls(velocities, weights, name, group)

    def under(self, group: FiniteGroup) -> Stencil:
        """The same velocities with less symmetry."""
        return Stencil(self.velocities, self.weights, self.name, group)

    def permuted(self, order: Sequence[int] | Int[Tensor, " q"]) -> Stencil:
        """The same lattice with its velocities in another order: new place i holds old velocity ``order[i]``."""
        index = torch.as_tensor(order)
        if index.is_floating_point() or index.flatten().sort().values.tolist() != list(range(self.size)):
            expected = f"the places 0 to {self.size - 1}, each once"
            raise ArgumentError("order", expected=expected, got=index.tolist())
        return Stencil(self.velocities[index], self.weights[index], self.name, self.group)

    @property
    def size(self) -> int:
        """Number of velocities, Q."""
        return len(self.velocities)

    @property
    def dim(self) -> int:
        """Dimension of space."""
        return int(self.velocities.shape[1])

    @property
    def symmetry(self) -> Symmetry:
        """That of a collision on the last axis."""
        return Symmetry(self.group, Vector(self.representation), Vector(self.representation))

    @cached_property
    def opposite(self) -> Int[Tensor, " q"]:
        """The place of every velocity's opposite."""
        place = _places(-self.velocities, self.velocities)
        if place is None:
            raise ArgumentError("stencil", expected="the opposite of every velocity", got=self.name)
        return place

    @cached_property
    def lattice(self) -> Float[Tensor, "dim dim"]:
        """The vectors between neighbouring nodes, one a row: the axes, or two velocities of a hexagonal lattice."""
        eye = torch.eye(self.dim, dtype=torch.float64)
        whole = bool((self.velocities - self.velocities.round()).abs().max() < _SAME)
        return eye if whole else self.velocities[_independent(self.velocities)]

    @cached_property
    def shifts(self) -> tuple[tuple[int, ...], ...]:
        """By how many nodes along every axis of an array each population moves in a step.

        Raises:
            ArgumentError: If velocities end between nodes.
        """
        steps = torch.linalg.solve(self.lattice.T, self.velocities.T).T
        if bool((steps - steps.round()).abs().max() > 1e-6):
            raise ArgumentError("stencil", expected="velocities from node to node of a lattice", got=self.name)
        return tuple(tuple(int(x) for x in row) for row in steps.round().tolist())

    @cached_property
    def plain(self) -> Lattice:
        """The same as plain numbers."""
        rows = tuple(tuple(map(float, row)) for row in self.velocities.tolist())
        return Lattice(rows, tuple(self.weights.tolist()), tuple(self.opposite.tolist()), self.sound)

    @cached_property
    def conserved(self) -> Float[Tensor, "q moments"]:
        """What collisions conserve: the columns 1, c_x, c_y (and c_z)."""
        return torch.cat([torch.ones(self.size, 1, dtype=torch.float64), self.velocities], 1)

    @cached_property
    def non_conserved(self) -> Float[Tensor, "q q"]:
        """The orthogonal projection that removes what is conserved; it commutes with the group."""
        K = self.conserved
        onto: Tensor = K @ torch.linalg.solve(K.T @ K, K.T)
        return torch.eye(self.size, dtype=torch.float64) - onto

    def viscosity(self, tau: float) -> float:
        """The shear viscosity of a relaxation time, in lattice units."""
        return self.sound * (check_time(tau) - 0.5)

    def moments(self, f: Float[Tensor, "*batch q"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch dim"]]:
        """Density, and velocity.

        Args:
            f: Populations on the last axis.
        """
        self.check(f)
        density = f.sum(-1)
        return density, (f @ self.velocities.to(f)) / density.unsqueeze(-1)

    def equilibrium(
        self, density: Float[Tensor, "*batch"], velocity: Float[Tensor, "*batch dim"]
    ) -> Float[Tensor, "*batch q"]:
        """Populations at equilibrium, to second order in the velocity.

        Args:
            density: The density.
            velocity: The velocity, on the last axis.

        Example:
            >>> stencil = Stencil.named("D2Q9")
            >>> f = stencil.equilibrium(torch.ones(()), torch.tensor([0.1, 0.0]))
            >>> [round(float(x), 6) for x in stencil.moments(f)[1]]
            [0.1, 0.0]
        """
        density, velocity = _numbers(density, "density"), _numbers(velocity, "velocity")
        if velocity.shape[-1:] != (self.dim,):
            expected = f"{self.dim} numbers on the last axis"
            raise ShapeError("velocity", expected=expected, got=tuple(velocity.shape))
        along = velocity @ self.velocities.T.to(velocity) / self.sound
        energy = velocity.square().sum(-1, keepdim=True) / (2 * self.sound)
        weights = self.weights.to(velocity)
        return weights * density.unsqueeze(-1) * (1 + along + along.square() / 2 - energy)

    def check(self, f: Tensor, argument: str = "f", *, axis: int = -1) -> None:
        """Raise unless an axis holds the populations of this stencil.

        Raises:
            ShapeError: Naming the axis.
        """
        if not isinstance(f, Tensor):
            got, way_out = type(f).__name__, "torch.as_tensor makes one of an array"
            raise ArgumentError(argument, expected="a tensor of populations", got=got, way_out=way_out)
        if f.ndim <= (axis if axis >= 0 else -axis - 1) or f.shape[axis] != self.size:
            where = "last axis" if axis == -1 else f"axis {axis}"
            raise ShapeError(
                argument,
                expected=f"{self.size} populations ({self.name}) on the {where}",
                got=tuple(f.shape),
                way_out="name another stencil, or move the axis",
            )
        if not f.is_floating_point():
            raise ArgumentError(argument, expected="floating-point populations", got=f.dtype)

    def element_matrices(self) -> Float[Tensor, "order q q"]:
        """B(g) of every element."""
        return self.representation.matrix(self.group.elements())

    def _permutations(self, group: FiniteGroup) -> Float[Tensor, "order q q"]:
        if not isinstance(group, FiniteGroup):
            way_out = "for example haar.groups.dihedral(4), or cyclic(4), which has no mirrors"
            raise ArgumentError("group", expected="a finite group of matrices", got=repr(group), way_out=way_out)
        if group.defining_dim != self.dim:
            raise ArgumentError(
                "group",
                expected=f"a group of {self.dim} x {self.dim} matrices for {self.name}",
                got=f"{group.name}, of dimension {group.defining_dim}",
            )
        eye = torch.eye(self.size, dtype=torch.float64)
        found = []
        for g in group.elements():
            place = _places(self.velocities @ group.defining_matrix(g).T, self.velocities)
            if place is None or bool((self.weights[place] - self.weights).abs().max() > _SAME):
                raise ArgumentError(
                    "group",
                    expected=f"a group that permutes the velocities of {self.name} and keeps their weights",
                    got=f"{group.name}, whose element {group.describe(g)} does not",
                    way_out=f"the largest that does is {self._whole_group().name}",
                )
            found.append(eye[:, place])  # B(g) takes e_i to e_place(i): forward
        return torch.stack(found)

    def _whole_group(self) -> FiniteGroup:
        """All orthogonal matrices that permute the velocities, as a group of the catalogue where it is one."""
        matrices = self._orthogonal_matrices()
        known = [dihedral(4), dihedral(6)] if self.dim == 2 else [hyperoctahedral(self.dim)]
        for parent in known:
            flat = parent.defining_matrix(parent.elements()).flatten(1)
            near = torch.cdist(matrices.flatten(1), flat).min(1)
            if bool((near.values < _SAME).all()):
                members = near.indices.sort().values
                return parent if len(members) == parent.order else parent.subgroup(members)
        return from_matrices(list(matrices), "G")

    def _orthogonal_matrices(self) -> Float[Tensor, "order dim dim"]:
        """They take independent velocities to velocities with the same weights, lengths and angles."""
        c, w = self.velocities, self.weights
        chosen = _independent(c)
        start, gram = c[chosen], c @ c.T
        alike = (w[:, None] - w[chosen]).abs() + (gram.diagonal()[:, None] - gram.diagonal()[chosen]).abs() < _SAME
        found = []
        for images in itertools.product(*(column.nonzero().flatten().tolist() for column in alike.T)):
            index = torch.tensor(images)
            if (gram[index][:, index] - gram[chosen][:, chosen]).abs().max() < _SAME:
                matrix = torch.linalg.solve(start, c[index]).T
                place = _places(c @ matrix.T, c)
                if place is not None and bool((w[place] - w).abs().max() < _SAME):
                    found.append(matrix)
        return torch.stack(found)

    def __repr__(self) -> str:
        return f"<Stencil {self.name}: {self.size} velocities, {self.group.name}>"


def _checked_sound(velocities: Tensor, weights: Tensor) -> float:
    """The square of the speed of sound."""
    if velocities.ndim != 2 or velocities.shape[1] not in (2, 3):
        raise ShapeError("velocities", expected="rows of 2 or 3 numbers", got=tuple(velocities.shape))
    if weights.shape != velocities.shape[:1]:
        raise ShapeError("weights", expected=f"{len(velocities)}, one a velocity", got=tuple(weights.shape))
    near = torch.cdist(velocities, velocities, compute_mode="donot_use_mm_for_euclid_dist") < _SAME
    if bool((near.sum(1) > 1).any()):
        twice = velocities[int((near.sum(1) > 1).nonzero()[0])].tolist()
        raise ArgumentError("velocities", expected="every velocity once", got=f"{twice} twice")
    total = float(weights.sum())
    if bool((weights <= 0).any()) or not abs(total - 1) <= _SAME:
        raise ArgumentError(
            "weights",
            expected="positive numbers with sum 1",
            got=f"{weights.tolist()}, with sum {total:.12g}",
            way_out="give them in double precision" if abs(total - 1) < _SINGLE else "",
        )
    second = velocities.T @ (weights[:, None] * velocities)
    sound = float(second.diagonal().mean())
    if bool((weights @ velocities).abs().max() > _SAME) or bool(
        (second - sound * torch.eye(velocities.shape[1], dtype=torch.float64)).abs().max() > _SAME
    ):
        raise ArgumentError(
            "weights", expected="sum w c = 0 and sum w c c a multiple of the identity", got=second.tolist()
        )
    return sound


def check_time(tau: float) -> float:
    """A relaxation time that is stable.

    Raises:
        ArgumentError: If it is no number, or below a half.
    """
    number = isinstance(tau, (int, float)) or (isinstance(tau, Tensor) and tau.numel() == 1)
    if not number or not 0.5 <= float(tau) < float("inf"):
        way_out = "the viscosity is sound * (tau - 1/2), and must not be negative"
        raise ArgumentError("tau", expected="at least 0.5", got=tau if number else repr(tau), way_out=way_out)
    return float(tau)


def _numbers(values: Tensor | Sequence[float] | float, argument: str) -> Tensor:
    """A tensor as it is, or what is written as numbers."""
    if isinstance(values, Tensor):
        return values
    try:
        return torch.as_tensor(values, dtype=torch.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(argument, expected="a tensor of numbers", got=type(values).__name__) from error


def _places(moved: Tensor, velocities: Tensor) -> Tensor | None:
    """Where every moved velocity stands; None if one stands nowhere."""
    near = torch.cdist(moved, velocities, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    return near.indices if bool((near.values < _SAME).all()) else None


def _independent(velocities: Tensor) -> Tensor:
    """The first velocities that are independent."""
    chosen: list[int] = []
    for k in range(len(velocities)):
        if int(torch.linalg.matrix_rank(velocities[[*chosen, k]])) > len(chosen):
            chosen.append(k)
    return torch.tensor(chosen)


def _cube(squares: Sequence[int], weights: dict[int, float], dim: int = 3) -> tuple[list[list[float]], list[float]]:
    """Velocities with entries -1, 0, 1 by their squared length."""
    points = sorted(itertools.product((0, 1, -1), repeat=dim), key=lambda c: sum(x * x for x in c))
    kept = [c for c in points if sum(x * x for x in c) in squares]
    return [[float(x) for x in c] for c in kept], [weights[sum(x * x for x in c)] for c in kept]


def _hexagon() -> tuple[list[list[float]], list[float]]:
    angles = torch.arange(6, dtype=torch.float64) * torch.pi / 3
    ring = torch.stack([angles.cos(), angles.sin()], 1)
    return [[0.0, 0.0], *ring.tolist()], [1 / 2, *[1 / 12] * 6]


_AXES = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
_CORNERS = [[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]
_NAMED: dict[str, Callable[[], tuple[list[list[float]], list[float]]]] = {
    "D2Q5": lambda: (_AXES, [1 / 3, *[1 / 6] * 4]),
    "D2Q7": _hexagon,
    "D2Q9": lambda: (_AXES + _CORNERS, [4 / 9, *[1 / 9] * 4, *[1 / 36] * 4]),
    "D3Q15": lambda: _cube((0, 1, 3), {0: 2 / 9, 1: 1 / 9, 3: 1 / 72}),
    "D3Q19": lambda: _cube((0, 1, 2), {0: 1 / 3, 1: 1 / 18, 2: 1 / 36}),
    "D3Q27": lambda: _cube((0, 1, 2, 3), {0: 8 / 27, 1: 2 / 27, 2: 1 / 54, 3: 1 / 216}),
}
