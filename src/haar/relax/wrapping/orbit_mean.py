"""Signed means over orbits of entries: the Reynolds projection for signed permutations, by two gathers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import torch
from jaxtyping import Int
from torch import Tensor

from haar.actions.representation import Representation, Trivial
from haar.intertwiners.orbits import PairOrbits, pair_orbits

#: Layers with equal orbits share one, so that its tables stay in the processor's cache from layer to layer.
_ALIVE: WeakValueDictionary[tuple[object, ...], OrbitMean] = WeakValueDictionary()


class OrbitMean:
    """Every entry becomes the signed mean of its orbit; entries of orbits that contradict themselves become zero.

    Entries are gathered orbit by orbit, one column an orbit, added along the columns and spread again. The map is
    symmetric, so that its derivative is itself. Where orbits are runs of neighbours there is nothing to gather; where
    all copies of a representation have the same pattern, as hidden channels have, the tables are those of one copy,
    which takes two thirds of the time.

    Args:
        label: Orbit of every entry, flat; -1 for entries that become zero.
        sign: Sign of every entry relative to the first of its orbit.
        shape: Shape of what is averaged.
    """

    def __init__(self, label: Int[Tensor, " n"], sign: Int[Tensor, " n"], shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        label, sign = label.to(torch.int64), sign.to(torch.int64)
        count = int(label.max()) + 1 if len(label) else 0
        sizes = torch.bincount(label[label >= 0], minlength=count)
        order = label.argsort(stable=True)[int((label < 0).sum()) :]  # entry by entry, orbit by orbit
        first = sizes.cumsum(0) - sizes
        pieces: list[Tensor] = []
        self._sizes: list[tuple[int, int]] = []  # entries of an orbit, entries of all such orbits
        place = torch.full((count + 1,), count, dtype=torch.int64)
        start = 0
        for size in sizes.unique().tolist():
            orbits = torch.nonzero(sizes == size).flatten()
            columns = order[first[orbits] + torch.arange(size)[:, None]]  # (size, orbits of this size)
            pieces.append(columns.flatten())
            self._sizes.append((size, columns.numel()))
            place[orbits] = start + torch.arange(len(orbits))
            start += len(orbits)
        self._counts = [count // size for size, count in self._sizes]
        self._gather = torch.cat(pieces or [order])
        self._spread = place[label]  # label -1 reads the last place, which holds a zero
        self._zeros = bool((label < 0).any())
        mixed = bool((sign < 0).any())
        self._sign = sign if mixed else None
        self._gathered_sign = sign[self._gather] if mixed else None
        self._held: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = {}
        self._run: int | None = None
        self._copies = 1
        if len(self._sizes) == 1 and not self._zeros:
            self._find_pattern(label, sign, mixed=mixed)

    def _find_pattern(self, label: Tensor, sign: Tensor, *, mixed: bool) -> None:
        """Look for orbits that are runs of neighbours, and for copies with equal orbits."""
        size = self._sizes[0][0]
        if not mixed and torch.equal(label, torch.arange(len(label)) // size):
            self._run = size
            return
        self._copies = _copies(label, sign, self.shape[0])
        if self._copies > 1:
            self._of_one_copy(label, sign if mixed else None)

    def _of_one_copy(self, label: Tensor, sign: Tensor | None) -> None:
        """Keep the tables of the first copy alone, orbits numbered copy by copy."""
        entries = len(label) // self._copies
        label = label[:entries].unique(return_inverse=True)[1]
        size = self._sizes[0][0]
        self._gather = label.argsort(stable=True).view(-1, size).T.reshape(-1)  # one column an orbit
        self._spread = label
        if sign is not None:
            self._sign, self._gathered_sign = sign[:entries], sign[:entries][self._gather]

    def __call__(self, value: Tensor) -> Tensor:
        """The mean, in the value's shape; differentiable any number of times."""
        return self.spread(self.average(value))

    def average(self, value: Tensor) -> Tensor:
        """One number for every orbit: its signed mean."""
        if self._run is not None:
            return value.reshape(-1, self._run).mean(1)
        gather, _, *signs = self._on(value)
        if self._copies > 1:
            parted = value.reshape(self._copies, -1).index_select(1, gather)
            if signs:
                parted = parted * signs[0]
            size = self._sizes[0][0]
            return parted.view(self._copies, size, -1).sum(1).div_(size).view(-1)
        gathered = value.reshape(-1).index_select(0, gather)
        if signs:
            gathered = gathered * signs[0]
        if len(self._sizes) == 1:
            size = self._sizes[0][0]
            return gathered.view(size, -1).sum(0).div_(size)  # half the time of `mean`
        means, start = [], 0
        for size, count in self._sizes:
            means.append(gathered[start : start + count].view(size, -1).sum(0).div_(size))
            start += count
        return torch.cat(means) if means else gathered

    def spread(self, average: Tensor) -> Tensor:
        """Every entry from its orbit's number, in the shape that was averaged."""
        if self._run is not None:
            return average.unsqueeze(1).expand(-1, self._run).reshape(self.shape)
        _, spread, *signs = self._on(average)
        if self._zeros:
            average = torch.cat([average, average.new_zeros(1)])
        if self._copies > 1:
            out = average.view(self._copies, -1).index_select(1, spread)
        else:
            out = average.index_select(0, spread)
        return (out * signs[1] if signs else out).view(self.shape)

    def between(self, average: Tensor, value: Tensor, gamma: Tensor) -> Tensor:
        """From the spread of orbits' numbers at gamma = 0 to a value at gamma = 1; not to be differentiated."""
        if self._run is not None:
            return torch.lerp(average.unsqueeze(1), value.reshape(-1, self._run), gamma).view(self.shape)
        return self.spread(average).lerp_(value, gamma)

    def dot(self, one: Tensor, other: Tensor) -> Tensor:
        """The inner product of two projections, from their orbits' numbers."""
        if len(self._sizes) == 1:
            return torch.dot(one, other).mul_(self._sizes[0][0])
        parts = zip(one.split(self._counts), other.split(self._counts), self._sizes, strict=True)
        return sum((torch.dot(a, b) * size for a, b, (size, _) in parts), one.new_zeros(()))

    def _on(self, value: Tensor) -> tuple[Tensor, ...]:
        """The tables on a tensor's device, signs in its dtype."""
        key = (value.device, value.dtype)
        if key not in self._held:
            tables = [self._gather.to(value.device), self._spread.to(value.device)]
            if self._sign is not None and self._gathered_sign is not None:
                tables += [self._gathered_sign.to(value), self._sign.to(value)]
            self._held[key] = tuple(tables)
        return self._held[key]

    def __deepcopy__(self, memo: dict[int, object]) -> OrbitMean:
        return self  # nothing of it ever changes

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": {}}


def _copies(label: Tensor, sign: Tensor, rows: int) -> int:
    """Into how many equal runs of rows orbits and signs fall, with no orbit in two of them; 1 if into none."""
    entries = len(label)
    first = torch.full((int(label.max()) + 1,), entries).scatter_reduce(0, label, torch.arange(entries), "amin")[label]
    signs = sign * sign[first]
    for count in range(rows, 1, -1):
        if rows % count == 0:
            start = torch.arange(count).unsqueeze(1) * (entries // count)
            pattern, signed = first.view(count, -1) - start, signs.view(count, -1)
            equal = bool((pattern == pattern[0]).all()) and bool((signed == signed[0]).all())
            if equal and int(pattern.min()) >= 0:
                return count
    return 1


def orbit_mean(rows: Representation, columns: Representation | None, shape: Sequence[int]) -> OrbitMean:
    """The projection onto Hom_G(columns, rows) of signed permutations; without columns, onto the invariants of rows."""
    orbits: PairOrbits = pair_orbits(Trivial(rows.group) if columns is None else columns, rows)
    tables = (blake2b(table.numpy().tobytes()).digest() for table in (orbits.label, orbits.sign))
    key = (*tables, tuple(shape))
    found = _ALIVE.get(key)
    if found is None:
        found = _ALIVE[key] = OrbitMean(orbits.label.flatten(), orbits.sign.flatten(), shape)
    return found
