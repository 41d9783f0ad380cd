"""The command ``haar rg``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from haar.cli.rg import app
from haar.errors import ArgumentError
from haar.systems.renormalisation.command import Order, flow, run, spectrum

SMALL = ["--seeds", "2", "--steps", "3", "--samples", "8", "--width", "4"]


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_run_prints_and_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    result = invoke("run", "--symmetry", "free, ring:shared", "--depth", "1,2", *SMALL, "--out", str(tmp_path))
    assert result.exit_code == 0
    assert "relu free, depth 2" in result.stdout
    written = json.loads((tmp_path / "result.json").read_text())
    assert len(written["measured"]) == 4
    assert written["order"]["families"] == ["free", "ring:shared"]
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("verb", ["run", "spectrum", "flow"])
def test_the_same_call_prints_the_same_bytes(verb):
    extra = {"run": [], "spectrum": ["--blocks", "100"], "flow": ["--blocks", "50", "--levels", "2"]}[verb]
    call = (verb, "--symmetry", "odd,tied", "--activation", "quadratic,linear", *SMALL, *extra, "--json")
    one, two = invoke(*call).stdout, invoke(*call).stdout
    assert one == two
    found = json.loads(one)
    assert (found["kind"], found["what"]) == ("renormalisation", verb)
    assert set(found["measured"]) == {
        "quadratic odd, depth 1",
        "quadratic tied, depth 1",
        "linear odd, depth 1",
        "linear tied, depth 1",
    }


@pytest.mark.parametrize("what", ["run", "spectrum", "flow"])
def test_what_the_verbs_tell(what, as_recorded, told_as_recorded):
    order = Order(activations=("quadratic",), families=("odd", "tied"), seeds=2, inputs=2, width=4, steps=3, samples=8)
    of = {"run": run, "spectrum": spectrum, "flow": flow}[what]
    options = {"run": {}, "spectrum": {"samples": 100}, "flow": {"law": "mixture", "steps": 2, "blocks": 50}}[what]
    report = of(order, **options)
    here = Path(__file__).parent
    as_recorded(report.to_dict(), here / f"rg_{what}.json")
    told_as_recorded(report.sections(), here / f"rg_{what}_told.json")


def test_an_order_trains_on_its_own_law():
    gauss, signs = (
        run(Order(families=("free",), seeds=1, steps=5, samples=8, train_law=law)).measured["relu free, depth 1"]
        for law in ("gauss", "rademacher")
    )
    assert gauss["nmse"].tolist() != signs["nmse"].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--symmetry", "even"], "family: expected one of free, sum, tied, full, odd, got 'even'"),
        (["run", "--symmetry", "ring:both"], "symmetry: expected a graph"),
        (["run", "--activation", "swish"], "activation: expected one of linear"),
        (["run", "--activation", ","], "activation, symmetry, depth: expected at least one of each, got none"),
        (["run", "--depth", "0"], "--depth: expected whole numbers >= 1, comma-separated, got '0'"),
        (["run", "--train-law", "cauchy"], "law: expected one of gauss"),
        (["flow", "--law", "cauchy"], "law: expected one of gauss"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        invoke(*arguments)


def test_orders_need_networks():
    with pytest.raises(ArgumentError, match="seeds, samples: expected at least 1, got 0, 512"):
        Order(seeds=0)
