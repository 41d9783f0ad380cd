"""Mean, covariance and leading eigenvectors of a batch, over all processes of a group."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError

#: From so many columns on, and for at most this part of them, the leading eigenvectors alone are computed.
_MANY, _PART = 64, 4


class Batch(NamedTuple):
    """A centred batch.

    Attributes:
        centred: Rows of this process.
        mean: Of the rows of all processes.
        rows: How many these are.
        shared: Whether there are several processes.
    """

    centred: Float[Tensor, "b q"]
    mean: Float[Tensor, " q"]
    rows: int
    shared: bool


def is_shared(group: dist.ProcessGroup | None) -> bool:
    """Whether statistics are taken over several processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size(group) > 1


def centred_batch(x: Float[Tensor, "b q"], k: int, group: dist.ProcessGroup | None) -> Batch:
    """The rows less their mean over all processes.

    Args:
        x: Rows of this process.
        k: Number of components that are wanted of them.
        group: The processes; None for all.

    Raises:
        ShapeError: If there are too few rows or columns.
        ArgumentError: If something is not finite.
    """
    shared = is_shared(group)
    total = x.sum(0)
    rows = len(x)
    if shared:
        count = torch.tensor([rows], device=x.device)
        dist.all_reduce(count, group=group)
        rows = int(count)
        total = summed(total, group)
    if not torch.compiler.is_compiling() and not bool(torch.isfinite(total.detach()).all()):
        bad = int((~torch.isfinite(x.detach())).sum())
        raise ArgumentError("x", expected="finite numbers", got=f"{bad} that are NaN or infinite")
    if rows <= k:
        expected = f"at least {k + 1} rows, for {k} principal components of centred rows"
        raise ShapeError("x", expected=expected, got=f"{rows}", way_out="larger batches, or fewer components")
    mean = total / rows
    return Batch(x - mean, mean, rows, shared)


def covariance(batch: Batch, group: dist.ProcessGroup | None) -> Float[Tensor, "q q"]:
    """Of the rows of all processes."""
    square = batch.centred.mT @ batch.centred
    return (summed(square, group) if batch.shared else square) / batch.rows


def leading(batch: Batch, k: int, group: dist.ProcessGroup | None) -> tuple[Float[Tensor, " m"], Float[Tensor, "q k"]]:
    """Eigenvalues of the covariance, falling (k + 1 of them at least), and the k leading eigenvectors; both constants.

    Fewer rows than columns: by singular values of the rows, which loses no digits to squares. Few components of many
    columns: only those are computed, where LAPACK can be asked for a part, which takes half the time.
    """
    centred = batch.centred.detach()
    if not batch.shared and centred.shape[0] < centred.shape[1]:
        _, sizes, vh = torch.linalg.svd(centred, full_matrices=False)
        return sizes.square() / batch.rows, vh[:k].mT
    square = covariance(batch._replace(centred=centred), group)
    rising, vectors = _some(square, k + 1) if _is_worth_a_part(square, k) else torch.linalg.eigh(square)
    return rising.flip(-1).clamp(min=0), vectors[:, -k:].flip(-1)


def _is_worth_a_part(square: Tensor, k: int) -> bool:
    """Whether a few of many eigenvectors are wanted, of plain numbers on the CPU."""
    if len(square) < _MANY or k + 1 > len(square) // _PART or square.device.type != "cpu":
        return False
    if square.dtype not in (torch.float32, torch.float64) or torch.compiler.is_compiling():
        return False
    return type(square) is Tensor and torch._C._functorch.peek_interpreter_stack() is None  # noqa: SLF001


def _some(square: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues, rising, and their eigenvectors; all of them where LAPACK loses some of equal ones."""
    from scipy.linalg import eigh  # loaded where it is needed

    size = len(square)
    rising, vectors = eigh(square.numpy(), subset_by_index=(size - count, size - 1), check_finite=False)
    if len(rising) < count:  # asked for a part, it may return fewer than it was asked for
        whole: tuple[Tensor, Tensor] = torch.linalg.eigh(square)
        return whole
    return torch.from_numpy(rising), torch.from_numpy(vectors)


def summed(x: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """The sum over processes, with its derivative."""
    total: Tensor = _Summed.apply(x, group)
    return total


class _Summed(torch.autograd.Function):
    """Every process's loss depends on every process's share."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup | None) -> Tensor:
        ctx.group = group
        total = x.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return summed(grad.contiguous(), ctx.group), None
