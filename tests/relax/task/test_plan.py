"""Plans from keys and options: every key has its part and its type."""

from __future__ import annotations

import pytest

from haar.errors import ArgumentError
from haar.relax.task.plan import KEYS, make_plan

OPTIONS = {"group": "C4", "input": "vector", "output": "vector"}


def test_a_large_seed_keeps_every_digit():
    assert make_plan("a:b", "c:d", {**OPTIONS, "seed": 2**40 - 1}).training.seed == 2**40 - 1


def test_every_key_stands_in_one_part():
    plan = make_plan("a:b", "c:d", OPTIONS)
    assert plan.keys().keys() == KEYS.keys()
    assert plan.with_problem("resilient").rule.problem == "resilient"
    assert plan.with_problem(None) is plan


@pytest.mark.parametrize(
    ("key", "given", "made"),
    [
        ("steps", "1e3", 1000),
        ("steps", 30.0, 30),
        ("learning_rate", "1e-3", 1e-3),
        ("weights", "0.1,1", (0.1, 1.0)),
        ("weights", [1, 2], (1.0, 2.0)),
        ("kappa", False, False),
        ("model_args", {"width": 3}, {"width": 3}),
        ("symmetry", None, None),
    ],
)
def test_values_become_what_the_key_is(key, given, made):
    found = make_plan("a:b", "c:d", {**OPTIONS, key: given}).keys()[key]
    assert (found, type(found)) == (made, type(made))


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("steps", True, "a whole number"),
        ("steps", 30.5, "a whole number"),
        ("learning_rate", "fast", "a number"),
        ("rho", True, "a number"),
        ("kappa", 1, "true or false"),
        ("loss", 3, "text"),
        ("symmetry", 3, "text"),
        ("weights", "a,b", "numbers"),
        ("data_args", [1], "arguments by name"),
    ],
)
def test_values_of_another_type_are_refused_by_the_key(key, given, expected):
    with pytest.raises(ArgumentError, match=f"^{key}: expected {expected}, got"):
        make_plan("a:b", "c:d", {**OPTIONS, key: given})
