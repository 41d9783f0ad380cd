"""Intervals: their ends by hand, their coverage, and how many units they need."""

from __future__ import annotations

import math

import pytest
import torch

from haar.statistics import Estimate, median_interval, ratio, spread

F64 = torch.float64


def test_the_ends_are_those_of_student():
    values = torch.tensor([1.0, 2, 3, 4, 5], dtype=F64)
    found = ratio(values, torch.ones(5, dtype=F64))
    reach = 2.7764451051977987 * math.sqrt(2.5 / 5)  # t of 4 degrees of freedom, the variance of five numbers
    assert (found.value, found.low, found.high) == pytest.approx((3, 3 - reach, 3 + reach), rel=1e-12)


def test_a_ratio_is_linearised():
    top, bottom = torch.tensor([1.0, 2, 3, 4, 6], dtype=F64), torch.tensor([1.0, 1, 2, 2, 2], dtype=F64)
    found = ratio(top, bottom)
    left = [t - 2 * b for t, b in zip(top.tolist(), bottom.tolist(), strict=True)]
    error = math.sqrt(sum(v * v for v in left) / 20) / 1.6
    assert found.value == 2
    assert found.high - found.value == pytest.approx(2.7764451051977987 * error, rel=1e-12)


def test_four_units_have_no_interval_and_five_have_one():
    four = ratio(torch.arange(4, dtype=F64), torch.ones(4, dtype=F64))
    assert four.value == 1.5
    assert math.isnan(four.low)
    assert math.isnan(four.high)
    assert f"{four:.1f}" == "1.5 (no interval)"
    assert math.isfinite(ratio(torch.arange(5, dtype=F64), torch.ones(5, dtype=F64)).low)


def test_rows_without_a_denominator_take_no_part():
    bottom = torch.tensor([1.0, 1, 1, 1, 0, 0], dtype=F64)
    found = ratio(torch.tensor([1.0, 2, 3, 4, 0, 0], dtype=F64), bottom)
    assert found.value == 2.5
    assert math.isnan(found.low)


def test_bounds_that_are_known_and_roots():
    values, ones = torch.tensor([0.0, 0, 0, 0, 10], dtype=F64), torch.ones(5, dtype=F64)
    assert ratio(values, ones).low < 0
    assert ratio(values, ones, least=0.0).low == 0
    root = ratio(values, ones, root=True)
    assert (root.value, root.low) == (math.sqrt(2), 0)
    assert root.high == pytest.approx(math.sqrt(ratio(values, ones).high), rel=1e-12)
    above = ratio(values, ones, least=20.0)
    assert (above.value, above.low, above.high) == (2, 20, 20)
    few = ratio(values[1:], ones[1:], root=True)
    assert few.value == math.sqrt(2.5)
    assert math.isnan(few.low)
    assert math.isnan(few.high)


def test_the_level_is_the_coverage():
    values = torch.tensor([1.0, 2, 3, 4, 5], dtype=F64)
    found = ratio(values, torch.ones(5, dtype=F64), level=0.9)
    reach = 2.131846786326649 * math.sqrt(2.5 / 5)  # the upper 5 % of t with 4 degrees of freedom
    assert (found.low, found.high) == pytest.approx((3 - reach, 3 + reach), rel=1e-12)
    assert median_interval([float(v) for v in range(20)], 0.5) == Estimate(
        9.5, 7.0, 12.0
    )  # 2 P(fewer than 8 of 20) = 0.26, than 9 = 0.503


def test_the_order_of_the_rows_does_not_matter(generator):
    values = torch.randn(9, generator=generator, dtype=F64)
    turned = values[torch.randperm(9, generator=generator)]
    ones = torch.ones(9, dtype=F64)
    assert ratio(values, ones).low == pytest.approx(ratio(turned, ones).low, rel=1e-12)


def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(5)
    hits = 0
    for _ in range(200):
        values = torch.randn(64, generator=generator, dtype=F64).exp()
        estimate = ratio(values, torch.ones(64, dtype=F64))
        hits += estimate.low <= math.exp(0.5) <= estimate.high
    # Of a skewed law an interval of the mean covers a little less than 95 %: 178 of 200 is 89 %.
    assert 168 <= hits <= 198


def test_estimates_format_with_their_interval():
    assert f"{Estimate(1.0, 0.5, 2.0):.1f}" == "1.0 [0.5, 2.0]"
    assert Estimate(1.0, 0.5, 2.0).to_dict() == {"value": 1.0, "low": 0.5, "high": 2.0}
    assert Estimate(1.0, 0.5, 3.0).over(4.0) == Estimate(0.25, 0.125, 0.75)


def test_intervals_in_words():
    assert Estimate(1.0, 0.5, 2.0).interval == "[0.5, 2]"
    assert Estimate(1.0, math.nan, math.nan).interval == "no interval"
    assert f"{Estimate(1.0, 0.5, 2.0)}" == "1 [0.5, 2]"


def test_spread_is_the_median_between_the_ends_and_not_a_number_where_one_is_none():
    assert spread([4.0, 1.0, 2.0, 9.0]) == Estimate(3.0, 1.0, 9.0)
    assert all(math.isnan(v) for found in (spread([]), spread([1.0, math.nan])) for v in found.to_dict().values())


def test_without_any_denominator_there_is_no_number():
    found = ratio(torch.ones(5, dtype=F64), torch.zeros(5, dtype=F64))
    assert all(math.isnan(v) for v in found.to_dict().values())


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (5, 1), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (20, 6)])
def test_the_interval_of_a_median_has_the_coverage_of_binomials(n, k):
    """Places after the table in Conover, Practical Nonparametric Statistics: 9 numbers, the second from each end."""
    found = median_interval([float(v) for v in reversed(range(1, n + 1))])
    assert (found.value, found.low, found.high) == ((n + 1) / 2, k, n + 1 - k)

    def coverage(place):
        return 1 - 2 * sum(math.comb(n, j) for j in range(place)) / 2**n

    assert coverage(k) >= 0.95 or k == 1
    assert coverage(k + 1) < 0.95


def test_coverage_that_is_just_reached_is_enough():
    five = [1.0, 2.0, 3.0, 4.0, 5.0]  # 12 of 32 patterns of signs have fewer than two on one side
    assert median_interval(five, 1 - 12 / 32) == Estimate(3.0, 2.0, 4.0)
    assert median_interval(five, 1 - 11.9 / 32) == Estimate(3.0, 1.0, 5.0)


def test_the_interval_of_a_median_covers_it_as_often_as_it_says():
    generator = torch.Generator().manual_seed(3)
    draws = torch.randn(400, 12, generator=generator, dtype=F64).exp()
    hits = sum(found.low <= 1 <= found.high for found in map(median_interval, draws.tolist()))
    assert 375 <= hits <= 395  # 96.1 % of 400 are 384.6, their standard deviation 3.9


def test_medians_of_what_nobody_knows():
    for values in ([math.nan, 1.0, 2.0], [1.0, 2.0, math.nan], [3.0, math.nan, 1.0]):
        found = median_interval(values)
        assert all(math.isnan(number) for number in (found.value, found.low, found.high))
