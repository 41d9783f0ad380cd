from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, HaarError
from haar.report import Section, Table
from haar.report.drawing import new_figure
from haar.systems import SYSTEMS, find_system
from haar.systems.effect import Bound, Effect
from haar.systems.recipe import load_recipe
from haar.systems.runner import code_hash, content_hash, reproduce
from haar.watch import Unwatched


class Coin:
    """A recipe whose seeds can be made to die half-way."""

    name = "kkan"
    title = "A coin"
    paper = "Nobody, Nowhere"
    default_seeds: ClassVar = {"quick": 2, "full": 3}

    def __init__(self, low: float = 0.0):
        self.presets = {"quick": {"low": low}, "full": {"low": low, "throws": 10}}
        self.measured: list[int] = []
        self.die_at: int | None = None

    def measure(self, config, seed, folder: Path, watch):
        checkpoint = folder / "half.json"
        done = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
        with watch.stage("throwing", 2) as advance:
            if not done:
                checkpoint.write_text("1")
                advance()
            if self.die_at == seed:
                raise KeyboardInterrupt
            advance()
        self.measured.append(seed)
        return {"share": config["low"] + 0.1 * seed, "resumed": done, "lost": math.nan}

    def effects(self, measures):
        shares = [measure["share"] for measure in measures]
        return [Effect.measured("share", shares, Bound(low=0.0), claim="it is there", source="section 1")]

    def sections(self, measures):
        figure = new_figure(2, 2)
        return [
            Section("Throws", table=Table("throws", ("share",), [(m["share"],) for m in measures])),
            Section("The curve of it", figure=figure),
        ]


def test_a_run_writes_result_page_and_figures(tmp_path):
    result = reproduce(Coin(), out=tmp_path, first_seed=3)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == result.to_dict()
    assert written["seeds"] == [3, 4]
    assert set(written) >= {"kind", "schema", "system", "preset", "seeds", "versions", "effects", "tables", "holds"}
    (effect,) = written["effects"]
    assert set(effect) >= {"name", "claim", "source", "value", "spread", "bound", "holds"}
    assert effect["value"] == pytest.approx(0.35)
    assert effect["spread"] == pytest.approx([0.3, 0.4])
    assert effect["holds"] is written["holds"] is True
    assert written["tables"][0]["rows"] == [[pytest.approx(0.3)], [pytest.approx(0.4)]]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["02-the-curve-of-it.png"]
    assert "1 of 1 effects hold" in (tmp_path / "report.html").read_text()


def test_finished_seeds_are_skipped_and_killed_ones_resume(tmp_path):
    recipe = Coin()
    recipe.die_at = 1
    with pytest.raises(KeyboardInterrupt):
        reproduce(recipe, out=tmp_path)
    assert not (tmp_path / "result.json").exists()
    recipe.die_at = None
    result = reproduce(recipe, out=tmp_path)
    assert recipe.measured == [0, 1]
    measures = [json.loads(path.read_text())["measures"] for path in tmp_path.glob("runs/*/measures.json")]
    assert sorted(measure["resumed"] for measure in measures) == [0, 1]
    again = Coin()
    assert reproduce(again, out=tmp_path).to_dict() == result.to_dict()
    assert again.measured == []


def test_another_configuration_is_measured_anew(tmp_path):
    reproduce(Coin(), out=tmp_path)
    other = Coin(low=0.5)
    reproduce(other, out=tmp_path)
    assert other.measured == [0, 1]


def test_what_is_not_finite_reaches_the_recipe_as_none(tmp_path):
    seen = []

    class Watching(Coin):
        def effects(self, measures):
            seen.extend(measure["lost"] for measure in measures)
            return super().effects(measures)

    reproduce(Watching(), out=tmp_path)
    assert seen == [None, None]


def test_an_effect_that_does_not_hold_is_named(tmp_path):
    result = reproduce(Coin(low=-0.05), out=tmp_path)
    assert not result.holds
    assert "0 of 1 effects hold" in result.summary
    assert "Not: share." in result.summary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "huge"}, "preset: expected one of quick, full, got 'huge'"),
        ({"seeds": 0}, "seeds: expected at least 1, got 0"),
        ({"first_seed": -1}, "first_seed: expected a number that is not negative, got -1"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, message):
    with pytest.raises(ArgumentError, match=message):
        reproduce(Coin(), out=tmp_path, **options)


values = st.lists(st.floats(-10, 10), min_size=1, max_size=7)


@given(values, st.floats(-10, 10))
def test_an_effect_holds_in_every_seed_or_in_the_middle(numbers, low):
    every = Effect.measured("e", numbers, Bound(low=low), claim="c", source="s")
    middle = Effect.measured("e", numbers, Bound(low=low), claim="c", source="s", in_every_seed=False)
    assert every.holds == (min(numbers) >= low)
    assert middle.holds == (middle.value >= low)
    assert middle.holds or not every.holds
    assert every.spread == (min(numbers), max(numbers))


def test_a_missing_value_never_holds():
    effect = Effect.measured("e", [1.0, None], Bound(low=0), claim="c", source="s", in_every_seed=False)
    assert not effect.holds
    assert math.isnan(effect.value)
    assert not Bound(high=1).holds(math.nan)


def test_bounds_speak():
    assert [str(Bound(high=0.5)), str(Bound(low=1)), str(Bound(low=0, high=1))] == ["<= 0.5", ">= 1", "in [0, 1]"]
    with pytest.raises(ArgumentError, match="bound: expected a least or a greatest value, got neither"):
        Bound()
    with pytest.raises(ArgumentError, match="bound: expected low <= high, got 2 > 1"):
        Bound(low=2, high=1)
    with pytest.raises(ArgumentError, match="values: expected one value a seed, got none"):
        Effect.measured("e", [], Bound(low=0), claim="c", source="s")


def test_hashes_tell_configurations_and_systems_apart():
    assert content_hash({"seed": 0}) != content_hash({"seed": 1})
    assert code_hash("group-averaging") == code_hash("group-averaging")
    assert code_hash("group-averaging") != code_hash("kkan")


def test_fifteen_systems_and_their_state():
    assert len({system.name for system in SYSTEMS}) == 15
    assert (
        find_system("group-averaging").built
        == (Path(sys.modules["haar.systems"].__file__).parent / "group_averaging" / "recipe.py").exists()
    )


def test_every_built_recipe_is_a_recipe():
    for system in SYSTEMS:
        if system.built:
            recipe = load_recipe(system.name)
            assert recipe.name == system.name
            assert {"quick", "full"} <= set(recipe.presets) == set(recipe.default_seeds)
            for preset in recipe.presets.values():
                assert json.loads(json.dumps(preset)) == preset


def test_an_unknown_system_gets_the_nearest_name():
    with pytest.raises(ArgumentError, match=r"NAME: expected the name of a system, got 'group-average'; did you mean"):
        find_system("group-average")
    with pytest.raises(ArgumentError, match="haar systems lists them"):
        find_system("zzzz")


def test_a_system_without_recipe_is_refused(monkeypatch):
    monkeypatch.setattr("haar.systems.catalogue.System.built", False)
    with pytest.raises(HaarError, match="kkan: not built yet, so there is nothing to reproduce; built so far: none"):
        load_recipe("kkan")


def test_the_catalogue_does_not_import_torch():
    code = "import sys, haar.systems; print([s.built for s in haar.systems.SYSTEMS]); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_nobody_need_watch():
    with Unwatched().stage("a", 1) as advance:
        assert advance() is None
