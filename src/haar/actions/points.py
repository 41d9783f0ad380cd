"""Clouds of points and bilinear forms: a representation on each of a tensor's last two axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.axes import Axes
from haar.actions.representation import Representation
from haar.actions.representation.representation import check_representation
from haar.actions.vector import Vector
from haar.errors import ArgumentError
from haar.groups import Subgroup


class _AxisByAxis(Action):
    """One axis after the other; the order does not matter."""

    def __init__(self, steps: Sequence[Vector]) -> None:
        self._steps = tuple(steps)
        self.group = self._steps[0].group

    def check(self, x: Tensor, argument: str = "x") -> None:
        """The last two axes must fit."""
        for step in self._steps:
            step.check(x, argument)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Both axes in turn."""
        for step in self._steps:
            x = step.act(g, x)
        return x

    def move(self, g: Tensor) -> Move:
        """One prepared step after the other."""
        return _Both([step.move(g) for step in self._steps])

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """The sum of both tangents."""
        return torch.stack([step.tangent(direction, x) for step in self._steps]).sum(0)


class Points(_AxisByAxis):
    """Clouds of points ``(..., n, d)``: rotations turn the coordinates, relabellings permute the points.

    Args:
        rotation: Representation on the last axis, or None.
        relabelling: Representation on the axis before it, or None.

    Raises:
        ArgumentError: If both are None, or they represent different groups.

    Example:
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO, symmetric
        >>> Points(rotation=Defining(SO(3))).group.name
        'SO(3)'
        >>> Points(relabelling=Defining(symmetric(5))).group.name
        'S5'
    """

    axes = Axes(2, -1)

    def __init__(self, *, rotation: Representation | None = None, relabelling: Representation | None = None) -> None:
        for name, rep in (("rotation", rotation), ("relabelling", relabelling)):
            if rep is not None:
                check_representation(name, rep)
        parts = [rep for rep in (rotation, relabelling) if rep is not None]
        if not parts:
            raise ArgumentError("rotation", expected="a rotation, a relabelling or both", got="neither")
        if parts[0].group != parts[-1].group:
            raise ArgumentError(
                "relabelling",
                expected=f"a representation of {parts[0].group.name}, like rotation",
                got=parts[-1].group.name,
                way_out="take the product of the groups and pull both back",
            )
        pairs = ((rotation, -1), (relabelling, -2))
        super().__init__([Vector(rep, axis=axis) for rep, axis in pairs if rep is not None])
        self.rep = self.rotation = rotation
        self.relabelling = relabelling

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """Those that rotations mix; features that are only relabelled stay apart."""
        return [(k,) for k in range(size)] if self.rotation is None else super().mixed_channels(size)

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """`size` points, or as many as are relabelled; features that nothing turns are not told."""
        if self.rotation is None:
            return super().example(batch, size, generator)
        count = size if self.relabelling is None else self.relabelling.dim
        return torch.randn(batch, count, self.rotation.dim, generator=generator, dtype=torch.float64)

    def restrict(self, subgroup: Subgroup) -> Points:
        """The same for the elements of a subgroup."""
        parts = [None if rep is None else rep.restrict(subgroup) for rep in (self.rotation, self.relabelling)]
        return Points(rotation=parts[0], relabelling=parts[1])


class Bilinear(_AxisByAxis):
    """Bilinear forms ``(..., d, d)``, such as the metric at a point: g moves M to R(g) M R(g)^T.

    So that the form of two vectors that move along stays what it was: (R u)^T (g M) (R v) = u^T M v. A model G of a
    metric is equivariant if R(g)^T G(g x) R(g) = G(x).

    Args:
        rep: Representation on both axes.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import dihedral
        >>> stretched = torch.tensor([[2.0, 0.5], [0.5, 1.0]])  # lengths along x count more
        >>> Bilinear(Defining(dihedral(4))).act(torch.tensor(1), stretched).tolist()  # along y, after a quarter turn
        [[1.0, -0.5], [-0.5, 2.0]]
    """

    axes = Axes(2)

    def __init__(self, rep: Representation) -> None:
        check_representation("rep", rep)
        super().__init__([Vector(rep), Vector(rep, axis=-2)])
        self.rep: Representation = rep

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """All entries share a unit."""
        return [tuple(range(size))]

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal, not symmetric."""
        del size
        return torch.randn(batch, self.rep.dim, self.rep.dim, generator=generator, dtype=torch.float64)

    def restrict(self, subgroup: Subgroup) -> Bilinear:
        """The same for the elements of a subgroup."""
        return Bilinear(self.rep.restrict(subgroup))


class _Both(Move):
    def __init__(self, moves: list[Move]) -> None:
        super().__init__()
        self.moves = torch.nn.ModuleList(moves)

    def forward(self, x: Tensor) -> Tensor:
        """All moves in turn."""
        for move in self.moves:
            x = move(x)
        return x
