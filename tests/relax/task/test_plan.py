"""Plans from keys and options: every key has its part and its type."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import yaml

from haar.errors import ArgumentError, DataError
from haar.limits import MOST_SAMPLES, MOST_STEPS, SEED_LIMIT
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


@pytest.mark.parametrize(
    ("key", "inside", "outside", "expected"),
    [
        ("steps", 1, 0, f"a whole number from 1 to {MOST_STEPS}"),
        ("steps", MOST_STEPS, MOST_STEPS + 1, f"a whole number from 1 to {MOST_STEPS}"),
        ("batch_size", 1, 0, f"a whole number from 1 to {MOST_SAMPLES}"),
        ("batch_size", MOST_SAMPLES, MOST_SAMPLES + 1, f"a whole number from 1 to {MOST_SAMPLES}"),
        ("every", 1, 0, f"a whole number from 1 to {MOST_STEPS}"),
        ("every", MOST_STEPS, MOST_STEPS + 1, f"a whole number from 1 to {MOST_STEPS}"),
        ("draws", 1, 0, "a whole number from 1 to 1000000"),
        ("draws", 10**6, 10**6 + 1, "a whole number from 1 to 1000000"),
        ("seed", 0, -1, f"a whole number from 0 to {SEED_LIMIT}"),
        ("seed", SEED_LIMIT, SEED_LIMIT + 1, f"a whole number from 0 to {SEED_LIMIT}"),
        ("learning_rate", 1e-9, 0.0, r"a number between 0 and 1e\+06"),
        ("learning_rate", 999999.0, 1e6, r"a number between 0 and 1e\+06"),
        ("rho", 1e9, 0.0, "a positive number"),
        ("rho", 0.1, math.inf, "a positive number"),
        ("rho", 0.1, math.nan, "a positive number"),
        ("held_out", 0.01, 0.0, "a number between 0 and 1"),
        ("held_out", 0.99, 1.0, "a number between 0 and 1"),
        ("level", 0.01, 0.0, "a number between 0 and 1"),
        ("level", 0.99, 1.0, "a number between 0 and 1"),
        ("weights", [0.0, 1.0], [-0.1, 1.0], "increasing numbers, none below 0"),
        ("weights", [1.0, 2.0], [1.0, 1.0], "increasing numbers, none below 0"),
        ("weights", [], [2.0, 1.0], "increasing numbers, none below 0"),
        ("weights", [3.0], [1.0, math.inf], "increasing numbers, none below 0"),
    ],
)
def test_ranges_end_where_they_say(key, inside, outside, expected):
    found = make_plan("a:b", "c:d", {**OPTIONS, key: inside}).keys()[key]
    assert found == (tuple(inside) if isinstance(inside, list) else inside)
    said = ", ".join(map(str, outside)) if isinstance(outside, list) else f"{outside:g}" if key == "rho" else ""
    with pytest.raises(ArgumentError, match=f"^{key}: expected {expected}, got .*{said}"):
        make_plan("a:b", "c:d", {**OPTIONS, key: outside})


def test_the_defaults_are_those_of_the_page():
    text = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL) if "held_out" in one]
    told = yaml.safe_load(block)
    plan = make_plan("a:b", "c:d", OPTIONS).keys()
    named = {"model", "data", "model_args", "data_args", "group", "input", "output", "symmetry", "weights"}
    told["learning_rate"] = float(told["learning_rate"])
    assert {key: plan[key] for key in KEYS if key not in named} == {key: told[key] for key in KEYS if key not in named}
    assert (plan["model_args"], plan["weights"], plan["symmetry"]) == ({}, (), None)


@pytest.mark.parametrize(
    ("source", "data", "options", "message"),
    [
        ("a:b", None, OPTIONS, "data: expected module:function, or a .npz, .h5 or .safetensors file, got None"),
        ("a:b", "c:d", {"input": "vector", "output": "vector"}, "symmetry: expected --symmetry .*, got no group"),
        ("a:b", "c:d", {"group": "C4", "output": "vector"}, "symmetry: expected --symmetry .*, got no input"),
        ("a:b", "c:d", {"group": "C4", "input": "vector"}, "symmetry: expected --symmetry .*, got no output"),
        ("a:b", "c:d", {**OPTIONS, "stesp": 3}, "a:b: expected keys among model, model_args, .*, got 'stesp'"),
        ("a:b", "c:d", {**OPTIONS, "steps": math.inf}, "steps: expected a whole number, got inf"),
    ],
)
def test_what_is_missing_or_unknown_is_named(source, data, options, message):
    with pytest.raises(ArgumentError, match=f"^{message}"):
        make_plan(source, data, options)


def test_options_go_before_the_file_and_a_symmetry_needs_no_names(tmp_path):
    place = tmp_path / "plan.yml"
    place.write_text("model: a:b\ndata: c:d\nsymmetry: e:f\nsteps: 40\nrho: 3\n")
    plan = make_plan(str(place), "other:data", {"steps": 50, "rho": None})
    assert (plan.training.steps, plan.rule.rho, plan.data.data) == (50, 3.0, "other:data")
    place.write_text("1: 2\n")
    with pytest.raises(DataError, match=r"plan\.yml: expected keys and values, got dict"):
        make_plan(str(place), None, {})
