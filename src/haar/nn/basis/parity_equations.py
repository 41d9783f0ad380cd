"""Linear equations of parities: which columns of zeros and ones add up to a wanted one, modulo 2."""

from __future__ import annotations

from collections.abc import Sequence

Column = tuple[int, ...]


def solved(columns: Sequence[Column], wanted: Column) -> tuple[int, ...] | None:
    """Columns whose sum modulo 2 is the wanted one, the first ones preferred; None if there are none.

    Args:
        columns: Each of the wanted one's length.
        wanted: Zeros and ones.

    Example:
        >>> solved([(1, 0), (1, 1), (0, 1)], (0, 1))
        (0, 1)
        >>> solved([(1, 1)], (0, 1)) is None
        True
    """
    kept: list[tuple[int, set[int]]] = []  # columns as numbers, reduced, and which were added up for each
    for place, column in enumerate(columns):
        number, used = _reduced(_number(column), {place}, kept)
        if number:
            kept.append((number, used))
    rest, chosen = _reduced(_number(wanted), set(), kept)
    return None if rest else tuple(sorted(chosen))


def _number(column: Column) -> int:
    return sum(bit << place for place, bit in enumerate(column))


def _reduced(number: int, used: set[int], kept: Sequence[tuple[int, set[int]]]) -> tuple[int, set[int]]:
    """What is left of a column after those that are kept were added wherever their leading one stood."""
    for other, ones in kept:
        if number >> (other.bit_length() - 1) & 1:
            number, used = number ^ other, used ^ ones
    return number, used
