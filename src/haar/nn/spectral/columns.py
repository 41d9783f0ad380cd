"""What is invariant about columns: absolute values, or lengths over an eigenspace; and what may multiply them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.errors import ShapeError

#: Numbers of the eigenspaces, one for each column: of the whole cloud ``(*batch, k)``, or of every row.
Spaces = Int[Tensor, "..."]


class Columns:
    """The columns of one input: simple ones, free in sign, or grouped in eigenspaces, free under O(m).

    Tensors have the columns on the axis before the last and channels on the last one. All channels of a column turn
    together.

    Args:
        k: Number of columns.
        spaces: Equal numbers mark columns of one eigenspace; None means that all columns are simple.
        rows: Number of axes between the batch and the columns (1 for clouds, 2 for pairs of points).
        ndim: Axes of the tensors before the columns.
        dtype: Of the tensors.

    Raises:
        ShapeError: If there is not one number for each column.
    """

    def __init__(self, k: int, spaces: Spaces | None, *, ndim: int, dtype: torch.dtype) -> None:
        self.same: Tensor | None = None
        if spaces is None:
            return
        if spaces.shape[-1] != k or spaces.ndim - 1 > ndim:
            raise ShapeError("spaces", expected=f"(*batch, {k}), one number for each column", got=tuple(spaces.shape))
        same = (spaces.unsqueeze(-1) == spaces.unsqueeze(-2)).to(dtype)
        self.same = same.reshape(*spaces.shape[:-1], *([1] * (ndim - spaces.ndim + 1)), k, k)

    def size(self, x: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """|x| entry by entry; over an eigenspace the length, the same number in all of its columns.

        Its gradient at 0 is 0, never NaN.
        """
        if self.same is None:
            return x.abs()
        square = self.same @ x.square()
        positive = square > 0
        return torch.where(positive, square, 1).sqrt() * positive

    def share(self, gates: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """Factors that may multiply the columns: their mean over every eigenspace."""
        if self.same is None:
            return gates
        return self.same @ gates / self.same.sum(-1, keepdim=True)

    def product(self, x: Float[Tensor, "*any k c"], y: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """X y entry by entry; over an eigenspace the inner product, the same number in all of its columns."""
        return x * y if self.same is None else self.same @ (x * y)


def gate_sizes(x: Float[Tensor, "*any k"], spaces: Spaces | None) -> Columns:
    """Columns of a tensor without channels."""
    return Columns(x.shape[-1], spaces, ndim=x.ndim - 1, dtype=x.dtype)


def masked(x: Float[Tensor, "*batch n k"], mask: Bool[Tensor, "*batch n"] | None) -> Float[Tensor, "*batch n k"]:
    """Zeros in the rows that hold no point."""
    return x if mask is None else torch.where(mask.unsqueeze(-1), x, 0)


def cloud_mean(x: Float[Tensor, "*batch n k"], mask: Bool[Tensor, "*batch n"] | None) -> Float[Tensor, "*batch 1 k"]:
    """The mean over the points of every cloud; 0 for a cloud without points."""
    if mask is None:
        return x.mean(-2, keepdim=True)
    count = mask.sum(-1).clamp(min=1)[..., None, None]
    return masked(x, mask).sum(-2, keepdim=True) / count


def check_columns(x: Tensor, k: int, argument: str = "x", *, rows: bool = True) -> None:
    """Refuse a tensor whose columns are not those of the module.

    Raises:
        ShapeError: If the last axis is not k, or there is no axis of rows.
    """
    if x.ndim < 1 + rows or x.shape[-1] != k:
        raise ShapeError(argument, expected=f"(*batch, {'rows, ' if rows else ''}{k} columns)", got=tuple(x.shape))
