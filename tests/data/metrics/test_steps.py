from __future__ import annotations

import pytest

from haar.data.metrics import ONE_STEP, PROTOCOL, StepRange
from haar.errors import ArgumentError


@pytest.mark.parametrize(("text", "first", "last"), [("6:12", 6, 12), ("1", 1, 1), (" 13 : 30 ", 13, 30)])
def test_reading(text, first, last):
    window = StepRange.parse(text)
    assert (window.first, window.last) == (first, last)
    assert StepRange.parse(str(window)) == window == StepRange.parse(window)


def test_both_ends_belong_to_it_and_the_first_step_is_one():
    steps = list(range(1, 41))
    assert steps[StepRange(6, 12).index] == [6, 7, 8, 9, 10, 11, 12]
    assert steps[ONE_STEP.index] == [1]
    assert [str(window) for window in PROTOCOL] == ["1", "6:12", "13:30"]


@pytest.mark.parametrize("text", ["", "a", "6-12", "6:", ":6", "1:2:3", "-1"])
def test_other_text_is_refused(text):
    with pytest.raises(ArgumentError, match="steps: expected 'first:last' or 'step', counted from 1, got"):
        StepRange.parse(text)


@pytest.mark.parametrize(("first", "last"), [(0, 3), (4, 3)])
def test_other_ranges_are_refused(first, last):
    with pytest.raises(ArgumentError, match=f"steps: expected 1 <= first <= last, got {first}:{last}"):
        StepRange(first, last)
