"""Sums per independent unit: a trajectory, a graph, a sample that nothing ties to another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

#: Rows of a table that are always kept apart, and bytes up to which more are.
_ROWS, _BYTES = 128, 2**25


class UnitTable:
    """Tensors of sums with one row for each independent unit, in the order in which the units came.

    Which units share a row never depends on their numbers. Units beyond the capacity share rows with earlier ones,
    turn by turn, so that rows stay balanced; tables of different units, merged in order, are the table of all.

    Args:
        shapes: Shape of one row of every tensor.
        capacity: Rows that are kept apart; by default as many as a few dozen megabytes hold, at least 128.

    Attributes:
        rows: Row of every unit.
        tensors: The sums, with a leading axis of rows; float64.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], capacity: int | None = None) -> None:
        size = sum(torch.Size(shape).numel() for shape in shapes)
        self.capacity = max(_ROWS, _BYTES // (8 * max(size, 1))) if capacity is None else capacity
        self.rows: dict[int, int] = {}
        self._used = 0
        self._stored = [torch.zeros(0, *shape, dtype=torch.float64) for shape in shapes]

    @property
    def tensors(self) -> list[Tensor]:
        """The sums so far."""
        return [tensor[: self._used] for tensor in self._stored]

    def sizes(self) -> Tensor:
        """How many units every row holds, ``(rows,)``."""
        return torch.bincount(torch.tensor(list(self.rows.values()), dtype=torch.int64), minlength=self._used)

    def add(self, units: Sequence[int], values: Sequence[Tensor]) -> None:
        """Add one value to the row of each unit.

        Args:
            units: The unit that every value belongs to.
            values: For every tensor ``(units, *shape)``.
        """
        rows = torch.tensor([self._row_of(unit) for unit in units], dtype=torch.int64)
        self._grow()
        for stored, value in zip(self._stored, values, strict=True):
            stored.index_add_(0, rows, value.detach().to(device="cpu", dtype=torch.float64))

    def add_together(self, units: Sequence[int], values: Sequence[Tensor]) -> None:
        """Add the sum of values whose units are not independent of each other: they share a row from now on."""
        tied = UnitTable([tuple(stored.shape[1:]) for stored in self._stored], capacity=1)
        tied.add(units, values)
        self.merge(tied)

    def merge(self, other: UnitTable) -> None:
        """Add the sums of another table; what belongs to one unit in either comes together."""
        members: list[list[int]] = [[] for _ in range(other._used)]
        for unit, row in other.rows.items():
            members[row].append(unit)
        before, target = len(self.rows), []
        for number, units in enumerate(members):
            if not units:  # its units were joined with those of an earlier row
                target.append(0)
                continue
            known = sorted({self.rows[unit] for unit in units if unit in self.rows})
            for extra in known[1:]:
                self._join(known[0], extra)
            place = known[0] if known else self._next(before + number)
            self.rows.update(dict.fromkeys((unit for unit in units if unit not in self.rows), place))
            target.append(place)
            self._grow()
        # A row that was joined to another while this went on is empty: its units tell where it went.
        target = [self.rows[units[0]] if units else place for units, place in zip(members, target, strict=True)]
        rows = torch.tensor(target, dtype=torch.int64)
        for stored, value in zip(self._stored, other.tensors, strict=True):
            stored.index_add_(0, rows, value)

    def copy(self) -> UnitTable:
        """The same sums, which go their own way from here."""
        made = UnitTable([tuple(stored.shape[1:]) for stored in self._stored], self.capacity)
        made.rows, made._used = dict(self.rows), self._used
        made._stored = [tensor.clone() for tensor in self.tensors]
        return made

    def drop(self, number: int) -> None:
        """Give up the sums of one tensor: its last axis has no length from now on."""
        self._stored[number] = self._stored[number][..., :0]

    def _row_of(self, unit: int) -> int:
        if unit not in self.rows:
            self.rows[unit] = self._next(len(self.rows))
        return self.rows[unit]

    def _next(self, number: int) -> int:
        if self._used < self.capacity:
            self._used += 1
            return self._used - 1
        return number % self.capacity

    def _join(self, kept: int, extra: int) -> None:
        for stored in self._stored:
            stored[kept] += stored[extra]
            stored[extra] = 0
        self.rows.update({unit: kept for unit, row in self.rows.items() if row == extra})

    def _grow(self) -> None:
        """Room for the rows in use, by doubling."""
        have = len(self._stored[0])
        if self._used > have:
            more = min(self.capacity, max(self._used, 2 * have, 16)) - have
            self._stored = [torch.cat([s, s.new_zeros(more, *s.shape[1:])]) for s in self._stored]
