"""What is invariant about columns: absolute values, or lengths over an eigenspace; and what may multiply them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from haar.nn.precision import wide_dtype
from haar.nn.spectral.given import check_spaces

#: Numbers of the eigenspaces, one for each column: of the whole cloud ``(*batch, k)``, or of every row.
Spaces = Int[Tensor, "..."]


class Columns:
    """The columns of one input: simple ones, free in sign, or grouped in eigenspaces, free under O(m).

    Tensors have the columns on the axis before the last and channels on the last one. All channels of a column turn
    together.

    Args:
        k: Number of columns.
        spaces: Equal numbers mark columns of one eigenspace; None means that all columns are simple.
        before: Axes of the tensors before the columns, of which `spaces` has the first ones, or none.
        dtype: Precision of the tensors.

    Raises:
        ShapeError: If there is not one number for each column of every cloud.
        ArgumentError: If they are no whole numbers.
    """

    def __init__(
        self, k: int, spaces: Spaces | None, *, before: Sequence[int | torch.SymInt], dtype: torch.dtype
    ) -> None:
        self.same: Tensor | None = None
        if spaces is None:
            return
        check_spaces(spaces, k, before)
        same = (spaces.unsqueeze(-1) == spaces.unsqueeze(-2)).to(dtype)
        self.same = same.reshape(*spaces.shape[:-1], *([1] * (len(before) - spaces.ndim + 1)), k, k)

    def size(self, x: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """|x| entry by entry; over an eigenspace the length, the same number in all of its columns.

        Its gradient at 0 is 0, never NaN.
        """
        if self.same is None:
            return x.abs()
        wide = x.to(wide_dtype(x.dtype))
        square = self.same.to(wide.dtype) @ wide.square()
        positive = square > 0
        return (torch.where(positive, square, 1).sqrt() * positive).to(x.dtype)

    def share(self, gates: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """Factors that may multiply the columns: their mean over every eigenspace."""
        if self.same is None:
            return gates
        wide = gates.to(wide_dtype(gates.dtype))
        same = self.same.to(wide.dtype)
        return (same @ wide / same.sum(-1, keepdim=True)).to(gates.dtype)

    def product(self, x: Float[Tensor, "*any k c"], y: Float[Tensor, "*any k c"]) -> Float[Tensor, "*any k c"]:
        """x y entry by entry; over an eigenspace the inner product, the same number in all of its columns."""
        if self.same is None:
            return x * y
        wide = wide_dtype(x.dtype)
        return (self.same.to(wide) @ (x.to(wide) * y.to(wide))).to(torch.promote_types(x.dtype, y.dtype))


def masked(x: Float[Tensor, "*batch n k"], mask: Bool[Tensor, "*batch n"] | None) -> Float[Tensor, "*batch n k"]:
    """Zeros in the rows that hold no point."""
    return x if mask is None else torch.where(mask.unsqueeze(-1), x, 0)


def cloud_mean(x: Float[Tensor, "*batch n k"], mask: Bool[Tensor, "*batch n"] | None) -> Float[Tensor, "*batch 1 k"]:
    """The mean over the points of every cloud; 0 for a cloud without points."""
    if mask is None:
        return x.mean(-2, keepdim=True)
    count = mask.sum(-1).clamp(min=1)[..., None, None]
    return (masked(x, mask).to(wide_dtype(x.dtype)).sum(-2, keepdim=True) / count).to(x.dtype)
