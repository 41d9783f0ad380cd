"""Vectors: a representation on one axis of a tensor, and nothing else moves."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.axes import Axes, check_axis
from haar.actions.representation import Representation
from haar.actions.representation.dtypes import require_floating, require_signed
from haar.actions.representation.representation import check_representation
from haar.errors import ShapeError
from haar.groups import LieGroup, Subgroup
from haar.groups.permutation import PermutationGroup


class Vector(Action):
    """A representation acts on one axis of a tensor.

    Args:
        rep: The representation on the components.
        axis: The axis it acts on, counted from the end (negative).

    Raises:
        ArgumentError: If the axis is not negative.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import dihedral
        >>> Vector(Defining(dihedral(4))).act(torch.tensor(1), torch.tensor([[1.0, 2.0]])).tolist()
        [[-2.0, 1.0]]
    """

    def __init__(self, rep: Representation, *, axis: int = -1) -> None:
        check_representation("rep", rep)
        check_axis(axis)
        self.rep: Representation = rep
        self.group, self.axis, self.axes = rep.group, axis, Axes(-axis, axis)

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal; axes that do not move have length `size`."""
        own, channel = self.axes.count or 1, self.axes.channel or -1
        shape = [size] * own
        shape[channel] = self.rep.dim
        return torch.randn(batch, *shape, generator=generator, dtype=torch.float64)

    def check(self, x: Tensor, argument: str = "x") -> None:
        """The axis must exist and have the representation's dimension, and the dtype must hold what elements do."""
        if x.ndim < -self.axis or x.shape[self.axis] != self.rep.dim:
            raise ShapeError(
                argument,
                expected=f"{self.rep.dim} on axis {self.axis} ({self.rep.name} of {self.group.name})",
                got=tuple(x.shape),
                way_out="a symmetry of permutations is one for so many points or nodes: make another for another number"
                if isinstance(self.group, PermutationGroup) and x.ndim >= -self.axis
                else "",
            )
        self.rep.check_dtype(x, argument)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Apply the representation on the axis."""
        self.check(x)
        if self.is_batch(g, x):
            if x.ndim == -self.axis:
                raise ShapeError(
                    "x", expected="a batch axis before the others, for one element a sample", got=tuple(x.shape)
                )
            g = self._spread(g, x.ndim - 2)
        return self.rep.act(g.cpu(), x.movedim(self.axis, -1)).movedim(-1, self.axis)

    def orbit(self, g: Tensor, x: Tensor) -> Tensor:
        """All of x moved by each of m elements, in one call: ``(m, *x.shape)``."""
        self.check(x)
        return self.rep.act(self._spread(self.many(g), x.ndim - 1).cpu(), x.movedim(self.axis, -1)).movedim(
            -1, self.axis
        )

    def move(self, g: Tensor) -> Move:
        """A gather with signs, or a matrix product."""
        return _AxisMove(self.rep, self.one(g).cpu(), self.axis)

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """The Lie algebra's matrix on the axis."""
        if not isinstance(self.group, LieGroup):
            return super().tangent(direction, x)
        self.check(x)
        generator = torch.einsum("a,aij->ij", direction.to(torch.float64), self.rep.algebra()).to(x)
        return (x.movedim(self.axis, -1) @ generator.T).movedim(-1, self.axis)

    def restrict(self, subgroup: Subgroup) -> Vector:
        """The same matrices for the elements of a subgroup."""
        return Vector(self.rep.restrict(subgroup), axis=self.axis)

    def _spread(self, g: Tensor, axes: int) -> Tensor:
        """A batch of elements with axes of length 1 behind it, to broadcast over a tensor's other axes."""
        return g.reshape(len(g), *([1] * axes), *self.group.element_shape)


class _AxisMove(Move):
    index: Tensor | None
    sign: Tensor | None
    matrix: Tensor | None

    def __init__(self, rep: Representation, g: Tensor, axis: int) -> None:
        super().__init__()
        self.axis = axis
        self.what, self.why = f"the matrices of {rep.name}", f"{rep.group.name} changes signs of {rep.name}"
        index = sign = matrix = None
        if rep.is_signed_permutation:
            index, sign = rep.signed_permutation(g)
            index = None if bool((index == torch.arange(rep.dim)).all()) else index
            sign = None if bool((sign == 1).all()) else sign.to(torch.float64).reshape(-1, *([1] * (-axis - 1)))
        else:
            matrix = rep.matrix(g)
        self.hold(index=index, sign=sign, matrix=matrix)

    def forward(self, x: Tensor) -> Tensor:
        """Gather, sign or multiply on the axis."""
        if self.matrix is not None:
            require_floating(x, "x", self.what)
            return (x.movedim(self.axis, -1) @ self.matrix.to(x.dtype).T).movedim(-1, self.axis)
        if self.index is not None:
            x = x.index_select(x.ndim + self.axis, self.index)
        if self.sign is not None:
            require_signed(x, "x", self.why)
            x = x * self.sign.to(x.dtype)
        return x
