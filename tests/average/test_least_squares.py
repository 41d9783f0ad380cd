"""Bounded least squares against its optimality conditions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.average.least_squares import bootstrap_interval, bounded_coefficients, free_coefficients

DOUBLE = torch.float64


@given(seed=st.integers(0, 10_000), n=st.integers(1, 4))
def test_the_optimality_conditions_hold(seed, n):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(n + 2, n, generator=generator, dtype=DOUBLE)
    right = torch.randn(n + 2, generator=generator, dtype=DOUBLE)
    gram, cross = matrix.T @ matrix, matrix.T @ right
    torch.testing.assert_close(gram @ free_coefficients(gram, cross), cross, rtol=1e-9, atol=1e-9)
    found = bounded_coefficients(gram, cross)
    slope = gram @ found - cross
    assert bool(((found >= 0) & (found <= 1)).all())
    for a, s in zip(found.tolist(), slope.tolist(), strict=True):
        if 1e-9 < a < 1 - 1e-9:
            assert s == pytest.approx(0, abs=1e-8)
        else:
            assert s * (1 if a < 0.5 else -1) >= -1e-8  # it would only get worse inside


def test_directions_that_change_nothing_get_zero():
    zero = torch.zeros(2, 2, dtype=DOUBLE)
    assert bounded_coefficients(zero, torch.zeros(2, dtype=DOUBLE)).tolist() == [0, 0]
    gram = torch.diag(torch.tensor([2.0, 0.0], dtype=DOUBLE))
    found = bounded_coefficients(gram, torch.tensor([1.0, 0.0], dtype=DOUBLE))
    torch.testing.assert_close(found, torch.tensor([0.5, 0.0], dtype=DOUBLE), rtol=0, atol=1e-12)


def test_bootstrap_intervals_are_seeded_and_shrink_with_data():
    generator = torch.Generator().manual_seed(0)

    def interval(n, seed=0):
        x, noise = torch.randn(2, n, generator=generator, dtype=DOUBLE)
        gram, cross = (x * x).reshape(n, 1, 1), (x * (0.5 * x + 0.3 * noise)).reshape(n, 1)
        return bootstrap_interval(gram, cross, draws=300, level=0.9, seed=seed)

    (low, high), (low_many, high_many) = interval(20), interval(2000)
    assert float(low) < 0.5 < float(high)
    assert float(high_many - low_many) < float(high - low) / 4
    one = torch.ones(5, 1, 1, dtype=DOUBLE), torch.full((5, 1), 0.25, dtype=DOUBLE)
    assert bootstrap_interval(*one, draws=10, level=0.9, seed=1) == bootstrap_interval(
        *one, draws=10, level=0.9, seed=1
    )
