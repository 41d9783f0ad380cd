"""Chebyshev and Legendre polynomials by recursion: right to all derivatives, at the ends of the interval too."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, check_count

PARITIES = ("any", "even", "odd")


def degrees_of(degree: int, parity: str = "any") -> tuple[int, ...]:
    """The degrees up to one that have a parity.

    Example:
        >>> degrees_of(5, "odd")
        (1, 3, 5)
    """
    check_count("degree", degree)
    if parity not in PARITIES:
        raise ArgumentError("parity", expected=f"one of {', '.join(PARITIES)}", got=repr(parity))
    first, by = {"any": (0, 1), "even": (0, 2), "odd": (1, 2)}[parity]
    return tuple(range(first, degree + 1, by))


def chebyshev(u: Float[Tensor, "*shape"], degree: int) -> Float[Tensor, "degrees *shape"]:
    """T_0(u), ..., T_degree(u), stacked first.

    By ``T_n = 2 u T_(n-1) - T_(n-2)``; by ``cos(n arccos u)`` the derivatives would be NaN at -1 and 1.

    Args:
        u: Any numbers; within [-1, 1] the values are too.
        degree: The greatest, at least 1.

    Raises:
        ArgumentError: If the degree is none.

    Example:
        >>> chebyshev(torch.tensor(0.5), 3).tolist()
        [1.0, 0.5, -0.5, -1.0]
    """
    check_count("degree", degree)
    known = [torch.ones_like(u), u]
    twice = 2 * u
    for _ in range(2, degree + 1):
        known.append(twice * known[-1] - known[-2])
    return torch.stack(known)


def legendre(u: Float[Tensor, "*shape"], degree: int) -> Float[Tensor, "degrees *shape"]:
    """P_0(u), ..., P_degree(u), stacked first, by ``n P_n = (2n - 1) u P_(n-1) - (n - 1) P_(n-2)``.

    Args:
        u: Any numbers; within [-1, 1] the values are too.
        degree: The greatest, at least 1.

    Raises:
        ArgumentError: If the degree is none.

    Example:
        >>> legendre(torch.tensor(0.5), 2).tolist()
        [1.0, 0.5, -0.125]
    """
    check_count("degree", degree)
    known = [torch.ones_like(u), u]
    for n in range(2, degree + 1):
        known.append(((2 * n - 1) / n) * u * known[-1] - ((n - 1) / n) * known[-2])
    return torch.stack(known)


def chebyshev_slopes(degree: int) -> Float[Tensor, "lower degrees"]:
    """The derivatives of T_0, ..., T_degree as sums of T_0, ..., T_(degree - 1): a column each, float64.

    ``T_n' = n U_(n-1)``, which is 2n times the T_j of lower degree and other parity, T_0 counting half.

    Args:
        degree: The greatest, at least 1.

    Example:
        >>> chebyshev_slopes(3).tolist()  # T_2' = 4 T_1, T_3' = 6 T_2 + 3 T_0
        [[0.0, 1.0, 0.0, 3.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 0.0, 6.0]]
    """
    check_count("degree", degree)
    found = torch.zeros(degree, degree + 1, dtype=torch.float64)
    for n in range(1, degree + 1):
        for j in range(n - 1, -1, -2):
            found[j, n] = 2 * n if j else n
    return found
