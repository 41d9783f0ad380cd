"""Where curves made by hand leave what is tolerated: up and down, in the metric's logarithm, with the draws' ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from haar.compress import METRICS, Magnitude, Quantise
from haar.compress.crossing import first_crossing
from haar.compress.curve import Curve
from haar.statistics import Estimate


def curve(perturbation, metric, values, levels, draws=None):
    """The first value is that of the model as it came."""
    first, *others = (Estimate(value, value, value) for value in values)
    table = np.zeros((0, len(values))) if draws is None else draws
    return Curve(perturbation, METRICS[metric], first, tuple(others), levels, (0.0,) * len(levels), table)


def test_an_accuracy_that_falls_crosses_where_its_inverse_is_too_large():
    found = curve(Magnitude(), "accuracy", [0.8, 0.6, 0.3], (0.2, 0.4)).crossing(0.5)
    share = math.log(0.6 * 1.5 / 0.8) / math.log(2)
    assert found.level.value == pytest.approx(0.2 + 0.2 * share, rel=1e-12)
    assert math.isnan(found.level.low)
    assert found.found
    assert str(found).startswith(f"{found.level.value:.3g} ")


def test_the_tolerance_of_what_was_zero_is_what_it_may_be():
    found = curve(Magnitude(), "drift", [0.0, 0.1, 0.4], (0.2, 0.4))
    assert found.crossing(0.2).level.value == pytest.approx(0.3, rel=1e-12)
    assert found.crossing(0.05).level.value == pytest.approx(0.1, rel=1e-12)  # from 0 up: linear


def test_bits_are_crossed_downwards_and_the_model_itself_is_no_level():
    found = curve(Quantise(), "loss", [1.0, 1.1, 1.2, 4.0], (8.0, 4.0, 2.0))
    share = math.log(2 / 1.2) / math.log(4 / 1.2)
    assert found.crossing(1.0).level.value == pytest.approx(4 - 2 * share, rel=1e-12)
    assert found.crossing(0.05).level.value == 8
    assert math.isnan(found.crossing(3.0).level.value)  # equal is not worse
    assert str(found.crossing(3.0)) == "none up to 2"


@pytest.mark.parametrize("never", [False, True])
def test_an_intervals_ends_are_crossings_of_draws(never):
    places = np.linspace(0.2, 1.0, 41)
    draws = np.stack([np.ones(41), np.exp(1 / places)], 1)  # e is crossed at these places
    if never:
        draws[-2:, 1] = 1.0
    found = curve(Magnitude(), "loss", [1.0, math.exp(2)], (1.0,), draws).crossing(math.e - 1).level
    assert found.value == pytest.approx(0.5, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((places[1], math.inf if never else places[-2]), rel=1e-12)


def test_a_point_that_is_infinite_or_the_first_is_crossed_at_itself():
    levels = np.array([0.1, 0.5])
    assert first_crossing(levels, np.array([1.0, np.inf]), np.array(1.5)) == 0.5
    assert first_crossing(levels, np.array([2.0, 3.0]), np.array(1.5)) == pytest.approx(0.1)
    assert first_crossing(levels, np.array([-1.0, 1.0]), np.array(0.5)) == pytest.approx(0.4)
    both = first_crossing(levels, np.array([[1.0, 4.0], [1.0, 1.0]]), np.array([2.0, 1.0]))
    assert both.tolist() == [pytest.approx(0.3), np.inf]
