"""How long a check may train, from what a caller says."""

from __future__ import annotations

import pytest

from haar.check import Budget, check
from haar.errors import ArgumentError


@pytest.mark.parametrize(
    ("asked", "budget"),
    [
        (False, None),
        (None, None),
        (True, Budget()),
        (40, Budget(steps=40)),
        (Budget(seconds=None), Budget(seconds=None)),
    ],
)
def test_what_is_asked_becomes_a_budget(asked, budget):
    assert Budget.of(asked) == budget


def test_as_many_steps_are_taken_as_fit_into_the_time():
    budget = Budget(steps=100, seconds=10)
    assert [budget.steps_of(cost) for cost in (0.0, 0.05, 0.1, 0.11, 1.0, 100.0)] == [100, 100, 100, 90, 10, 0]
    assert Budget(steps=100, seconds=None).steps_of(100.0) == 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 29}, "steps: expected at least 30, got 29"),
        ({"seconds": 0}, "seconds: expected"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"learning_rate": -1.0}, "learning_rate: expected"),
    ],
)
def test_numbers_out_of_range_are_refused(options, words):
    with pytest.raises(ArgumentError, match=words):
        Budget(**options)


def test_other_things_are_no_budget(blurred):
    model, x, symmetry = blurred
    with pytest.raises(
        ArgumentError, match=r"relax: expected True, a number of steps, or haar.check.Budget\(...\), got str"
    ):
        Budget.of("long")
    with pytest.raises(ArgumentError, match="steps: expected at least 30, got 3"):
        check(model, x, symmetry=symmetry, relax=3)
