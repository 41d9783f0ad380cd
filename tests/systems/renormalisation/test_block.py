"""The map on samples and cumulants: eigenvalues, composition, symmetries."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.moments.cumulants import to_cumulants
from haar.moments.laws import Laplace, Rademacher, SymmetricStable
from haar.systems.renormalisation import LAWS, block_step, cumulant_flow, eigenvalue, one_shot, step_cumulants


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("b", [2, 3, 4])
def test_the_map_is_diagonal_on_the_cumulants_of_every_law(name, b):
    law = LAWS[name]
    mapped = step_cumulants([law.cumulant(n) for n in range(1, 9)], b)
    for n in range(1, 9):
        after, inner = law.scaled_sum(b).cumulant(n), law.cumulant(n)
        if inner is None:
            assert after is None
            assert mapped[n - 1] is None
        else:
            assert float(after) == pytest.approx(float(inner) * b ** (1 - n / 2), rel=1e-13)
            assert float(mapped[n - 1]) == pytest.approx(float(after), rel=1e-13)


@pytest.mark.parametrize("b", [2, 4, 5])
def test_rademacher_cumulants_by_enumeration_in_rationals(b):
    sums = [sum(signs) for signs in itertools.product((-1, 1), repeat=b)]
    moments = [Fraction(sum(s**n for s in sums), len(sums)) for n in range(1, 9)]
    for n, k in enumerate(to_cumulants(moments), start=1):
        if n % 2:
            assert k == 0
        else:  # b^(-n/2) k_n(sum), rational for even n
            assert k / Fraction(b) ** (n // 2) == eigenvalue(n, b) * Rademacher().cumulant(n)


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 4), st.floats(0.5, 2.0))
def test_steps_compose(seed, b, c, index):
    x = torch.randn(3, 2 * b * c, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    twice = block_step(block_step(x, b, index=index), c, index=index)
    torch.testing.assert_close(twice, block_step(x, b * c, index=index), rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 4))
def test_a_step_has_the_symmetry_of_the_wreath_product_and_is_odd_and_homogeneous(seed, b, blocks):
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(b * blocks, dtype=torch.float64, generator=source)
    order = torch.randperm(blocks, generator=source)
    inside = torch.stack([torch.randperm(b, generator=source) for _ in range(blocks)])
    moved = x.reshape(blocks, b).gather(1, inside)[order].reshape(-1)
    y = block_step(x, b)
    torch.testing.assert_close(block_step(moved, b), y[order], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(block_step(-3.0 * x, b), -3.0 * y, rtol=1e-12, atol=1e-12)


def test_one_shot_is_the_whole_chain(generator):
    x = torch.randn(7, 16, dtype=torch.float64, generator=generator)
    chain = x
    for _ in range(4):
        chain = block_step(chain, 2)
    torch.testing.assert_close(one_shot(x), chain[:, 0], rtol=1e-13, atol=1e-13)


def test_the_flow_of_a_law():
    rows = cumulant_flow(Laplace(), 4, 2, orders=6)
    assert [float(row[3]) for row in rows] == [3.0 / 2**step for step in range(5)]
    assert all(row[1] == 1 for row in rows)
    assert cumulant_flow(SymmetricStable(1.5), 2)[2][1] is None


def test_eigenvalues_with_another_index():
    assert eigenvalue(1, 3, index=1.0) == 1
    assert eigenvalue(3, 2, index=1.0) == Fraction(1, 4)
    assert float(eigenvalue(2, 2, index=1.5)) == pytest.approx(2 ** (1 - 2 / 1.5), rel=1e-14)


def test_refusals():
    with pytest.raises(ShapeError, match="x: expected a multiple of 2 sites on the last axis, got 3"):
        block_step(torch.ones(3), 2)
    with pytest.raises(ArgumentError, match="b: expected at least one copy, got 0"):
        block_step(torch.ones(3), 0)
    with pytest.raises(ArgumentError, match="index: expected a number > 0"):
        eigenvalue(1, 2, index=0.0)
    with pytest.raises(ArgumentError, match="n: expected an order >= 1, got 0"):
        eigenvalue(0)
    with pytest.raises(ArgumentError, match="steps, orders: expected at least 1 of each, got 0, 4"):
        cumulant_flow(Laplace(), 0)
