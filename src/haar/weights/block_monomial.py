"""Matrices that order blocks of coordinates and turn each block: the one form in which elements act on an axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


@dataclass(frozen=True)
class BlockMonomial:
    """The invertible map (g x)_i = M_i x_{order(i)} of blocks x_1 ... x_n of one size.

    A permutation of n units has blocks of size 1; a signed one has M_i = -1 or 1; a rotation is one block; attention
    heads are blocks of the head's size.

    Args:
        order: Where each block comes from, a permutation of 0 .. n - 1.
        blocks: The matrices M_i; None for identities, and then nothing is multiplied and every number keeps its bits.
        size: Size of a block where there are no matrices.

    Raises:
        ShapeError: If there is not one square matrix a block.

    Example:
        >>> swap = BlockMonomial(torch.tensor([1, 0]), torch.tensor([[[1.0]], [[-1.0]]]))
        >>> swap.apply(torch.tensor([2.0, 3.0]), 0)
        tensor([ 3., -2.])
        >>> swap.inverse().apply(swap.apply(torch.tensor([2.0, 3.0]), 0), 0)
        tensor([2., 3.])
    """

    order: Int[Tensor, " blocks"]
    blocks: Float[Tensor, "blocks size size"] | None = None
    size: int = 1

    def __post_init__(self) -> None:
        if self.blocks is None:
            return
        if self.blocks.shape[0] != len(self.order):
            raise ShapeError("blocks", expected=f"{len(self.order)} matrices", got=tuple(self.blocks.shape))
        object.__setattr__(self, "size", int(self.blocks.shape[-1]))

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.order) * self.size

    @cached_property
    def is_identity(self) -> bool:
        """Whether it is written as the map that moves nothing."""
        return self.blocks is None and bool((self.order == torch.arange(len(self.order))).all())

    def apply(self, tensor: Tensor, axis: int) -> Tensor:
        """Move a tensor along an axis of n blocks, each `size` long or a whole number of times that.

        An axis of k * dim coordinates has k copies of every coordinate, one after the other: so channels that were
        flattened with their pixels are moved.

        Raises:
            ShapeError: If the axis has another length.
        """
        front = tensor.movedim(axis, 0)
        if front.shape[0] % self.dim:
            raise ShapeError(f"axis {axis}", expected=f"a multiple of {self.dim}", got=front.shape[0])
        last = axis % tensor.ndim == tensor.ndim - 1
        if len(self.order) == 1 and self.blocks is not None and last and len(front) == self.dim:
            return tensor @ self.blocks[0].mT.to(tensor.dtype)  # the same without a copy of the whole
        parts = front.reshape(len(self.order), self.size, -1)
        if len(self.order) > 1:
            parts = parts.index_select(0, self.order)
        if self.blocks is not None:
            blocks = self.blocks.to(parts.dtype)
            parts = parts * blocks if self.size == 1 else blocks @ parts
        return parts.reshape(front.shape).movedim(0, axis)

    def dual(self) -> BlockMonomial:
        """The inverse transpose: pairings of moved vectors with moved dual vectors stay."""
        if self.blocks is None:
            return self
        inverse = 1 / self.blocks if self.size == 1 else torch.linalg.inv(self.blocks)
        return BlockMonomial(self.order, inverse.mT)

    def inverse(self) -> BlockMonomial:
        """The map that undoes it."""
        back = torch.argsort(self.order)
        if self.blocks is None:
            return BlockMonomial(back, None, self.size)
        inverse = 1 / self.blocks if self.size == 1 else torch.linalg.inv(self.blocks)
        return BlockMonomial(back, inverse[back])

    def after(self, first: BlockMonomial) -> BlockMonomial:
        """The product: `first`, then this.

        Raises:
            ArgumentError: If the two act on different blocks.
        """
        if (len(first.order), first.size) != (len(self.order), self.size):
            expected = f"{len(self.order)} blocks of {self.size}"
            raise ArgumentError("first", expected=expected, got=f"{len(first.order)} blocks of {first.size}")
        order = first.order[self.order]
        if self.blocks is None and first.blocks is None:
            return BlockMonomial(order, None, self.size)
        if first.blocks is None:
            return BlockMonomial(order, self.blocks)
        turned = first.blocks[self.order]
        return BlockMonomial(order, turned if self.blocks is None else self.blocks.to(turned.dtype) @ turned)

    def matrix(self, dtype: torch.dtype = torch.float64) -> Float[Tensor, "dim dim"]:
        """The whole matrix."""
        return self.apply(torch.eye(self.dim, dtype=dtype), 0)


def identity(blocks: int, size: int = 1) -> BlockMonomial:
    """The map that moves nothing.

    Example:
        >>> identity(3).is_identity
        True
    """
    return BlockMonomial(torch.arange(blocks), None, size)
