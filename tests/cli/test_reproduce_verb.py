from __future__ import annotations

import json
from typing import ClassVar

import pytest

from haar.cli.app import main
from haar.report import Section, Table
from haar.systems.effect import Bound, Effect


class Tiny:
    name = "kkan"
    title = "A tiny one"
    paper = "Nobody"
    presets: ClassVar = {"quick": {}, "full": {}}
    default_seeds: ClassVar = {"quick": 1, "full": 2}

    def __init__(self, value: float) -> None:
        self.value = value

    def measure(self, config, seed, folder, watch):  # noqa: ARG002
        with watch.stage("measuring", 1) as advance:
            advance()
        return {"value": self.value + seed}

    def effects(self, measures):
        return [Effect.measured("e", [m["value"] for m in measures], Bound(low=0), claim="it is positive", source="s")]

    def sections(self, measures):
        return [Section("More", table=Table("more", ("value",), [(m["value"],) for m in measures]))]


@pytest.fixture
def tiny(monkeypatch):
    def install(value: float) -> None:
        monkeypatch.setattr("haar.systems.recipe.load_recipe", lambda _: Tiny(value))

    return install


def test_effects_that_hold_give_0_and_a_table(tiny, tmp_path, capsys):
    tiny(1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--seeds", "2"]) == 0
    out = capsys.readouterr().out
    for piece in ("it is positive", "1.5", "1 … 2", ">= 0", "yes", "more"):
        assert piece in out
    assert "report.html" in out.replace("\n", "")  # a long folder name wraps
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "result.json").exists()


def test_an_effect_that_does_not_hold_gives_1(tiny, tmp_path, capsys):
    tiny(-1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path)]) == 1
    assert "no" in capsys.readouterr().out


def test_json_is_one_object_on_stdout(tiny, tmp_path, capsys):
    tiny(1.0)
    assert main(["reproduce", "kkan", "--out", str(tmp_path), "--json", "--first-seed", "5", "--preset", "full"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "result.json").read_text())
    assert printed["seeds"] == [5, 6]
    assert printed["preset"] == "full"
    assert {"system", "preset", "seeds", "versions", "effects", "tables"} <= set(printed)


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
