"""Where the rows of a batch are in a tensor: folded with another axis, or not first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """A tensor whose axis `axis` holds the rows, `factor` numbers of each.

    Args:
        axis: The axis that holds the rows.
        factor: Number of numbers a row has along it.
        inner: Whether the rows change fastest.

    Example:
        >>> import torch
        >>> folded = Layout(0, 3, inner=False)
        >>> folded.unfold(torch.zeros(6, 4), 2).shape, folded.fold(torch.zeros(2, 3, 4)).shape
        (torch.Size([2, 3, 4]), torch.Size([6, 4]))
    """

    axis: int
    factor: int
    inner: bool

    def unfold(self, x: Tensor, rows: int) -> Tensor:
        """The tensor with its rows on an axis of their own, the first."""
        sizes = (self.factor, rows) if self.inner else (rows, self.factor)
        apart: Tensor = x.unflatten(self.axis, sizes)  # type: ignore[no-untyped-call]
        return apart.movedim(self.axis + int(self.inner), 0)

    def fold(self, x: Tensor) -> Tensor:
        """Back."""
        moved = x.movedim(0, self.axis + int(self.inner))
        return moved.flatten(self.axis, self.axis + 1)


def layouts(function: Callable[[Sequence[Tensor]], Any], events: Sequence[Sequence[Tensor]]) -> Iterator[Layout]:
    """Where the rows of what a function makes may be, told by two calls with different numbers of them.

    Args:
        function: The function whose result is looked at.
        events: What it is called on, twice.

    Example:
        >>> import torch
        >>> [found.factor for found in layouts(lambda e: e[0].reshape(-1), [[torch.zeros(n, 4)] for n in (2, 3)])]
        [4, 4]
    """
    made = [function(given) for given in events]
    rows = [given[0].shape[0] for given in events]
    if not all(isinstance(y, Tensor) and not y.is_complex() for y in made) or made[0].ndim != made[1].ndim:
        return
    differ = [k for k in range(made[0].ndim) if made[0].shape[k] != made[1].shape[k]]
    if len(differ) != 1 or any(y.shape[differ[0]] % n for y, n in zip(made, rows, strict=True)):
        return
    factors = {y.shape[differ[0]] // n for y, n in zip(made, rows, strict=True)}
    if len(factors) == 1:
        yield from (Layout(differ[0], next(iter(factors)), inner) for inner in (False, True))
