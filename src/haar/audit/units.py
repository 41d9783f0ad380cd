"""Sums per independent unit: a trajectory, a graph, a sample that nothing ties to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

#: Rows of a table that are always kept apart, and bytes up to which more are.
_ROWS, _BYTES = 128, 2**25


class UnitTable:
    """Tensors of sums with one row for each independent unit, in the order in which the units came.

    Which units share a row never depends on their numbers. Units beyond the capacity share rows with earlier ones,
    turn by turn, so that rows stay balanced; tables of different units, merged in order, are the table of all. Units
    without a number are counted, not listed: memory does not grow with them.

    Args:
        shapes: Shape of one row of every tensor.
        capacity: Rows that are kept apart; by default as many as a few dozen megabytes hold, at least 128.

    Attributes:
        rows: Row of every unit that has a number.
        units: Number of units.
        tensors: The sums, with a leading axis of rows; float64.
    """

    def __init__(self, shapes: Sequence[tuple[int, ...]], capacity: int | None = None) -> None:
        size = sum(torch.Size(shape).numel() for shape in shapes)
        self.capacity = max(_ROWS, _BYTES // (8 * max(size, 1))) if capacity is None else capacity
        self.rows: dict[int, int] = {}
        self.units = 0
        self._used = 0
        #: How many units without a number every row holds.
        self._alone = torch.zeros(0, dtype=torch.int64)
        self._stored = [torch.zeros(0, *shape, dtype=torch.float64) for shape in shapes]

    @property
    def tensors(self) -> list[Tensor]:
        """The sums so far."""
        return [tensor[: self._used] for tensor in self._stored]

    def sizes(self) -> Tensor:
        """How many units every row holds, ``(rows,)``."""
        named = torch.bincount(torch.tensor(list(self.rows.values()), dtype=torch.int64), minlength=self._used)
        return named + self._alone[: self._used]

    def add(self, units: Sequence[int | None], values: Sequence[Tensor]) -> None:
        """Add one value to the row of each unit.

        Args:
            units: The unit that every value belongs to; None for one that has nothing to do with any other.
            values: For every tensor ``(units, *shape)``.
        """
        rows = torch.tensor([self._row_of(unit) for unit in units], dtype=torch.int64)
        self._grow()
        alone = torch.tensor([unit is None for unit in units], dtype=torch.int64)
        self._alone.index_add_(0, rows, alone)
        for stored, value in zip(self._stored, values, strict=True):
            stored.index_add_(0, rows, value.detach().to(device="cpu", dtype=torch.float64))

    def add_together(self, units: Sequence[int | None], values: Sequence[Tensor]) -> None:
        """Add the sum of values whose units are not independent of each other: they share a row from now on."""
        tied = UnitTable([tuple(stored.shape[1:]) for stored in self._stored], capacity=1)
        tied.add(units, values)
        self.merge(tied)

    def merge(self, other: UnitTable) -> None:
        """Add the sums of another table; what belongs to one unit in either comes together."""
        members: list[list[int]] = [[] for _ in range(other._used)]
        for unit, row in other.rows.items():
            members[row].append(unit)
        alone = other._alone.tolist()
        before, target = self.units, []
        for number, units in enumerate(members):
            if not units and not alone[number]:  # its units were joined with those of an earlier row
                target.append(0)
                continue
            known = sorted({self.rows[unit] for unit in units if unit in self.rows})
            for extra in known[1:]:
                self._join(known[0], extra)
            place = known[0] if known else self._next(before + number)
            new = [unit for unit in units if unit not in self.rows]
            self.rows.update(dict.fromkeys(new, place))
            self.units += len(new) + alone[number]
            target.append(place)
            self._grow()
        # A row that was joined to another while this went on is empty: its units tell where it went.
        target = [self.rows[units[0]] if units else place for units, place in zip(members, target, strict=True)]
        rows = torch.tensor(target, dtype=torch.int64)
        self._alone.index_add_(0, rows, other._alone[: other._used])
        for stored, value in zip(self._stored, other.tensors, strict=True):
            stored.index_add_(0, rows, value)

    def copy(self) -> UnitTable:
        """The same sums, which go their own way from here."""
        made = UnitTable([tuple(stored.shape[1:]) for stored in self._stored], self.capacity)
        made.rows, made.units, made._used = dict(self.rows), self.units, self._used
        made._alone = self._alone[: self._used].clone()
        made._stored = [tensor.clone() for tensor in self.tensors]
        return made

    def state(self) -> dict[str, Any]:
        """All of it as tensors and plain values, see `of_state`."""
        named = torch.tensor(list(self.rows.items()), dtype=torch.int64).reshape(-1, 2)
        tensors = [tensor.clone() for tensor in self.tensors]
        return {
            "capacity": self.capacity,
            "named": named,
            "units": self.units,
            "alone": self._alone[: self._used].clone(),
            "tensors": tensors,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> UnitTable:
        """A table from its `state`.

        Args:
            state: What `state` gave.
        """
        made = cls([tuple(tensor.shape[1:]) for tensor in state["tensors"]], state["capacity"])
        made.rows = dict(map(tuple, state["named"].tolist()))
        made.units, made._used = state["units"], len(state["alone"])
        made._alone, made._stored = state["alone"].clone(), [tensor.clone() for tensor in state["tensors"]]
        return made

    def drop(self, number: int) -> None:
        """Give up the sums of one tensor: its last axis has no length from now on."""
        self._stored[number] = self._stored[number][..., :0]

    def _row_of(self, unit: int | None) -> int:
        if unit is not None and unit in self.rows:
            return self.rows[unit]
        place = self._next(self.units)
        self.units += 1
        if unit is not None:
            self.rows[unit] = place
        return place

    def _next(self, number: int) -> int:
        if self._used < self.capacity:
            self._used += 1
            return self._used - 1
        return number % self.capacity

    def _join(self, kept: int, extra: int) -> None:
        for stored in (*self._stored, self._alone):
            stored[kept] += stored[extra]
            stored[extra] = 0
        self.rows.update({unit: kept for unit, row in self.rows.items() if row == extra})

    def _grow(self) -> None:
        """Room for the rows in use, by doubling."""
        have = len(self._alone)
        if self._used > have:
            more = min(self.capacity, max(self._used, 2 * have, 16)) - have
            self._alone, *self._stored = [
                torch.cat([s, s.new_zeros(more, *s.shape[1:])]) for s in (self._alone, *self._stored)
            ]
