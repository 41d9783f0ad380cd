"""What a KKAN knows of its coordinates: where they lie, which are periodic, and which symmetry it has in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from haar.errors import ArgumentError, check_count, check_rate

Interval = tuple[float, float]
Domain = Sequence[float | int | Sequence[float | int]]
Periods = float | int | None | Sequence[float | int | None]


@dataclass(frozen=True)
class Factor:
    """A polynomial that changes sign where an output is to: the network, which does not, is multiplied by it.

    Attributes:
        kind: ``"coordinate"``: of a coordinate alone; ``"difference"``: of two; ``"squares"``: of what two are up to
            their sign.
        places: The coordinates.
    """

    kind: str
    places: tuple[int, ...]

    def __str__(self) -> str:
        one = [f"x{place}" for place in self.places]
        return {"coordinate": one[0], "difference": f"({' - '.join(one)})"}.get(self.kind, f"({'^2 - '.join(one)}^2)")


@dataclass(frozen=True)
class Coordinates:
    """Coordinates of a network, and its symmetry in them: made by `coordinates`, or by `KKAN.for_symmetry`.

    Attributes:
        domains: Where each coordinate lies; brought to [-1, 1].
        periods: Of each, None for one that has none.
        blocks: The inner block of each; coordinates that share one may be exchanged, *all of them*.
        signs: 1, or -1 for a coordinate that goes into its block with the other sign.
        even: For each block whether it is an even function, so that each of its coordinates may change sign alone.
        inner: ``"odd"`` for blocks that are all odd functions, which change sign together.
        outer: ``"odd"``: the output changes sign with them; ``"even"``: it does not.
        factors: For each output what it is multiplied by; empty for outputs without.
    """

    domains: tuple[Interval, ...]
    periods: tuple[float | None, ...]
    blocks: tuple[int, ...]
    signs: tuple[int, ...]
    even: tuple[bool, ...]
    inner: str = "any"
    outer: str = "any"
    factors: tuple[tuple[Factor, ...], ...] = ()

    @property
    def count(self) -> int:
        """Number of coordinates."""
        return len(self.blocks)

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The coordinates of each block."""
        return tuple(
            tuple(place for place, block in enumerate(self.blocks) if block == number)
            for number in range(len(self.even))
        )

    @property
    def order(self) -> int:
        """Order of the group that the network has by its shape: all permutations within blocks, and the signs."""
        found = 2 if self.inner == "odd" else 1
        for members, even in zip(self.members, self.even, strict=True):
            found *= math.factorial(len(members)) * (2 ** len(members) if even else 1)
        return found

    def __str__(self) -> str:
        """The symmetry in words."""
        told = []
        for members, even in zip(self.members, self.even, strict=True):
            names = ", ".join(("-" if self.signs[place] < 0 else "") + f"x{place}" for place in members)
            if len(members) > 1:
                told.append(f"all permutations of {names}")
            if even:
                told.append(f"every sign of {names}")
        if self.inner == "odd":
            told.append("the sign of all together")
        for place, period in enumerate(self.periods):
            if period is not None:
                told.append(f"shifts of x{place} by {period:g}")
        changed = {"*".join(map(str, one)) for one in self.factors if one}
        if self.outer == "odd":
            told.append("the output changes sign with all")
        if changed:
            told.append(f"outputs change sign as {', '.join(sorted(changed))}")
        return "; ".join(told) or "no symmetry"


def coordinates(count: int, *, domain: Domain = (-1.0, 1.0), periods: Periods = None) -> Coordinates:
    """Coordinates that nothing is known of but where they lie and which are periodic.

    Args:
        count: How many.
        domain: The interval of all, or one for each: they are brought to [-1, 1].
        periods: The period of all, or one for each; None for what has none.

    Raises:
        ArgumentError: If an interval is empty, a period is not positive, or there are too few or too many.

    Example:
        >>> coordinates(2, domain=[(0, 1), (-1, 1)], periods=[None, 2]).periods
        (None, 2.0)
    """
    check_count("count", count)
    kept = _periods_of(count, periods)
    blocks = tuple(range(count))
    return Coordinates(_domains_of(count, domain), kept, blocks, (1,) * count, (False,) * count)


def _domains_of(count: int, domain: Domain) -> tuple[Interval, ...]:
    shared = all(isinstance(end, (int, float)) for end in domain)
    given = [domain] * count if shared else list(domain)
    if len(given) != count:
        raise ArgumentError("domain", expected=f"one interval, or one for each of {count} coordinates", got=len(given))
    found = []
    for interval in given:
        ends = [float(e) for e in interval if not isinstance(e, Sequence)] if isinstance(interval, Sequence) else []
        if len(ends) != 2 or not (all(map(math.isfinite, ends)) and ends[0] < ends[1]):
            got = tuple(ends) if ends else interval
            raise ArgumentError("domain", expected="intervals (low, high) with low < high", got=got)
        found.append((ends[0], ends[1]))
    return tuple(found)


def _periods_of(count: int, periods: Periods) -> tuple[float | None, ...]:
    given = list(periods) if isinstance(periods, Sequence) else [periods] * count
    if len(given) != count:
        raise ArgumentError("periods", expected=f"one, or one for each of {count} coordinates", got=len(given))
    for period in given:
        check_rate("periods", period)
    return tuple(None if period is None else float(period) for period in given)
