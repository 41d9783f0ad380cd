from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haar.errors import ArgumentError, HaarError
from haar.report import Section, Table
from haar.report.drawing import new_figure
from haar.systems import SYSTEMS, find_system
from haar.systems.claim import Claim
from haar.systems.experiment import options
from haar.systems.recipe import Recipe, load_recipe
from haar.systems.runner import content_hash, reproduce
from haar.watch import Unwatched


class Coin:
    """An experiment whose seeds can be made to die half-way."""

    def __init__(self, low: float = 0.0):
        self.low = low
        self.measured: list[int] = []
        self.die_at: int | None = None
        self.told: list[Any] = []

    def recipe(self, **changes) -> Recipe:
        known = {
            "name": "kkan",
            "title": "A coin",
            "paper": "Nobody, Nowhere",
            "presets": {"quick": {"low": self.low}, "full": {"low": self.low, "throws": 10}},
            "default_seeds": {"quick": 2, "full": 3},
            "measure": self.measure,
            "claims": (Claim("share", "it is there", "section 1", lambda m: m["share"], at_least=0.0),),
            "sections": self.sections,
        }
        return Recipe(**known | changes)

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
        return {"share": config["low"] + 0.1 * seed, "resumed": done, "lost": math.inf}

    def sections(self, measures):
        self.told += measures
        figure = new_figure(2, 2)
        return [
            Section("Throws", table=Table("throws", ("share",), [(m["share"],) for m in measures])),
            Section("The curve of it", figure=figure),
        ]


def test_a_run_writes_result_page_and_figures(tmp_path):
    result = reproduce(Coin().recipe(), out=tmp_path, seeds=3, first_seed=3)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == result.to_dict()
    assert written["seeds"] == [3, 4, 5]
    assert set(written) >= {
        "kind",
        "schema",
        "system",
        "preset",
        "seeds",
        "versions",
        "claims",
        "effects",
        "tables",
        "holds",
    }
    (claim,) = written["claims"]
    keys = {"name", "claim", "source", "reported", "value", "low", "high", "bound", "verdict", "values", "units"}
    assert set(claim) == keys
    assert (claim["value"], claim["low"], claim["high"]) == pytest.approx((0.4, 0.3, 0.5))
    assert (claim["bound"], claim["verdict"]) == (">= 0", "holds")
    (effect,) = written["effects"]
    assert set(effect) >= {"name", "claim", "source", "value", "spread", "bound", "holds"}
    assert effect["value"] == pytest.approx(0.4)
    assert effect["spread"] == pytest.approx([0.3, 0.5])
    assert effect["holds"] is written["holds"] is True
    assert written["tables"][0]["rows"] == [[pytest.approx(0.3)], [pytest.approx(0.4)], [pytest.approx(0.5)]]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["02-the-curve-of-it.png"]
    assert "1 of 1 claims hold" in (tmp_path / "report.html").read_text()


def test_finished_seeds_are_skipped_and_killed_ones_resume(tmp_path):
    coin = Coin()
    coin.die_at = 1
    with pytest.raises(KeyboardInterrupt):
        reproduce(coin.recipe(), out=tmp_path)
    assert not (tmp_path / "result.json").exists()
    coin.die_at = None
    result = reproduce(coin.recipe(), out=tmp_path)
    assert coin.measured == [0, 1]
    measures = [json.loads(path.read_text())["measures"] for path in tmp_path.glob("runs/*/measures.json")]
    assert sorted(measure["resumed"] for measure in measures) == [0, 1]
    again = Coin()
    assert reproduce(again.recipe(), out=tmp_path).to_dict() == result.to_dict()
    assert again.measured == []


def test_another_configuration_is_measured_anew(tmp_path):
    reproduce(Coin().recipe(), out=tmp_path)
    other = Coin(low=0.5)
    reproduce(other.recipe(), out=tmp_path)
    assert other.measured == [0, 1]


def test_what_is_not_finite_is_kept_as_none_leaves_its_claim_open_and_is_told_as_nan(tmp_path):
    coin = Coin()
    claims = (Claim("lost", "it is small", "section 1", lambda m: m["lost"], at_most=1.0),)
    result = reproduce(coin.recipe(claims=claims), out=tmp_path)
    kept = [json.loads(path.read_text())["measures"]["lost"] for path in tmp_path.glob("runs/*/measures.json")]
    assert kept == [None, None]
    assert [claim.verdict for claim in result.claims] == ["open"]
    assert all(math.isnan(m["lost"]) for m in coin.told)
    assert json.loads((tmp_path / "result.json").read_text())["claims"][0]["value"] is None


def test_claims_that_do_not_hold_are_named(tmp_path):
    claims = (
        Claim("low", "-", "-", lambda m: m["share"], at_least=0.0),
        Claim("high", "-", "-", lambda m: m["share"], at_least=1.0),
    )
    result = reproduce(Coin(low=-0.05).recipe(claims=claims), out=tmp_path, seeds=3)
    assert not result.holds
    assert result.contradicted
    assert "**0 of 2 claims hold**" in result.summary
    assert "Contradicted: high. Open: low." in result.summary
    result = reproduce(Coin(low=-0.05).recipe(claims=claims[:1]), out=tmp_path, seeds=3)
    assert not result.holds
    assert not result.contradicted


def test_a_recipe_says_what_is_wrong_with_it():
    with pytest.raises(ArgumentError, match="default_seeds: expected one number for each of quick, full, got quick"):
        Coin().recipe(default_seeds={"quick": 1})
    claim = Coin().recipe().claims[0]
    with pytest.raises(ArgumentError, match="claims: expected a name of its own for each, got 'share' twice"):
        Coin().recipe(claims=(claim, claim))


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
        reproduce(Coin().recipe(), out=tmp_path, **options)


def test_hashes_tell_configurations_apart():
    assert content_hash({"seed": 0}) != content_hash({"seed": 1})


def test_seventeen_systems_and_their_state():
    assert len({system.name for system in SYSTEMS}) == 17
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


class Understood(Exception):  # noqa: N818 - no error: what is waited for
    """A preset has passed."""


@pytest.mark.parametrize("name", [system.name for system in SYSTEMS])
def test_every_preset_is_understood_to_the_last_word_before_anything_is_measured(name, tmp_path, monkeypatch):
    recipe = load_recipe(name)

    def understood(kind, preset):
        options(kind, preset)
        raise Understood

    monkeypatch.setattr(sys.modules[recipe.measure.__module__], "options", understood)
    for preset in recipe.presets.values():
        with pytest.raises(Understood):
            recipe.measure(preset, 0, tmp_path, Unwatched())
        with pytest.raises(ArgumentError, match="got 'nowhere'"):
            recipe.measure({**preset, "nowhere": 1}, 0, tmp_path, Unwatched())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [system.name for system in SYSTEMS])
def test_sources_are_what_a_reader_has(name):
    """A section is one of a paper that is named; of our own runs nobody has one, nor anybody's notes."""
    for claim in load_recipe(name).claims:
        assert claim.source.strip(), claim.name
        assert not re.search(r"\bspec\b|\bour\b[^;]*\bsection\b", claim.source), (claim.name, claim.source)


@pytest.mark.parametrize("name", [system.name for system in SYSTEMS])
def test_no_two_claims_read_alike(name):
    """Reports and pages show a claim by its words; one that begins with dots goes on from the last that does not."""
    whole, told = "", []
    for claim in load_recipe(name).claims:
        goes_on = claim.claim.startswith("...")
        told.append((f"{whole} {claim.claim}" if goes_on else claim.claim, str(claim.bound)))
        whole = whole if goes_on else claim.claim
    assert {words for words in told if told.count(words) > 1} == set()


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


def test_figures_are_numbered_and_named_by_title_or_caption(tmp_path):
    def sections(_):
        figure = new_figure(2, 2)
        return [
            Section("", figure=figure, caption="Errors of all: 50 % & more!"),
            Section("A title that is longer than forty characters", figure=figure, caption="not this"),
        ]

    reproduce(Coin().recipe(sections=sections), out=tmp_path)
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["01-errors-of-all-50-more.png", "02-a-title-that-is-longer-than-forty-charac.png"]


def test_a_seed_is_kept_beside_all_that_its_numbers_depend_on(tmp_path):
    reproduce(Coin(low=0.25).recipe(), out=tmp_path, seeds=1, first_seed=7)
    (run,) = (tmp_path / "runs").iterdir()
    configuration = json.loads((run / "configuration.json").read_text())
    assert run.name == content_hash(configuration)
    assert len(run.name) == 12
    assert {**configuration, "versions": None, "code": None} == {
        "system": "kkan", "config": {"low": 0.25}, "seed": 7, "versions": None, "code": None,
    }  # fmt: skip
    assert set(configuration["versions"]) == {"haar", "torch", "numpy", "python"}
    assert len(configuration["code"]) == 12
    assert json.loads((run / "measures.json").read_text())["configuration"] == configuration


def test_the_presets_own_number_of_seeds_and_everyone_who_watches(tmp_path, told):
    watch = told()
    result = reproduce(Coin().recipe(), out=tmp_path, preset="full", watch=watch)
    assert result.seeds == (0, 1, 2)
    assert watch.stages == [("throwing", 2)] * 3
    assert reproduce(Coin().recipe(), out=tmp_path, preset="full", seeds=1).seeds == (0,)


def test_one_seed_is_measured_by_one_run_at_a_time(tmp_path):
    coin = Coin()

    def measure(*_):
        return reproduce(Coin().recipe(measure=measure), out=tmp_path, seeds=1).to_dict()

    with pytest.raises(HaarError, match="out"):
        reproduce(coin.recipe(measure=measure), out=tmp_path, seeds=1)


def test_presets_that_read_published_data_are_told_where_they_are(tmp_path, monkeypatch):
    seen = []

    def measure(config, *_):
        seen.append(config)
        return {"share": 1.0}

    recipe = Coin().recipe(
        measure=measure,
        presets={"quick": {"low": 0.0}, "full": {"needs_data": True}},
    )
    with pytest.raises(ArgumentError, match="data: expected the published files that preset 'full' reads, got nothing"):
        reproduce(recipe, out=tmp_path, preset="full")
    with pytest.raises(ArgumentError, match=r"data: expected a file or folder that exists, got .*nowhere"):
        reproduce(recipe, out=tmp_path, preset="full", data=tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="data: expected nothing: preset 'quick' makes its own data, got "):
        reproduce(recipe, out=tmp_path, data=tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    reproduce(recipe, out=tmp_path / "out", preset="full", seeds=1, data=Path("there"))
    assert seen == [{"needs_data": True, "data": str((tmp_path / "there").resolve())}]


def test_a_result_in_words_and_as_a_table(tmp_path):
    claims = (
        Claim("low", "it is there", "section 1", lambda m: m["share"], at_least=0.0, reported=".31"),
        Claim("high", "it is large", "section 2", lambda m: m["share"], at_least=0.25),
        Claim("huge", "it is huge", "section 3", lambda m: m["share"], at_most=0.0),
    )
    result = reproduce(Coin().recipe(claims=claims), out=tmp_path, seeds=3, first_seed=2)
    assert result.summary == (
        "**1 of 3 claims hold** over 3 seeds, preset `quick`. Contradicted: huge. Open: high.\n\nNobody, Nowhere"
    )
    assert not result.holds
    assert result.contradicted
    table = result.claims_table()
    assert table.rows == [
        ("it is there", "section 1", ".31", pytest.approx(0.3), "0.2 … 0.4", ">= 0", "holds"),
        ("it is large", "section 2", "-", pytest.approx(0.3), "0.2 … 0.4", ">= 0.25", "open"),
        ("it is huge", "section 3", "-", pytest.approx(0.3), "0.2 … 0.4", "<= 0", "contradicted"),
    ]
    assert table.columns == ("claim", "source", "paper", "here", "interval", "bound", "verdict")
    assert (table.title, table.verdicts) == ("A coin", ("verdict",))
    assert table.note.startswith("seeds 2, 3, 4; intervals (95 %) are over seeds and the independent units within them")
    assert result.footer.startswith("haar ")
    assert result.footer.count(" · ") == 3
    one = reproduce(Coin().recipe(claims=claims[:1]), out=tmp_path, seeds=1)
    assert one.summary.startswith("**0 of 1 claims hold** over 1 seed, preset `quick`. Open: low.\n")
    assert not one.holds
    assert not one.contradicted
    assert [section.title for section in one.sections()] == [
        "What is claimed, and what came out", "Throws", "The curve of it",
    ]  # fmt: skip
