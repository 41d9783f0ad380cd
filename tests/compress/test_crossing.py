"""Where curves made by hand leave what is tolerated: up and down, in the metric's logarithm, with the draws' ends."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import least_squares

from haar.compress import METRICS, Magnitude, Quantise
from haar.compress.crossing import first_crossing
from haar.compress.curve import Curve
from haar.compress.law import Law, fit_law
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


def left_by_the_law(s, y, kink):
    """The least sum of squares with the kink at one place, by scipy from many beginnings."""

    def residual(theta):
        level, factor, power = np.exp(theta[:3])
        return np.log(level + factor * np.minimum(s, kink) ** power) + theta[3] * np.maximum(s - kink, 0) - y

    begins = itertools.product((y[0], y[0] - 0.4), (0.7,), (0.0, 1.1), (4.0,))
    return min(2 * least_squares(residual, begin, xtol=1e-14, ftol=1e-14).cost for begin in begins)


def test_the_interval_of_a_kink_is_that_of_an_f_test_and_its_gain_that_of_the_bic():
    s = np.arange(1, 13) / 12
    noise = 0.02 * np.sin(37 * np.arange(12.0) ** 2)
    y = np.where(s <= 0.55, np.log(5 + 2 * s**3), np.log(5 + 2 * 0.55**3) + 4 * (s - 0.55)) + noise
    found = fit_law(s, np.exp(y))
    assert found.residual == pytest.approx(left_by_the_law(s, y, found.kink), rel=1e-5)
    bound = found.residual * (1 + float(stats.f.ppf(0.95, 1, 12 - 5)) / (12 - 5))
    step = (s[-2] - s[2]) / 160  # 161 places are tried
    for inside, outside in ((found.low, found.low - step), (found.high, found.high + step)):
        assert left_by_the_law(s, y, inside) <= bound * (1 + 1e-6)
        assert left_by_the_law(s, y, outside) > bound * (1 - 1e-6)
    rival = min(
        np.linalg.lstsq(np.stack([np.ones(12), s**power], 1), y, rcond=None)[1][0]
        for power in np.linspace(0.5, 9, 4000)
    )
    assert found.rival == pytest.approx(rival, rel=1e-5)
    assert found.gain == pytest.approx(12 * math.log(found.rival / found.residual) - (5 - 3) * math.log(12), rel=1e-9)
    assert found.transition


@pytest.mark.parametrize(
    ("change", "transition"),
    [
        ({}, True), ({"gain": 0.0}, False), ({"gain": 1e-9}, True), ({"inside": False}, False),
        ({"high": 0.4 + 0.99 * 0.15}, True), ({"high": 0.4 + 1.01 * 0.15}, False),
    ],
)  # fmt: skip
def test_a_transition_is_short_gained_and_inside(change, transition):
    found = replace(Law(0.5, 0.4, 0.5, 0.1, 0.2, 3.0, True), **change)
    assert found.transition is transition
    assert str(found).startswith("no transition (best kink at 0.5 [0.4, ") is not transition


def test_a_point_that_is_infinite_or_the_first_is_crossed_at_itself():
    levels = np.array([0.1, 0.5])
    assert first_crossing(levels, np.array([1.0, np.inf]), np.array(1.5)) == 0.5
    assert first_crossing(levels, np.array([2.0, 3.0]), np.array(1.5)) == pytest.approx(0.1)
    assert first_crossing(levels, np.array([-1.0, 1.0]), np.array(0.5)) == pytest.approx(0.4)
    both = first_crossing(levels, np.array([[1.0, 4.0], [1.0, 1.0]]), np.array([2.0, 1.0]))
    assert both.tolist() == [pytest.approx(0.3), np.inf]
