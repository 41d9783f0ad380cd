"""One judge: intervals, verdicts, what is not finite, and errors that name their claim."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, HaarError
from haar.systems.claim import Bound, Claim, filled, judge, over
from haar.systems.sample import ratio, value


def verdict(statistic, *measures, **bound):
    (judged,) = judge([Claim("c", "it is claimed", "section 1", statistic, **bound)], measures)
    return judged.verdict


def of(values, **bound):
    (judged,) = judge([Claim("c", "it is claimed", "section 1", lambda m: m, **bound)], values)
    return judged


values = st.lists(st.floats(-10, 10), min_size=1, max_size=12)


@given(values, st.floats(-10, 10))
def test_must_hold_is_of_every_number_and_the_rest_of_the_middle(numbers, least):
    every = of(numbers, at_least=least, every=True)
    assert every.holds == (min(numbers) >= least)
    assert every.verdict in ("holds", "contradicted")
    assert (every.low, every.high) == (min(numbers), max(numbers))
    middle = of(numbers, at_least=least)
    assert min(numbers) <= middle.low <= middle.value <= middle.high <= max(numbers)
    decided = "holds" if middle.low >= least else "contradicted" if middle.high < least else "open"
    assert middle.verdict == (decided if len(numbers) >= 3 else "open")
    assert middle.holds or not every.holds or len(numbers) < 3
    assert middle.units == every.units == len(numbers)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0.5], "open"),  # one or two numbers say nothing of the spread
        ([1.5], "open"),
        ([0.5, 0.5], "open"),
        ([1.1, 1.2], "open"),
        ([0.5, 0.7, 1.0], "holds"),
        ([0.5, 0.7, 1.0 + 1e-9], "open"),
        ([1.1, 1.2, 1.2], "contradicted"),
        ([1.0, 1.2, 1.2], "open"),
        ([0.5] * 7 + [1.5], "open"),
        ([0.5] * 8 + [1.5], "holds"),  # of nine numbers the interval leaves out one at each end
        ([0.5] * 7 + [1.5] * 2, "open"),
    ],
)
def test_both_sides_of_the_interval_decide(numbers, expected):
    found = of(numbers, at_most=1.0)
    assert (found.verdict, found.holds) == (expected, expected == "holds")


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([0.1, 0.3, 0.5], "holds"), ([0.0, 0.1, 0.1], "open"), ([0.0, 0.1, 0.2], "open"), ([0.5, 0.6, 0.7], "open"),
     ([0.0, 0.05, 0.05], "contradicted"),
     ([0.7, 0.8, 0.9], "contradicted"), ([0.0, 0.3, 0.9], "open")],
)  # fmt: skip
def test_a_bound_of_two_sides(numbers, expected):
    found = of(numbers, at_least=0.1, at_most=0.6)
    assert found.bound == "in [0.1, 0.6]"
    assert found.verdict == expected


def test_a_sample_is_judged_by_all_units_of_all_seeds_together():
    seeds = [{"a": [1.0, 1.1, 5.0], "b": [2.0, 2.1, 2.2]}, {"a": [1.2, 1.3], "b": [2.3, 2.4]}]

    def claimed(**bound):
        claim = Claim("c", "-", "-", lambda m: ratio(m["a"], m["b"], "mean"), reported="1 in 2", **bound)
        return judge([claim], seeds)[0]

    found = claimed(at_most=2.0)
    assert found.value == pytest.approx((1.0 + 1.1 + 5.0 + 1.2 + 1.3) / (2.0 + 2.1 + 2.2 + 2.3 + 2.4))
    assert found.values == pytest.approx((7.1 / 6.3, 2.5 / 4.7))
    assert found.low < 2.5 / 4.7 < found.value < found.high
    assert (found.verdict, found.units, found.reported) == ("holds", 5, "1 in 2")
    assert claimed(at_most=found.high - 1e-6).verdict == "open"
    assert claimed(at_most=found.low - 1e-6).verdict == "contradicted"
    assert claimed(at_most=1.0, every=True).verdict == "contradicted"  # of each seed's own: 1.127, .532
    assert claimed(at_most=1.2, every=True).verdict == "holds"


@pytest.mark.parametrize("lost", [None, math.nan, math.inf])
def test_a_sample_with_a_unit_that_is_not_finite_is_open(lost):
    def verdict_of(*seeds):
        return verdict(lambda m: value(m["a"], "mean"), *seeds, at_most=1e9)

    whole = {"a": [1.0, 2.0, 3.0]}
    assert verdict_of(whole, whole) == "holds"
    assert verdict_of(whole, {"a": [1.0, lost, 3.0]}) == "open"
    assert verdict_of(whole, {"a": lost}) == "open"
    assert verdict_of(whole, {"a": []}) == "open"
    assert verdict_of({"a": [1.0, 2.0]}) == "open"  # too few


def test_seeds_with_samples_of_two_kinds_name_the_claim():
    seeds = [{"of": "mean", "a": [1.0, 2.0]}, {"of": "rms", "a": [1.0, 2.0]}]
    with pytest.raises(HaarError, match="claim 'c' cannot be judged: ArgumentError: samples: expected one kind"):
        verdict(lambda m: value(m["a"], m["of"]), *seeds, at_most=1.0)


@pytest.mark.parametrize("lost", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("every", [False, True])
def test_what_is_not_finite_is_open(lost, every):
    found = of([0.5, 0.5, 0.5, lost], at_most=1.0, every=every)
    assert found.verdict == "open"
    assert math.isnan(found.value)
    assert found.values[:3] == (0.5, 0.5, 0.5)
    assert math.isnan(found.values[3])


def test_a_number_that_breaks_a_must_hold_is_not_excused_by_one_that_is_lost():
    assert of([2.0, None], at_most=1.0, every=True).verdict == "contradicted"


@pytest.mark.parametrize(
    "statistic",
    [
        lambda m: m["a"] + 1,
        lambda m: 2 / m["a"],
        lambda m: max(m["b"], m["a"]),
        lambda m: min(m["a"], m["b"]),
        lambda m: abs(m["a"]),
        lambda m: float(m["a"]),
        lambda m: 0.0 if m["a"] is None else m["a"],
        lambda m: m["b"] if m["a"] > 0 else 0.0,
        lambda m: m["a"] == m["b"],
        lambda m: m["a"] or 0.0,
        lambda m: math.sqrt(m["a"]),
        lambda m: sum([m["b"], m["a"]]) / 2,
        lambda m: sorted([m["b"], m["a"]])[1],
        lambda m: [m["b"], m["a"]],
        lambda m: over([m["a"], m["b"]], lambda x: x / 2),
        lambda m: m["a"]["deeper"],
        lambda m: m["a"].values(),
        lambda m: len(m["a"]),
        lambda m: next(iter(m["a"])),
        lambda m: m["b"] / (m["b"] - 0.5),
    ],
)
def test_nothing_is_computed_with_a_number_that_is_not_there(statistic):
    assert verdict(statistic, *3 * [{"a": None, "b": 0.5}], at_most=1e9) == "open"


def test_over_keeps_the_units_that_are_there():
    (judged,) = judge(
        [Claim("c", "-", "-", lambda m: over(m, lambda x: 2 * x), at_most=1.0, every=True)],
        [{"x": 0.5, "y": None}, {"x": 0.75, "y": 0.25}],
    )
    assert judged.values[0::2] == (1.0, 1.5)
    assert judged.verdict == "contradicted"


def test_units_of_all_seeds_are_judged_together():
    found = of([[1.0, 2.0], [3.0]], at_most=3.0)
    assert found.values == (1.0, 2.0, 3.0)
    assert found.value == 2.0


def test_no_units_is_open():
    assert of([[]], at_most=1.0, every=True).verdict == "open"


def test_an_exception_names_its_claim_and_the_cause():
    with pytest.raises(HaarError, match="claim 'c' cannot be judged: KeyError: 'D4'"):
        verdict(lambda m: m["D4"], {}, at_most=1.0)
    with pytest.raises(HaarError, match="claim 'c' cannot be judged: ValueError: could not convert string to float"):
        verdict(lambda _: "many", {}, at_most=1.0)


def test_parts_that_were_not_measured_have_no_claims():
    claims = [
        Claim("a", "-", "-", lambda part: part["x"], at_most=1.0, part="twins"),
        Claim("b", "-", "-", lambda part: part["x"], at_most=1.0, part=("deep", "er")),
        Claim("c", "-", "-", lambda _: 0.0, at_most=1.0, when=lambda m: "twins" in m),
    ]
    assert [found.name for found in judge(claims, [{"twins": {"x": 0.5}}])] == ["a", "c"]
    assert [found.name for found in judge(claims, [{"deep": {"er": {"x": 0.5}}}])] == ["b"]
    assert judge(claims, [{"deep": {}}]) == []
    assert [found.verdict for found in judge(claims, [{"deep": None}])] == ["open"]


def test_what_is_filled_in_is_filled_in_everywhere():
    measures = {"a": [1, (math.nan, "x")], "b": {"c": None, "d": True}}
    assert filled(measures, 7) == {"a": [1, [7, "x"]], "b": {"c": 7, "d": True}}


def test_bounds_speak():
    assert [str(Bound(high=0.5)), str(Bound(low=1)), str(Bound(low=0, high=1))] == ["<= 0.5", ">= 1", "in [0, 1]"]
    assert not Bound(high=1).holds(math.nan)
    with pytest.raises(ArgumentError, match="bound: expected a least or a greatest value, got neither"):
        Claim("c", "-", "-", lambda _: 0.0)
    with pytest.raises(ArgumentError, match="bound: expected low <= high, got 2 > 1"):
        Claim("c", "-", "-", lambda _: 0.0, at_least=2, at_most=1)
