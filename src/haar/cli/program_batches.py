"""Batches that an exported program takes: any size, one size, or a range; and rows of any number in such batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from haar.containers import mapped, tensors_of
from haar.errors import ArgumentError, DataError


@dataclass(frozen=True)
class BatchSizes:
    """Sizes ``least, least + step, ...`` up to `most`.

    Args:
        least: The smallest.
        most: The largest; None for no bound.
        step: Between one and the next.

    Example:
        >>> BatchSizes(4, 12, 4).split(18)
        [(12, 12), (6, 8)]
    """

    least: int = 1
    most: int | None = None
    step: int = 1

    @property
    def free(self) -> bool:
        """Whether every size is one of them."""
        return self == BatchSizes()

    @property
    def fixed(self) -> bool:
        """Whether there is one size."""
        return self.most == self.least

    def split(self, rows: int) -> list[tuple[int, int]]:
        """Rows of each batch, and how many it is filled up to."""
        most = self.most
        if most is None:
            return [(rows, self._filled(rows))]
        whole, rest = divmod(rows, most)
        return [(most, most)] * whole + ([(rest, self._filled(rest))] if rest else [])

    def _filled(self, rows: int) -> int:
        if rows <= self.least:
            return self.least
        return self.least - (self.least - rows) // self.step * self.step


def batch_sizes(path: Path, program: torch.export.ExportedProgram, size: int | torch.SymInt) -> BatchSizes:
    """What a program says of axis 0 of its input.

    Args:
        path: Its file, for messages.
        program: The program.
        size: The size of axis 0, fixed or free.

    Raises:
        DataError: If it is no multiple of one free number.
    """
    if isinstance(size, int):
        return BatchSizes(max(size, 1), max(size, 1))
    told = size.node.expr
    symbols = list(told.free_symbols)
    step = told.coeff(symbols[0]) if len(symbols) == 1 else 0
    rest = told - step * symbols[0] if len(symbols) == 1 else None
    if not step or rest is None or rest.free_symbols or step < 0:
        raise DataError(f"{path}: expected a batch size that is free, fixed or a multiple, got {told}")
    bounds = program.range_constraints.get(symbols[0])
    low, high = (1, None) if bounds is None else (_number(bounds.lower), _number(bounds.upper))
    step, rest = int(step), int(rest)
    least = step * (1 if low is None else low) + rest
    # torch counts a free size from 2 on, and takes 1 nevertheless.
    least = 1 if step == 1 and least <= 2 else least
    return BatchSizes(least, None if high is None else step * high + rest, step)


def in_batches(model: Any, x: Tensor, sizes: BatchSizes) -> Any:
    """A model of batches of some sizes on rows of any number: cut, filled up with rows that are there, and joined.

    Args:
        model: The model.
        x: ``(rows, ...)``.
        sizes: What it takes.

    Raises:
        ArgumentError: If there are no rows, or its output has no axis of rows where several batches are needed.
    """
    batches = sizes.split(len(x))
    if not len(x):
        raise ArgumentError("x", expected="at least one row", got="none")
    if batches == [(len(x), len(x))]:
        return model(x)
    parts = [_cut(model(part), rows, len(part)) for part, rows in _filled_up(x, batches)]
    if len(parts) == 1:
        return parts[0]
    leaves = [iter(column) for column in zip(*map(tensors_of, parts), strict=True)]
    joined = iter([torch.cat(list(column)) for column in leaves])
    return mapped(lambda _: next(joined), parts[0])


def _filled_up(x: Tensor, batches: list[tuple[int, int]]) -> Iterator[tuple[Tensor, int]]:
    start = 0
    for rows, filled in batches:
        chosen = torch.arange(filled, device=x.device) % rows + start
        yield x[chosen] if filled != rows else x[start : start + rows], rows
        start += rows


def _cut(output: Any, rows: int, filled: int) -> Any:
    def cut(y: Tensor) -> Tensor:
        if y.ndim == 0 or len(y) != filled:
            raise ArgumentError(
                "MODEL",
                expected=f"outputs of {filled} rows for the {filled} rows that the program takes at once",
                got=f"shape {tuple(y.shape)}",
                way_out="export it with a batch size without bounds",
            )
        return y[:rows]

    return mapped(cut, output)


def _number(bound: Any) -> int | None:
    """A bound as a number; None for infinity."""
    return int(bound) if bound.is_Integer else None
