"""The four gates on spectra written by hand, on both sides of each threshold, and how what fails is told."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

import haar
from haar.discover.flows import Finite, judge
from haar.discover.gates import LARGEST, Gate, closest, floor_of, gates, unlooked
from haar.discover.lie import Continuous
from haar.discover.spectrum import Spectrum, defect_interval
from haar.discover.told import told
from haar.discover.trivial import Trivial

F64 = torch.float64
GOOD = Finite(0.01, 0.0, 0.02, 0.02, 0.001, True)
BAD = GOOD._replace(accepted=False)


def spectrum(*held_out, floor=1e-12):
    values = torch.tensor(held_out, dtype=F64)
    return Spectrum(values, values, 0.9 * values, 1.1 * values, floor, torch.eye(len(values), dtype=F64))


def judged(*held_out, closure=0.0, finite=GOOD, tolerance=0.2, **options):
    return gates(spectrum(*held_out), lambda _: closure, lambda *_: finite, tolerance=tolerance, **options)


def failed(*held_out, **options):
    return [gate.failed for gate in judged(*held_out, **options)]


def test_a_defect_above_the_tolerance_is_not_small_and_ends_the_search():
    assert failed(0.2, 0.9) == ["", "small"]
    assert failed(0.2001, 0.9) == ["small"]
    assert failed(0.01, 0.5, 0.01, 0.5) == ["gap", "small"]  # the smallest of all further ones is what is beyond


def test_a_gap_is_of_three_for_one_generator_and_of_two_for_more():
    assert failed(0.125, 0.375, 0.9)[:1] == [""]
    assert failed(0.125, 0.3749, 0.9)[:1] == ["gap"]
    assert failed(0.05, 0.0625, 0.125, 0.9)[:2] == ["gap", ""]
    assert failed(0.05, 0.0625, 0.1249, 0.9)[:2] == ["gap", "gap"]
    exact, _ = judged(0.0, 0.3)
    assert exact.gap == pytest.approx(0.3 / 1e-12)
    (all_of_them,) = judged(0.1)
    assert (all_of_them.gap, all_of_them.beyond, all_of_them.failed) == (0.0, 0.0, "gap")


def test_brackets_may_leave_by_twice_the_defect_or_a_millionth():
    assert failed(0.1, 0.9, closure=0.2)[0] == ""
    assert failed(0.1, 0.9, closure=0.2001)[0] == "closed"
    assert failed(1e-9, 0.9, closure=1e-6)[0] == ""
    assert failed(1e-9, 0.9, closure=1.001e-6)[0] == "closed"


def test_finite_elements_are_tried_last_with_the_directions_and_their_defect():
    asked = []

    def finite(vectors, defect):
        asked.append((vectors.shape, defect))
        return BAD

    found = gates(spectrum(0.001, 0.002, 0.9), lambda _: 0.0, finite, tolerance=0.2)
    assert [(gate.failed, gate.finite) for gate in found] == [("gap", None), ("finite", BAD), ("small", None)]
    assert asked == [((3, 2), 0.002)]
    assert [gate.accepted for gate in judged(0.1, 0.9)] == [True, False]


def test_what_is_told_of_a_number_of_generators():
    held = torch.tensor([0.02, 0.01, 0.3], dtype=F64)
    one = Spectrum(held, held, held - 0.005, held + 0.005, 1e-12, torch.eye(3, dtype=F64))
    second = gates(one, lambda _: 0.25, lambda *_: GOOD, tolerance=0.2)[1]
    assert (second.count, second.defect, second.low, second.high) == (2, 0.02, 0.015, 0.025)  # of the worst of both
    assert (second.beyond, second.gap, second.closure, second.finite) == (0.3, 15.0, 0.25, None)


def test_closure_is_looked_at_for_small_numbers_even_without_a_gap():
    found = judged(*[0.01] * 3, 0.9, closure=7.0, always=1)
    assert [math.isnan(gate.closure) for gate in found] == [False, True, False, True]
    assert [math.isnan(gate.closure) for gate in judged(*[0.01] * 14, closure=0.0)] == [False] * 12 + [True] * 2


def gate(count, *, gap=1.5, closure=math.nan, defect=0.1, failure="gap"):
    return Gate(count, defect, 0.05, 0.15, 0.2, gap, closure, None, failure)


def test_the_closest_is_closed_before_it_has_the_widest_gap():
    assert closest([]) is None
    small = gate(1, failure="small")
    assert closest([small]) is small
    first, wide, closed = gate(1, closure=0.0, gap=2.5), gate(2, gap=1.9, closure=0.21), gate(3, closure=0.2)
    assert closest([first, wide, small]) is first  # a single generator is closed for nothing
    assert closest([wide, closed, first, small]) is closed
    tiny = gate(2, defect=1e-9, closure=1e-6)
    assert closest([wide, tiny]) is tiny
    assert closest([gate(2, failure=""), wide]) is wide


def test_rounding_grows_with_the_unknowns_and_the_condition():
    assert floor_of(16, 1e-15, 3.0) == pytest.approx(10 * 1e-15 * 3 * 4)
    assert floor_of(0, 1e-15, 0.1) == pytest.approx(1e-14)


def found(**options):
    lie = Continuous(None, None, [], **{"trivial": [], "linear_share": 0.0, **options})
    settings = SimpleNamespace(kinds=("lie",), asked="any", kind="any")
    return SimpleNamespace(continuous=lie, finite=(), settings=settings)


@pytest.mark.usefixtures("unchecked_annotations")
def test_what_failed_is_told():
    start = "No continuous symmetry established."
    assert told(found()) == start
    two = "a 2-dimensional algebra like so(3), defect 0.1"
    told_of = {
        "small": (gate(1, failure="small"), "a single generator, defect 0.1, but its defect is above the tolerance."),
        "gap": (gate(1), "a single generator, defect 0.1, but the next direction is only 1.5 times worse (3 needed)."),
        "gap of two": (gate(2), f"{two}, but the next direction is only 1.5 times worse (2 needed)."),
        "closed": (
            gate(3, closure=0.5, failure="closed"),
            "a 3-dimensional algebra like so(3), defect 0.1, but brackets leave it by 0.5, more than twice its defect.",
        ),
        "finite": (
            gate(1, failure="finite"),
            "a single generator, defect 0.1, but finite elements are not shown to be below the tolerance.",
        ),
    }
    for best, words in told_of.values():
        assert told(found(closest=best, closest_name="so(3)")) == f"{start} Closest: {words}"
    stops = [Trivial("ignored", 3, "three", False), Trivial("linear", 3, "the model is linear", True)]
    assert told(found(trivial=stops, closest=gate(1))) == "These data cannot tell: the model is linear."


def test_an_interval_is_of_a_ratio_of_sums_over_units():
    failure, size = torch.tensor([[1.0], [2.0], [0.0], [1.0]], dtype=F64), torch.full((4, 1), 4.0, dtype=F64)
    middle, low, high = (float(value) for value in defect_interval(failure, size))
    residual = failure[:, 0] - 0.25 * size[:, 0]
    error = float((4 / 3 * residual.square().sum()).sqrt() / 16)
    assert middle == pytest.approx(0.5)
    assert high == pytest.approx((0.25 + 1.959963984540054 * error) ** 0.5)
    assert low == pytest.approx(max(0.25 - 1.959963984540054 * error, 0) ** 0.5)
    alone = [float(value) for value in defect_interval(failure[:1], size[:1])]
    assert alone == pytest.approx([0.5, 0.5, 0.5])
    nothing = [float(value) for value in defect_interval(0 * failure, 0 * size)]
    assert nothing == [0.0, 0.0, 0.0]


def test_finite_elements_are_judged_by_the_worst_of_them():
    generator = torch.Generator().manual_seed(0)
    small, large = (0.01 * scale * torch.rand(40, generator=generator, dtype=F64) for scale in (1.0, 2.0))
    units = torch.arange(40) // 2
    verdict = judge([small, large], units, tolerance=0.2, significance=0.05)
    means = large.reshape(20, 2).sum(1) / 2
    error = float(means.std() / 20**0.5)
    mean = float(large.mean())
    assert verdict.defect == pytest.approx(mean**0.5)
    assert verdict.upper == pytest.approx((mean + 1.6448536269514722 * error) ** 0.5)
    ends = [(mean + side * 1.959963984540054 * error) ** 0.5 for side in (-1, 1)]
    assert [verdict.low, verdict.high] == pytest.approx(ends)
    assert verdict.accepted
    z = (0.1**2 - mean) / error
    near = judge([small, large], units, tolerance=0.1, significance=0.05)
    alone = judge([large], units, tolerance=0.1, significance=0.05)
    assert alone.p_value == pytest.approx(0.5 * math.erfc(z / 2**0.5))
    assert near.p_value >= alone.p_value
    for significance in (0.99 * alone.p_value, 1.01 * alone.p_value):
        again = judge([large], units, tolerance=0.1, significance=significance)
        assert again.accepted is (significance > alone.p_value)
    assert judge([], units, tolerance=0.1, significance=0.05) == Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
    broken = judge([small.clone().fill_(math.nan)], units, tolerance=0.1, significance=0.05)
    assert not broken.accepted


@pytest.mark.parametrize(
    ("small", "beyond", "said"),
    [
        (LARGEST, [0.15], True),
        (LARGEST, [0.2], True),
        (LARGEST, [0.21], False),  # what is beyond is no symmetry
        (LARGEST, [], False),  # nothing is
        (LARGEST - 1, [0.15], False),  # all were looked at
        (LARGEST - 1, [0.5, 0.6], False),
        (LARGEST + 5, [], True),
    ],
)
def test_that_no_more_generators_are_looked_at_is_told(small, beyond, said):
    made = judged(*[0.001] * small, *beyond)
    words = unlooked(made, 0.2)
    assert words.startswith("300 generators are the most that are looked at") == said
    assert bool(words) == said
    assert not said or f"the defect {([0.001] * small + beyond)[LARGEST]:.2g}:" in words
    assert unlooked([], 0.2) == ""


def test_what_is_told_says_so(draw):
    found = haar.discover(lambda x: x.square().sum(1, keepdim=True).exp(), 0.3 * draw(200, 4), kinds="lie")
    assert not any("are looked at" in one for one in found.remarks)
    found.continuous.gates[:] = judged(*[0.001] * LARGEST, 0.15)
    assert any("300 generators are the most that are looked at" in one for one in found.remarks)
