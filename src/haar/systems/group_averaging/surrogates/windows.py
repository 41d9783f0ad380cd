"""Training windows: pairs of (past fields, next fields), stacked in memory or drawn one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError


@runtime_checkable
class WindowSequence(Protocol):
    """Anything with a length that gives the pair (x, y) of fields (channels, *space) at an integer."""

    def __len__(self) -> int:
        """Number of windows."""
        ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, Tensor]:
        """The pair (x, y) at `index`."""
        ...


WindowSource = tuple[Tensor, Tensor] | WindowSequence


def count(windows: WindowSource) -> int:
    """Number of windows.

    Raises:
        ArgumentError: If there is none, or `windows` is neither form.
        ShapeError: If stacked inputs and targets differ in number or grid.

    Example:
        >>> count((torch.zeros(5, 4, 8, 8), torch.zeros(5, 2, 8, 8)))
        5
    """
    stacked = _stacked(windows)
    if stacked is not None:
        x, y = stacked
        if x.ndim < 3 or x.shape[0] != y.shape[0] or x.shape[2:] != y.shape[2:]:
            raise ShapeError(
                "windows",
                expected="inputs (N, C_in, *space) and targets (N, C_out, *space)",
                got=f"{tuple(x.shape)} and {tuple(y.shape)}",
            )
        number = int(x.shape[0])
    elif isinstance(windows, WindowSequence):
        number = len(windows)
    else:
        raise ArgumentError(
            "windows",
            expected="a pair of stacked tensors or a sequence of (x, y)",
            got=type(windows).__name__,
        )
    if number == 0:
        raise ArgumentError("windows", expected="at least one window", got="none")
    return number


def gather(windows: WindowSource, indices: Tensor | Sequence[int]) -> tuple[Tensor, Tensor]:
    """The windows at `indices`, stacked: (B, C_in, *space) and (B, C_out, *space).

    Example:
        >>> x, y = gather([(torch.zeros(4, 8), torch.zeros(2, 8))] * 3, [0, 2])
        >>> x.shape, y.shape
        (torch.Size([2, 4, 8]), torch.Size([2, 2, 8]))
    """
    chosen = torch.as_tensor(indices)
    stacked = _stacked(windows)
    if stacked is not None:
        x, y = stacked
        return x[chosen.to(x.device)], y[chosen.to(y.device)]
    pairs = [windows[int(index)] for index in chosen]  # type: ignore[misc]
    return torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs])


def as_batches(windows: WindowSource, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All windows in their order, at most `batch_size` at a time.

    Example:
        >>> [len(x) for x, _ in as_batches((torch.zeros(5, 1, 2), torch.zeros(5, 1, 2)), 2)]
        [2, 2, 1]
    """
    number = count(windows)
    for start in range(0, number, batch_size):
        yield gather(windows, range(start, min(start + batch_size, number)))


def _stacked(windows: object) -> tuple[Tensor, Tensor] | None:
    if isinstance(windows, tuple) and len(windows) == 2 and all(isinstance(part, Tensor) for part in windows):
        return windows
    return None
