"""Names of groups that were found: by how they act on entries where that settles it, else by their elements' orders."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable
from typing import cast

import numpy as np

from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.search import orbit
from haar.groups import (
    FiniteGroup,
    PermutationGroup,
    alternating,
    cyclic,
    dihedral,
    from_permutations,
    hyperoctahedral,
    octahedral,
    quaternion,
    sign,
)

#: Groups up to this order are told by their elements.
NAMED_BY_ELEMENTS = 400


def name_of(group: PermutationGroup, exchange: Exchange) -> str:
    """A group's name in the field, or its order.

    Args:
        group: On the nodes of inputs and outputs.
        exchange: What the nodes are.
    """
    if group.order == 1:
        return "none"
    rows = [np.asarray(row) for row in group.generators().tolist()]
    return _by_entries(group.order, rows, exchange) or _by_elements(group) or f"a group of order {group.order}"


def _by_entries(order: int, rows: list[Row], exchange: Exchange) -> str | None:
    """Full symmetric and signed groups, their products, and wreath products, which their order on entries proves."""
    own = PermutationGroup([row[: exchange.nodes].tolist() for row in rows])
    if own.order != order:  # outputs that change places while inputs stay
        return None
    places = [exchange.input_motion(row) for row in rows]
    orbits = _orbits([np.argsort(index) for index, _ in places], exchange.count)
    moved = [reached for reached in orbits if len(reached) > 1 or _flipped(places, reached)]
    if any((signs < 0).any() for _, signs in places):
        return _signed(order, list(map(len, moved)))
    sizes = sorted(map(len, moved), reverse=True)
    if order == math.prod(map(math.factorial, sizes)):
        return " x ".join(f"S{size}" for size in sizes)
    return _transitive(order, sizes[0]) if len(sizes) == 1 else None


def _signed(order: int, sizes: list[int]) -> str | None:
    """Products of full groups of signed permutations."""
    full = math.prod(2**size * math.factorial(size) for size in sizes)
    return " x ".join(map(_signed_name, sizes)) if order == full else None


def _transitive(order: int, degree: int) -> str | None:
    """Alternating groups, and full wreath products of symmetric ones."""
    if degree > 3 and 2 * order == math.factorial(degree):
        return f"A{degree}"
    for blocks in range(2, degree // 3 + 1):
        size, rest = divmod(degree, blocks)
        if not rest and order == math.factorial(size) ** blocks * math.factorial(blocks):
            return f"S{size} wr S{blocks}"
    return None


def _signed_name(size: int) -> str:
    return f"B{size}" if size > 1 else "sign"


def _flipped(places: list[tuple[Row, Row]], entries: set[int]) -> bool:
    return any((signs[sorted(entries)] < 0).any() for _, signs in places)


def _orbits(moves: list[Row], count: int) -> list[set[int]]:
    left, found = set(range(count)), []
    while left:
        reached = orbit(moves, min(left))
        found.append(reached)
        left -= reached
    return found


def _by_elements(group: PermutationGroup) -> str | None:
    """A group of the catalogue with as many elements of every order, and as many classes of conjugates."""
    if group.order > NAMED_BY_ELEMENTS:
        return None
    here = _fingerprint(from_permutations(group.generators(), limit=NAMED_BY_ELEMENTS))
    for name, size, make in _catalogue(group.order):
        if size == group.order and _fingerprint(make()) == here:
            return name
    return None


def _fingerprint(group: FiniteGroup) -> tuple[int, tuple[tuple[int, int], ...]]:
    orders = Counter(group.element_order(g) for g in range(group.order))
    return len(group.conjugacy_classes), tuple(sorted(orders.items()))


def _catalogue(order: int) -> list[tuple[str, int, Callable[[], FiniteGroup]]]:
    """Names of groups of an order, the plainest first."""
    made: list[tuple[str, int, Callable[[], FiniteGroup]]] = [(f"C{order}", order, lambda: cyclic(order))]
    power = order.bit_length() - 1
    if order == 2**power and 2 <= power <= 8:
        made.append((f"C2^{power}", order, lambda: cast("FiniteGroup", sign(power))))
    if order % 2 == 0 and order > 4:
        made.append((f"D{order // 2}", order, lambda: dihedral(order // 2)))
    made += [
        ("A4", 12, lambda: cast("FiniteGroup", alternating(4))),
        ("A5", 60, lambda: cast("FiniteGroup", alternating(5))),
        ("A6", 360, lambda: cast("FiniteGroup", alternating(6))),
        ("Q8", 8, quaternion),
        ("S4", 24, octahedral),
        ("S5", 120, lambda: from_permutations([[1, 2, 3, 4, 0], [1, 0, 2, 3, 4]])),
        ("B3", 48, lambda: hyperoctahedral(3)),
        ("B4", 384, lambda: hyperoctahedral(4)),
        ("PSL(2,7)", 168, _fano),
    ]
    primes = [p for p in (5, 7, 11, 13, 17, 19) if order % p == 0 and order // p in _divisors(p - 1)]
    made += [(f"F{order}", order, functools.partial(_frobenius, p, order // p)) for p in primes]
    return made


def _divisors(n: int) -> list[int]:
    return [k for k in range(3, n + 1) if n % k == 0]


def _frobenius(p: int, k: int) -> FiniteGroup:
    """Shifts of p points and multiplication by an element of order k."""
    by = next(a for a in range(2, p) if next(e for e in range(1, p) if pow(a, e, p) == 1) == k)
    return from_permutations([[(i + 1) % p for i in range(p)], [by * i % p for i in range(p)]])


def _fano() -> FiniteGroup:
    """The collineations of the plane of seven points, whose lines are i, i + 1, i + 3."""
    return from_permutations([[1, 2, 3, 4, 5, 6, 0], [0, 1, 4, 3, 2, 6, 5]])
