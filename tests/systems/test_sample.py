"""Samples: statistics by hand, the interval's coverage, and what is refused."""

from __future__ import annotations

import math
from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.systems.sample import Sample, combined, difference, ratio, value

numbers = st.lists(st.floats(0.5, 10), min_size=1, max_size=7)


def rms(units):
    return math.sqrt(mean(unit**2 for unit in units))


@given(numbers, st.lists(numbers, min_size=1, max_size=3))
def test_of_all_units_of_all_seeds(first, rest):
    seeds = [first, *rest]
    pooled = [unit for seed in seeds for unit in seed]
    for name, by_hand in {"median": median, "mean": mean, "rms": rms}.items():
        found = combined([value(seed, name) for seed in seeds])
        assert found.value == pytest.approx(by_hand(pooled))
        assert min(pooled) - 1e-9 <= found.low <= found.value + 1e-9
        assert found.value - 1e-9 <= found.high <= max(pooled) + 1e-9
    halves = combined([ratio([unit / 2 for unit in seed], seed) for seed in seeds])
    assert (halves.value, halves.low, halves.high) == pytest.approx((0.5, 0.5, 0.5))  # paired rows are drawn together
    shifted = combined([difference([unit + 2 for unit in seed], seed, "mean") for seed in seeds])
    assert (shifted.value, shifted.low, shifted.high) == pytest.approx((2, 2, 2))


def test_unrelated_columns_are_drawn_apart_and_may_differ_in_length():
    above, below = [1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]
    paired, apart = ratio(above, below), ratio(above, below, paired=False)
    assert paired.value == apart.value == 0.5
    assert combined([paired]).low == combined([paired]).high == 0.5
    assert combined([apart]).low < 0.5 < combined([apart]).high
    assert ratio([1.0, 2.0, 3.0], [4.0], paired=False).value == 0.5
    assert ratio([1.0, 2.0, 3.0], [4.0], paired=False).size == 1


def test_one_unit_a_seed_is_between_the_seeds():
    found = combined([value([one]) for one in (1.0, 2.0, 4.0)])
    assert (found.low, found.value, found.high) == (1.0, 2.0, 4.0)
    assert combined([value([3.0])]) == combined([value([3.0])])
    assert (combined([value([3.0])]).low, combined([value([3.0])]).high) == (3.0, 3.0)


def test_the_interval_covers_means_of_seeds_that_differ():
    """Twelve seeds with six units each, as much spread between as within: a bootstrap of pooled units covers 70 %."""
    generator, hits = np.random.default_rng(1), 0
    for _ in range(200):
        seeds = generator.normal(size=(12, 1)) + generator.normal(size=(12, 6))
        found = combined([value(seed, "mean") for seed in seeds], draws=400)
        hits += found.low <= 0 <= found.high
    assert 0.88 <= hits / 200 <= 1.0  # 95 %, less what a percentile interval of twelve lacks


def test_the_same_numbers_give_the_same_interval():
    samples = [value([1.0, 2.0, 5.0]), value([3.0, 4.0])]
    assert combined(samples) == combined(samples)


@pytest.mark.parametrize("lost", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_value(lost):
    assert math.isnan(value([1.0, lost]).value)
    assert math.isnan(combined([value([1.0]), value([lost])]).low)
    assert math.isnan(value([]).value)


def test_over_nothing_is_nothing():
    assert math.isnan(ratio([1.0, 1.0], [0.0, 0.0]).value)
    once = combined([ratio([1.0, 1.0, 1.0], [0.0, 1.0, 1.0])])  # some draws have 0 below
    assert once.value == 1.0
    assert math.isnan(once.low)


def test_mappings_give_their_values_and_truths_a_share():
    assert value({"a": 1.0, "b": 3.0}).columns == ((1.0, 3.0),)
    assert value([True, False], "mean").value == 0.5


def test_refusals():
    with pytest.raises(ArgumentError, match=r"columns: expected as many rows in both, got \[2, 1\].*paired=False"):
        ratio([1.0, 2.0], [1.0])
    with pytest.raises(ArgumentError, match="columns: expected 2 for a ratio, got 1"):
        Sample(((1.0,),), "mean", "ratio")
    with pytest.raises(ArgumentError, match="samples: expected one kind of sample for all seeds"):
        combined([value([1.0], "mean"), value([1.0], "rms")])
