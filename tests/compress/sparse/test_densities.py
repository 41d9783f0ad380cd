"""Erdos-Renyi densities: the closed form, the budget, and layers that would be denser than dense."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.compress import erdos_renyi, uniform
from haar.errors import ArgumentError


def test_two_layers_by_hand():
    # eps ((20 + 10) + (30 + 20)) = 0.1 (200 + 600), so eps = 1: 30 and 50 weights
    first, second = erdos_renyi([(20, 10), (30, 20)], 0.9)
    assert first == pytest.approx(30 / 200)
    assert second == pytest.approx(50 / 600)


def test_kernels_add_their_sizes():
    # one eps: densities are as (16 + 8 + 3 + 3) / (16 8 9) to (16 + 8) / (16 8)
    kernel, matrix = erdos_renyi([(16, 8, 3, 3), (16, 8)], 0.95)
    assert kernel / matrix == pytest.approx((30 / 1152) / (24 / 128))


def test_a_layer_that_would_be_denser_than_dense_is_dense():
    densities = erdos_renyi([(100, 100), (1, 100)], 0.5)
    assert densities[1] == 1.0
    assert densities[0] == pytest.approx((0.5 * 10100 - 100) / 10000)


shapes = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5)


@given(shapes, st.floats(0, 0.99))
def test_the_budget_is_spent(shapes, sparsity):
    densities = erdos_renyi(shapes, sparsity)
    assert all(0 <= density <= 1 + 1e-12 for density in densities)
    spent = sum(density * prod(shape) for density, shape in zip(densities, shapes, strict=True))
    assert spent == pytest.approx((1 - sparsity) * sum(map(prod, shapes)))


def test_uniform():
    assert uniform([(2, 2), (3, 3)], 0.25) == [0.75, 0.75]


@pytest.mark.parametrize("sparsity", [-0.1, 1.0, float("nan")])
def test_a_sparsity_that_is_no_share_is_refused(sparsity):
    with pytest.raises(ArgumentError, match=r"sparsity: expected a share of at least 0 and below 1"):
        erdos_renyi([(2, 2)], sparsity)


def test_an_empty_weight_is_refused():
    with pytest.raises(ArgumentError, match=r"shapes: expected weights with entries"):
        erdos_renyi([(2, 0), (2, 2)], 0.5)
