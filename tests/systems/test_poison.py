"""Numbers that were not finite: whatever is judged or told with them must say so, and nothing may stop at them.

A system takes part as soon as measures of it are recorded in ``tests/systems/<its folder>/measures.json``: a list with
the measures of one seed or more.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from haar.systems import SYSTEMS, claim
from haar.systems.claim import filled, judge
from haar.systems.recipe import Recipe, load_recipe
from haar.systems.sample import combined

HERE = Path(__file__).parent
RECORDED = [system for system in SYSTEMS if (HERE / system.folder / "measures.json").is_file()]
#: So many numbers are poisoned in turn, drawn from all of them; so many for tables and figures, which take longer.
JUDGED, TOLD = 100, 4
NAN = float("nan")


@cache
def recorded(folder: str) -> list[dict[str, Any]]:
    return json.loads((HERE / folder / "measures.json").read_text())


def numbers(measures: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of all numbers."""
    if isinstance(measures, (dict, list)):
        for key, value in measures.items() if isinstance(measures, dict) else enumerate(measures):
            yield from numbers(value, (*place, key))
    elif isinstance(measures, (int, float)) and not isinstance(measures, bool):
        yield place


def put(measures: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value in one place."""
    changed = copy.copy(measures)
    changed[place[0]] = value if len(place) == 1 else put(measures[place[0]], place[1:], value)
    return changed


def at(measures: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        measures = measures[key]
    return measures


def drawn(folder: str, count: int) -> list[tuple[Any, ...]]:
    places = list(numbers(recorded(folder)))
    return random.Random(folder).sample(places, min(count, len(places)))


def found(recipe: Recipe, measures: Any) -> dict[str, Any]:
    return {claim.name: claim for claim in judge(recipe.claims, measures)}


@pytest.fixture(params=RECORDED, ids=lambda system: system.name)
def system(request):
    return request.param


@pytest.fixture(autouse=True)
def intervals_once(monkeypatch):
    """One number changes few samples: the interval of each is drawn once."""
    kept = cache(combined)
    monkeypatch.setattr(claim, "combined", lambda samples: kept(tuple(samples)))


def test_recorded_measures_have_no_none_of_their_own_and_every_claim_about_them_is_judged(system):
    measures = recorded(system.folder)
    assert filled(measures, "lost") == measures
    judged = found(load_recipe(system.name), measures)
    assert judged
    assert not [name for name, claim in judged.items() if math.isnan(claim.value)]


def test_no_claim_holds_that_uses_a_number_which_is_not_finite(system):
    recipe, measures = load_recipe(system.name), recorded(system.folder)
    before, wrong = found(recipe, measures), []
    for place in drawn(system.folder, JUDGED):
        after = found(recipe, put(measures, place, None))
        held = [name for name, claim in after.items() if claim.holds and name in before]
        for value in (1e9, -1e9):
            other = found(recipe, put(measures, place, value)) if held else {}
            wrong += [(place, name) for name in held if other[name].values != before[name].values]
        assert set(after) <= set(before)
    assert wrong == []


def test_tables_and_figures_are_told_with_numbers_that_are_not_finite(system):
    recipe, measures = load_recipe(system.name), recorded(system.folder)
    whole = [section.title for section in recipe.sections(measures)]
    for place in drawn(system.folder, TOLD):
        told = recipe.sections(filled(put(measures, place, None), NAN))
        assert [section.title for section in told] == whole
        for section in told:
            if section.table is not None:
                section.table.html()


def test_measures_without_one_finite_float_are_told_and_judged(system):
    recipe, lost = load_recipe(system.name), recorded(system.folder)
    for place in numbers(lost):
        if isinstance(at(lost, place), float):  # whole numbers count or name something
            lost = put(lost, place, None)
    assert recipe.sections(filled(lost, NAN))
    before = found(recipe, recorded(system.folder))
    for name, judged in found(recipe, lost).items():
        assert not judged.holds or judged.values == before[name].values, name
