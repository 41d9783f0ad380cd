"""Which axes of a network's values are the same units: classes that grow together while a network is followed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import fx

from haar.tracing import SHAPE


@dataclass(frozen=True)
class Channels:
    """The units of a value: on which axis they are, and how many coordinates in a row each has.

    Args:
        units: Number of a class of units.
        axis: Axis of the value, from 0.
        copies: Coordinates of each unit on that axis, as after flattening the pixels of channels.
    """

    units: int
    axis: int
    copies: int = 1


class Classes:
    """Classes of units, joined wherever a network adds values to one another.

    Example:
        >>> classes = Classes()
        >>> one, other = classes.new(3), classes.new(3)
        >>> classes.join(one, other)
        >>> classes.find(one) == classes.find(other), classes.free(one)
        (True, True)
    """

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._size: list[int] = []
        self._fixed: set[int] = set()
        self._unsigned: set[int] = set()
        self._unscaled: set[int] = set()
        self._normed: set[int] = set()
        self._groups: dict[int, int] = {}

    def new(self, size: int) -> int:
        """A class of its own for a number of units."""
        self._parent.append(len(self._parent))
        self._size.append(size)
        return len(self._parent) - 1

    def find(self, units: int) -> int:
        """The first of a class."""
        while self._parent[units] != units:
            units = self._parent[units]
        return units

    def size(self, units: int) -> int:
        """Number of units."""
        return self._size[self.find(units)]

    def join(self, one: int, other: int) -> None:
        """Units that are added to one another are moved alike; where their numbers differ, not at all."""
        first, second = self.find(one), self.find(other)
        if self._size[first] != self._size[second]:
            self.fix(first)
            self.fix(second)
            return
        low, high = min(first, second), max(first, second)
        self._parent[high] = low
        if high in self._fixed:
            self._fixed.add(low)
        if high in self._unsigned:
            self._unsigned.add(low)
        if high in self._unscaled:
            self._unscaled.add(low)
        if high in self._normed:
            self._normed.add(low)
        if high in self._groups:
            self.keep_groups(low, self._groups[high])

    def fix(self, units: int) -> None:
        """Nothing may move these units: they are read by something whose order counts."""
        self._fixed.add(self.find(units))

    def keep_signs(self, units: int) -> None:
        """The signs of these units count."""
        self._unsigned.add(self.find(units))

    def keep_sizes(self, units: int) -> None:
        """Positive factors of these units count."""
        self._unscaled.add(self.find(units))

    def keep_frequencies(self, units: int) -> None:
        """A norm goes over all of these units, so that it counts how often each of them is there."""
        self._normed.add(self.find(units))

    def keep_groups(self, units: int, groups: int) -> None:
        """A norm goes over each of some groups of these units in a row; groups of two kinds hold all units."""
        own = self.find(units)
        if self._groups.setdefault(own, groups) != groups:
            self.fix(own)

    def groups(self, units: int) -> int:
        """Into how many groups that stay together the units are divided."""
        return self._groups.get(self.find(units), 1)

    def normed(self, units: int) -> bool:
        """Whether a norm goes over all of them."""
        return self.find(units) in self._normed

    def free(self, units: int) -> bool:
        """Whether the units may change places."""
        return self.find(units) not in self._fixed and self._size[self.find(units)] > 1

    def signed(self, units: int) -> bool:
        """Whether they may change their signs."""
        return self.find(units) not in self._unsigned

    def scaled(self, units: int) -> bool:
        """Whether they may be multiplied with positive factors."""
        return self.find(units) not in self._unscaled


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """The shape of a value that is one tensor; None for anything else.

    Args:
        node: A step of a followed model.
    """
    shape = node.meta.get(SHAPE)
    plain = isinstance(shape, tuple) and all(type(n) is int for n in shape)
    return tuple(shape) if plain else None  # type: ignore[arg-type]
