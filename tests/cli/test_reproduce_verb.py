from __future__ import annotations

import json

import pytest

from haar.cli.app import main
from haar.report import Section, Table
from haar.systems.claim import Claim
from haar.systems.recipe import Recipe


def tiny_recipe(value: float) -> Recipe:
    def measure(config, seed, folder, watch):
        with watch.stage("measuring", 1) as advance:
            advance()
        return {"value": value + seed}

    return Recipe(
        name="kkan",
        title="A tiny one",
        paper="Nobody",
        presets={"quick": {}, "full": {}},
        default_seeds={"quick": 1, "full": 2},
        measure=measure,
        claims=(Claim("e", "it is positive", "s", lambda m: m["value"], at_least=0),),
        sections=lambda ms: [Section("More", table=Table("more", ("value",), [(m["value"],) for m in ms]))],
    )


@pytest.fixture
def tiny(monkeypatch):
    def install(value: float) -> None:
        monkeypatch.setattr("haar.systems.recipe.load_recipe", lambda _: tiny_recipe(value))

    return install


def test_claims_that_hold_give_0_and_a_table(tiny, tmp_path, capsys):
    tiny(1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--seeds", "3"]) == 0
    out = capsys.readouterr().out
    for piece in ("it is positive", "2", "1 … 3", ">= 0", "holds", "more"):
        assert piece in out
    assert "report.html" in out.replace("\n", "")  # a long folder name wraps
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "result.json").exists()


def test_a_claim_that_is_contradicted_gives_1(tiny, tmp_path, capsys):
    tiny(-3.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--seeds", "3"]) == 1
    assert "contradicted" in capsys.readouterr().out


def test_a_claim_that_is_open_gives_0_and_is_told(tiny, tmp_path, capsys):
    tiny(-0.5)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--seeds", "3"]) == 0
    assert "open" in capsys.readouterr().out


def test_json_is_one_object_on_stdout(tiny, tmp_path, capsys):
    tiny(1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--json", "--first-seed", "5", "--preset", "full"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "result.json").read_text())
    assert printed["seeds"] == [5, 6]
    assert printed["preset"] == "full"
    assert {"system", "preset", "seeds", "versions", "claims", "tables"} <= set(printed)


def test_everything_goes_to_out_name_by_default(tiny, tmp_path, monkeypatch, capsys):
    tiny(1.0)
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", "kkan"]) == 0
    assert (tmp_path / "out" / "kkan" / "result.json").exists()
    assert "out/kkan/report.html" in capsys.readouterr().out


def test_an_unknown_preset_is_refused(tiny, tmp_path, capsys):
    tiny(1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--preset", "huge"]) == 2
    assert "preset: expected one of quick, full, got 'huge'" in capsys.readouterr().err
