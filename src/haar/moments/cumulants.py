"""Cumulant algebra: moments to cumulants and back, in one variable and in many, for any numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from haar.errors import ArgumentError


def to_cumulants(moments: Sequence[Any]) -> list[Any]:
    r"""Cumulants k_1..k_N from raw moments m_1..m_N of one variable.

    k_n = m_n - sum_{j=1}^{n-1} C(n-1, j-1) k_j m_{n-j}. Works on any numbers with + and *: integers, fractions
    (exactly), floats, tensors.

    Args:
        moments: The raw moments m_1, m_2, ... (m_0 = 1 is not passed).

    Source: Smith, The American Statistician 49 (1995), eq. (5).

    Example:
        >>> to_cumulants([0, 1, 0, 1, 0, 1])  # Rademacher
        [0, 1, 0, -2, 0, 16]
    """
    cumulants: list[Any] = []
    for n, moment in enumerate(moments, start=1):
        value = moment
        for j in range(1, n):
            value = value - math.comb(n - 1, j - 1) * cumulants[j - 1] * moments[n - j - 1]
        cumulants.append(value)
    return cumulants


def to_moments(cumulants: Sequence[Any]) -> list[Any]:
    r"""Raw moments m_1..m_N from cumulants k_1..k_N of one variable.

    m_n = k_n + sum_{j=1}^{n-1} C(n-1, j-1) k_j m_{n-j}.

    Args:
        cumulants: The cumulants k_1, k_2, ...

    Example:
        >>> to_moments([1, 1, 1, 1])  # Poisson of mean 1: the Bell numbers
        [1, 2, 5, 15]
    """
    moments: list[Any] = []
    for n, cumulant in enumerate(cumulants, start=1):
        value = cumulant
        for j in range(1, n):
            value = value + math.comb(n - 1, j - 1) * cumulants[j - 1] * moments[n - j - 1]
        moments.append(value)
    return moments


def set_partitions(items: Sequence[int]) -> Iterator[list[tuple[int, ...]]]:
    """Every way to split `items` into non-empty blocks (Bell number many).

    Args:
        items: Labels that all differ.

    Example:
        >>> [len(list(set_partitions(range(n)))) for n in range(6)]
        [1, 1, 2, 5, 15, 52]
    """
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for smaller in set_partitions(rest):
        yield [(first,), *smaller]
        for at, block in enumerate(smaller):
            yield [*smaller[:at], (first, *block), *smaller[at + 1 :]]


def joint_moment(cumulant: Callable[[tuple[int, ...]], Any], indices: Sequence[int]) -> Any:
    """E[x_{i1} ... x_{in}] = sum over set partitions of the product of the joint cumulants of the blocks.

    Args:
        cumulant: Joint cumulant of a sorted tuple of variable indices.
        indices: The variables, repeated as often as they stand in the product.

    Raises:
        ArgumentError: If there is no index.

    Source: Leonov and Shiryaev (1959).

    Example:
        >>> joint_moment(lambda i: {1: 0, 2: 1}.get(len(i), 0), [0, 0, 0, 0])  # normal: 3
        3
    """
    return _over_partitions(cumulant, indices, lambda _: 1)


def joint_cumulant(moment: Callable[[tuple[int, ...]], Any], indices: Sequence[int]) -> Any:
    """Joint cumulant of x_{i1}, ..., x_{in} from joint raw moments.

    k(i1..in) = sum over set partitions pi of (-1)^(|pi|-1) (|pi|-1)! times the product of the moments of the blocks.

    Args:
        moment: Joint raw moment of a sorted tuple of variable indices.
        indices: The variables, with repetitions.

    Raises:
        ArgumentError: If there is no index.

    Example:
        >>> joint_cumulant(lambda i: {1: 0, 2: 1, 3: 0, 4: 1}[len(i)], [0, 0, 0, 0])  # Rademacher
        -2
    """
    return _over_partitions(moment, indices, lambda blocks: (-1) ** (blocks - 1) * math.factorial(blocks - 1))


def _over_partitions(
    block_value: Callable[[tuple[int, ...]], Any], indices: Sequence[int], sign: Callable[[int], int]
) -> Any:
    if not indices:
        raise ArgumentError("indices", expected="at least one variable index", got="none")
    total: Any = 0
    for partition in set_partitions(range(len(indices))):
        term: Any = sign(len(partition))
        for block in partition:
            term = term * block_value(tuple(sorted(indices[at] for at in block)))
        total = total + term
    return total
