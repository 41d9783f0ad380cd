"""The renormalisation map on samples: sum a block, rescale; and what it does to cumulants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.moments.laws import Exact, Law
from haar.moments.laws.arithmetic import check_sum, exact_power


def block_step(x: Float[Tensor, "*batch sites"], b: int = 2, *, index: float = 2.0) -> Float[Tensor, "*batch blocks"]:
    """One step of the map: every block of b neighbours becomes b^(-1/index) times its sum.

    Symmetric under permutations within blocks and of blocks (the wreath product S_b wr S_blocks), odd, and homogeneous
    of degree 1.

    Args:
        x: Variables on the sites of a chain, last axis; a multiple of b.
        b: Number of sites in a block.
        index: 2 for the central limit theorem, alpha for alpha-stable laws.

    Raises:
        ArgumentError: If b < 1 or the index is not positive.
        ShapeError: If the sites do not fill blocks.

    Example:
        >>> import torch
        >>> block_step(torch.tensor([1.0, 3.0, 0.0, 2.0]), 2, index=1.0).tolist()
        [2.0, 1.0]
    """
    check_sum(b, index)
    if x.shape[-1] % b:
        raise ShapeError("x", expected=f"a multiple of {b} sites on the last axis", got=x.shape[-1], way_out="cut it")
    total: Tensor = x.unflatten(-1, (-1, b)).sum(-1)
    return total * math.pow(b, -1.0 / index)


def one_shot(x: Float[Tensor, "*batch sites"]) -> Float[Tensor, "*batch"]:
    """The whole chain in one step, N^(-1/2) sum_i x_i: what the networks of the zoo are trained to imitate.

    Example:
        >>> import torch
        >>> one_shot(torch.ones(4)).item()
        2.0
    """
    return block_step(x, x.shape[-1])[..., 0]


def eigenvalue(n: int, b: int = 2, *, index: float = 2.0) -> Exact:
    """Eigenvalue b^(1 - n/index) of the map on the n-th cumulant; exact where it is rational.

    In cumulant coordinates the map is linear and diagonal: n < index is relevant, n = index marginal, n > index
    irrelevant.

    Args:
        n: Order of the cumulant.
        b: Number of sites in a block.
        index: 2 for the central limit theorem.

    Raises:
        ArgumentError: If n < 1, b < 1 or the index is not positive.

    Example:
        >>> eigenvalue(4, 2), round(eigenvalue(1, 2), 6)
        (Fraction(1, 2), 1.414214)
    """
    check_sum(b, index)
    if n < 1:
        raise ArgumentError("n", expected="an order >= 1", got=n)
    return exact_power(b, 1 - Fraction(n) / Fraction(index).limit_denominator())


def step_cumulants(cumulants: Sequence[Exact | None], b: int = 2, *, index: float = 2.0) -> list[Exact | None]:
    """k_1, k_2, ... after one step; a cumulant that does not exist stays undefined.

    Example:
        >>> step_cumulants([0, 1, 0, 3], 4)
        [Fraction(0, 1), Fraction(1, 1), Fraction(0, 1), Fraction(3, 4)]
    """
    return [None if k is None else eigenvalue(n, b, index=index) * k for n, k in enumerate(cumulants, start=1)]


def cumulant_flow(law: Law, steps: int, b: int = 2, *, orders: int = 4) -> list[list[Exact | None]]:
    """Exact cumulants of a law along the flow: row l holds k_1..k_orders after l steps.

    Args:
        law: Where the flow starts.
        steps: Number of steps.
        b: Number of sites in a block.
        orders: Order of the highest cumulant.

    Raises:
        ArgumentError: If there is no step or no order.

    Example:
        >>> from haar.moments.laws import Laplace
        >>> [float(row[3]) for row in cumulant_flow(Laplace(), 3)]
        [3.0, 1.5, 0.75, 0.375]
    """
    if steps < 1 or orders < 1:
        raise ArgumentError("steps, orders", expected="at least 1 of each", got=f"{steps}, {orders}")
    laws = [law, *(law.scaled_sum(b**step) for step in range(1, steps + 1))]
    return [[one.cumulant(n) for n in range(1, orders + 1)] for one in laws]
