"""Names of real Lie algebras by their invariants: dimension, Killing signature, rank, derived algebra, centre."""

from __future__ import annotations

import functools

#: Largest n of the families that are told apart.
_LARGEST = 25


@functools.cache
def _simple() -> dict[tuple[int, int, int], str]:
    """(dimension, positive part of the Killing form, rank) to names; what coincides is named once, by its first."""
    table: dict[tuple[int, int, int], str] = {}

    def put(dim: int, positive: int, rank: int, name: str) -> None:
        key = (dim, positive, rank)
        known = table.get(key)
        if known is None:
            table[key] = name
        elif key not in _SAME:
            table[key] = f"{known} or {name}"

    for n in range(3, _LARGEST):
        if n != 4:  # so(4) is no simple algebra
            put(n * (n - 1) // 2, 0, n // 2, f"so({n})")
    put(6, 3, 2, "so(1,3)")
    put(3, 2, 1, "so(2,1) = sl(2,R)")
    for n in range(3, 13):
        put(n * n - 1, 0, n - 1, f"su({n})")
        put(n * n - 1, n * (n + 1) // 2 - 1, n - 1, f"sl({n},R)")
    for n in range(2, 13):
        put(n * (2 * n + 1), 0, n, f"sp({n})")
        put(n * (2 * n + 1), n * (n + 1), n, f"sp({2 * n},R)")
    for name, dim, rank in (("g2", 14, 2), ("f4", 52, 4), ("e6", 78, 6), ("e7", 133, 7), ("e8", 248, 8)):
        put(dim, 0, rank, name)
    for q in range(2, 6):
        for p in range(1, q + 1):
            if p + q > 4:
                put((p + q) * (p + q - 1) // 2, p * q, (p + q) // 2, f"so({p},{q})")
    for p, q in ((1, 2), (1, 3), (2, 2)):
        put((p + q) ** 2 - 1, 2 * p * q, p + q - 1, f"su({p},{q})")
    return table


#: Isomorphic pairs: so(5) = sp(2), so(6) = su(4), so(2,3) = sp(4,R), so(3,3) = sl(4,R), so(2,4) = su(2,2)
_SAME = {(10, 0, 2), (15, 0, 3), (10, 6, 2), (15, 9, 3), (15, 8, 3)}

_OTHERS: dict[tuple[int, tuple[int, ...], int, int], str] = {
    (3, (0, 1, 2), 2, 0): "e(2)",
    (6, (0, 3, 3), 6, 0): "e(3)",
    (10, (0, 6, 4), 10, 0): "e(4)",
    (6, (2, 1, 3), 6, 0): "iso(2,1)",
    (10, (3, 3, 4), 10, 0): "iso(1,3)",
    (3, (0, 0, 3), 1, 1): "Heisenberg",
    (4, (1, 0, 3), 3, 0): "Heisenberg with scaling",
    (2, (1, 0, 1), 1, 0): "aff(1)",
}


def named_simple(dim: int, positive: int, rank: int) -> str:
    """The name of a simple real Lie algebra; empty if the catalogue has none.

    Args:
        dim: Its dimension.
        positive: Number of positive eigenvalues of its Killing form: the dimension of its non-compact part.
        rank: Its rank.

    Example:
        >>> named_simple(3, 0, 1), named_simple(6, 3, 2), named_simple(8, 0, 2)
        ('so(3)', 'so(1,3)', 'su(3)')
    """
    return _simple().get((dim, positive, rank), "")


def named_solvable(dim: int, signature: tuple[int, ...], derived: int, centre: int) -> str:
    """The name of an algebra that is no sum of a centre and simple ideals; empty if the catalogue has none.

    Example:
        >>> named_solvable(3, (0, 1, 2), 2, 0)
        'e(2)'
    """
    return _OTHERS.get((dim, tuple(signature), derived, centre), "")
