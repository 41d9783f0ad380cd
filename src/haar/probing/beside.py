"""A rewritten model beside the original: run on numbers of our own, and judged where the original has numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

#: What a difference is relative to: the largest number of the tensor, of each row, or of each output over all rows.
Per = Literal["tensor", "row", "output"]


def rows_of_sizes(shape: Sequence[int], sizes: Sequence[float], generator: torch.Generator) -> Tensor:
    """Normal rows of several sizes in float64: what a model does to small, to large and to no numbers.

    Args:
        shape: Shape of one row.
        sizes: One for each row; 0 is a row of zeros.
        generator: Source of the numbers.

    Example:
        >>> rows = rows_of_sizes((3,), (1.0, 0.0), torch.Generator().manual_seed(0))
        >>> rows.shape, rows[1].abs().tolist()
        (torch.Size([2, 3]), [0.0, 0.0, 0.0])
    """
    x = torch.randn(len(sizes), *shape, generator=generator, dtype=torch.float64)
    return x * torch.tensor(sizes, dtype=torch.float64).reshape(-1, *[1] * len(shape))


def agree(
    made: Tensor,
    original: Tensor,
    relative: float,
    *,
    absolute: float = 0.0,
    met: Tensor | float = 0.0,
    per: Per = "tensor",
    within: bool = False,
) -> bool:
    """Whether two outputs are equal up to a tolerance, compared in double precision.

    Args:
        made: What the rewritten model gives.
        original: What the original gives.
        relative: Difference that is forgiven, relative to the largest finite number of the original.
        absolute: Difference that is forgiven beyond that.
        met: Numbers met on the way, one for all or for each of `per`: the difference is relative to them where they are
            larger.
        per: Whose largest number.
        within: Look only where the original is finite; else NaN and infinities must stand in the same places.

    Example:
        >>> one, other = torch.tensor([[1.0, 1e-6]]), torch.tensor([[1.0, 2e-6]])
        >>> agree(one, other, 1e-3), agree(one, other, 1e-3, per="output")
        (True, False)
    """
    if made.shape != original.shape:
        return False
    if not original.numel():
        return True
    kind = torch.complex128 if made.is_complex() or original.is_complex() else torch.float64
    a, b = made.detach().to(kind), original.detach().to(kind)
    finite = b.isfinite()
    if not within and not bool((finite | (a == b) | (a.isnan() & b.isnan())).all()):
        return False
    gap, size = (torch.where(finite, x.abs(), 0.0) for x in (a - b, b))
    if per == "tensor":
        gap, size = gap.amax(), size.amax()
    elif per == "row":
        gap, size = (x.reshape(len(x), -1).amax(1) for x in (gap, size))
    else:
        gap, size = gap.amax(0), size.amax(0)
    size = torch.maximum(size, torch.as_tensor(met, dtype=size.dtype, device=size.device))
    return bool((gap <= relative * size + absolute).all())


def all_agree(
    made: Sequence[Tensor], original: Sequence[Tensor], tolerance: Callable[[Tensor], float] | None = None
) -> bool:
    """Whether several outputs agree, each relative to its largest finite number.

    Args:
        made: Outputs of what was made.
        original: Outputs of the original, in the same order.
        tolerance: From an output to the difference that is forgiven; by default what another batch size may change.
    """
    allowed = another_batch if tolerance is None else tolerance
    return all(agree(a, b, allowed(b)) for a, b in zip(made, original, strict=True))


def another_batch(x: Tensor) -> float:
    """What a batch of another size may change, accumulated over a network: kernels differ."""
    eps = torch.finfo(x.dtype).eps
    if torch.is_autocast_enabled(x.device.type):
        eps = max(eps, torch.finfo(torch.get_autocast_dtype(x.device.type)).eps)
    return min(0.1, (10 if x.is_cuda else 1) * math.sqrt(eps))  # short products on a GPU: TF32


def another_order(x: Tensor) -> float:
    """What the order of a sum may change."""
    return (1e3 if x.is_cuda else 1e2) * torch.finfo(x.dtype).eps
