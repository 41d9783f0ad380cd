"""Seeds measured by workers, and all systems in one page."""

from __future__ import annotations

import json
import os
import re
import sys

import pytest

from haar.cli.app import main
from haar.errors import HaarError
from haar.sweeps import Workers
from haar.systems import everything
from haar.systems.catalogue import SYSTEMS
from haar.systems.claim import Claim
from haar.systems.combined import AllResults, SystemResult
from haar.systems.everything import reproduce_all
from haar.systems.recipe import Recipe
from haar.systems.runner import measure_in_worker, plan, reproduce, versions
from haar.watch import Unwatched

COIN = """
import os

from haar.systems.claim import Claim
from haar.systems.recipe import Recipe


def measure(config, seed, folder, watch):
    with watch.stage("throws", 1) as advance:
        advance()
    return {"share": 0.5 + seed / 100, "process": os.getpid()}


RECIPE = Recipe(
    name="coin",
    title="A coin",
    paper="Nobody",
    presets={"quick": {}, "full": {}},
    default_seeds={"quick": 3, "full": 3},
    measure=measure,
    claims=(Claim("fair", "it is fair", "folklore", lambda m: m["share"], at_least=0.4, at_most=0.6),),
    sections=lambda measures: [],
)
"""


@pytest.fixture
def coin(tmp_path, monkeypatch):
    """A recipe in a module that workers find too."""
    (tmp_path / "its_coin.py").write_text(COIN)
    monkeypatch.syspath_prepend(tmp_path)
    paths = [str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    sys.modules.pop("its_coin", None)
    import its_coin

    yield its_coin.RECIPE
    sys.modules.pop("its_coin", None)


def test_workers_measure_what_one_process_measures_in_the_same_folders(coin, tmp_path):
    swept = reproduce(coin, out=tmp_path / "swept", seeds=2, workers=Workers.parse("local:2"))
    plain = reproduce(coin, out=tmp_path / "plain", seeds=2)
    assert swept.claims == plain.claims
    folders = [{path.name for path in (tmp_path / kind / "runs").iterdir()} for kind in ("swept", "plain")]
    assert folders[0] == folders[1]
    files = [{path.name for path in (tmp_path / kind / "runs").glob("*/*")} for kind in ("swept", "plain")]
    assert files[0] == files[1] == {"configuration.json", "measures.json"}
    by = [
        {json.loads(path.read_text())["measures"]["process"] for path in (tmp_path / kind / "runs").glob("*/mea*")}
        for kind in ("swept", "plain")
    ]
    assert by[1] == {os.getpid()}
    assert len(by[0]) == 2
    assert os.getpid() not in by[0]


def test_a_worker_with_other_versions_or_other_code_is_refused(coin, tmp_path):
    (seed,) = plan(coin, out=tmp_path, seeds=1)
    other = {**versions(), "torch": "1.0"}
    with pytest.raises(HaarError, match=r"worker: expected torch 1\.0, as where the sweep was started, got "):
        measure_in_worker(seed, other, Unwatched())
    object.__setattr__(seed, "code", "0" * 12)
    with pytest.raises(HaarError, match="worker: the code that measures coin is not that of where the sweep was"):
        measure_in_worker(seed, versions(), Unwatched())
    assert not seed.finished.exists()


def recipes(monkeypatch, values):
    """Some systems of the catalogue, each with one number; None for one that cannot be run."""

    def load(name):
        if values[name] is None:
            message = f"{name}: needs what is not installed"
            raise HaarError(message)
        return Recipe(
            name=name,
            title=f"About {name}",
            paper="Nobody",
            presets={"quick": {}, "full": {}},
            default_seeds={"quick": 3, "full": 3},
            measure=lambda *given: {"value": values[name] + given[1]},
            claims=(Claim("e", f"{name} is positive", "s", lambda m: m["value"], at_least=0),),
            sections=lambda _: [],
        )

    some = tuple(system for system in SYSTEMS if system.name in values)
    monkeypatch.setattr("haar.systems.everything.load_recipe", load)
    monkeypatch.setattr("haar.systems.everything.SYSTEMS", some)


def test_all_systems_have_one_page_with_verdicts_and_links(monkeypatch, tmp_path, capsys):
    recipes(monkeypatch, {"group-averaging": 1.0, "sign-equivariance": -0.5, "intertwiners": -9.0})
    assert main(["reproduce", "--all", "--out", str(tmp_path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [one["system"] for one in told["systems"]] == ["group-averaging", "sign-equivariance", "intertwiners"]
    assert [one["claims"][0]["verdict"] for one in told["systems"]] == ["holds", "open", "contradicted"]
    page = (tmp_path / "report.html").read_text()
    for one in told["systems"]:
        assert f'<a href="{one["page"]}">' in page
        assert (tmp_path / one["page"]).is_file()
        assert f"{one['system']} is positive" in page
    assert json.loads((tmp_path / "result.json").read_text()) == told


def test_a_system_that_cannot_be_run_is_listed_and_the_others_go_on(monkeypatch, tmp_path, capsys):
    recipes(monkeypatch, {"group-averaging": None, "intertwiners": 1.0})
    assert main(["reproduce", "--all", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith(
        "haar: 1 system has no result: group-averaging: group-averaging: needs what is not installed\n"
    )
    told = json.loads((tmp_path / "result.json").read_text())
    assert [(one["fault"], len(one["claims"])) for one in told["systems"]] == [
        ("group-averaging: needs what is not installed", 0),
        (None, 1),
    ]
    page = (tmp_path / "report.html").read_text()
    assert "group-averaging: needs what is not installed" in page
    assert re.findall(r'href="([^"]*)"', page) == ["intertwiners/report.html"]


def test_the_page_counts_verdicts_and_gives_reasons_only_where_there_are_some(monkeypatch, tmp_path):
    recipes(monkeypatch, {"group-averaging": 1.0, "sign-equivariance": -0.5, "intertwiners": -9.0})
    found = reproduce_all(out=tmp_path)
    assert found.summary == "Of 3 claims 1 hold, 1 are open, 1 are contradicted."
    systems, *others = found.sections()
    assert systems.table.columns[-1] == "report"
    assert [row[2:] for row in systems.table.rows] == [
        [3, 1, 0, 0, "group-averaging/report.html"],
        [3, 0, 1, 0, "sign-equivariance/report.html"],
        [3, 0, 0, 1, "intertwiners/report.html"],
    ]
    assert [section.table.rows[0][0] for section in others] == [
        f"{name} is positive" for name in ("group-averaging", "sign-equivariance", "intertwiners")
    ]
    recipes(monkeypatch, {"group-averaging": 1.0, "intertwiners": None})
    some = reproduce_all(out=tmp_path / "some")
    assert some.summary.endswith(" are contradicted. Without a result: intertwiners.")
    (systems, _) = some.sections()
    assert list(systems.table.columns[-2:]) == ["report", "without a result because"]
    assert [row[2:] for row in systems.table.rows] == [
        [3, 1, 0, 0, "group-averaging/report.html", None],
        [None, None, None, None, None, "intertwiners: needs what is not installed"],
    ]


def test_with_workers_the_seeds_of_all_go_together_and_what_did_not_come_is_told(monkeypatch, tmp_path):
    recipes(monkeypatch, {"group-averaging": 1.0, "sign-equivariance": 2.0, "intertwiners": None})
    asked = {}

    def swept(parts, workers, folder, **more):
        asked.update(more, parts=len(parts), workers=workers, folder=folder)
        for one in plan(group_averaging, out=tmp_path / "group-averaging", seeds=2):
            one.measures(Unwatched())

    group_averaging = everything.load_recipe("group-averaging")
    monkeypatch.setattr(everything, "sweep", swept)
    workers = Workers.parse("local:2")
    found = reproduce_all(out=tmp_path, seeds=2, workers=workers, told=print)
    folder = tmp_path / "jobs"
    assert asked == {"parts": 4, "workers": workers, "folder": folder, "told": print, "keep_going": True}
    assert [one.fault for one in found.results] == [
        "", "seeds 0, 1 failed: see jobs/sweep.json", "intertwiners: needs what is not installed"
    ]  # fmt: skip


def test_a_reason_of_other_words_is_no_link(monkeypatch, tmp_path):
    """Columns of addresses take any text without a colon for one."""
    recipes(monkeypatch, {"group-averaging": 1.0})
    shown = AllResults("quick", [SystemResult(SYSTEMS[0], None, "seeds 0 failed")])
    shown.save_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "seeds 0 failed" in page
    assert not re.findall(r'href="[^"]*seeds', page)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "NAME: expected a system's name, or --all, got neither"),
        (["intertwiners", "--all"], "NAME: expected a system's name, or --all, got intertwiners and --all"),
        (["--all", "--data", "x"], "--data: expected none beside --all, got x; give one system's name"),
        (["intertwiners", "--workers", "two"], "--workers: expected local:4, or slurm:PARTITION"),
    ],
)
def test_what_does_not_go_together_is_refused(words, told, tmp_path, capsys):
    assert main(["reproduce", *words, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"haar: {told}")
