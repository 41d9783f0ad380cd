"""haar audit components, haar audit --group signs, and haar data describe, as they are typed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from haar.cli.app import main

FACTORY = """
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

with np.load("rows.npz") as held:
    rows = dict(held)
fitted = make_pipeline(PCA(2), Ridge()).fit(rows["x"], rows["y"])

def made(k=2):
    return make_pipeline(PCA(k), Ridge()).fit(rows["x"], rows["y"])

def plain():
    return Ridge().fit(rows["x"], rows["y"])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "component_models", raising=False)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5))
    np.savez("rows.npz", x=x, y=x[:, 0])
    np.save("x.npy", x)
    (tmp_path / "component_models.py").write_text(FACTORY)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["components", "component_models:fitted", "rows.npz"],
        ["component_models:fitted", "rows.npz", "--group", "signs"],
        ["components", "component_models:made", "rows.npz", "--factory-arg", "k=2"],
    ],
)
def test_estimators_by_name(folder, capsys, words):
    assert main(["audit", *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "component-audit"
    assert found["changes"]["kept"]["signs"]["output"] > 0.5
    assert found["changes"]["fitted anew"]["signs"]["output"] < 1e-9


def test_rows_without_answers_and_a_report(folder, capsys):
    assert main(["audit", "components", "component_models:fitted", "x.npy", "--out", "found"]) == 0
    printed = capsys.readouterr().out
    assert "head kept: depends on signs" in printed
    assert "fitted anew" not in printed
    assert (folder / "found" / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["components", "model.pkl", "x.npy"], "MODEL: expected module:estimator, a fitted one or a function that"),
        (["components", "component_models:plain", "x.npy"], "estimator: expected a fitted pipeline with a step"),
        (["components", "component_models:nothing", "x.npy"], "MODEL"),
        (["components", "component_models:fitted", "x.npy", "--factory-arg", "k=2"], "--factory-arg: expected none"),
        (["component_models:fitted", "x.npy", "--group", "signs", "--fields", "p"], "--group signs: expected an estim"),
    ],
)
def test_one_line_says_what_is_wrong(folder, capsys, words, message):
    assert main(["audit", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_arrays_that_do_not_fit(folder, capsys):
    np.savez("wrong.npz", x=np.ones((4, 2)), y=np.ones(3))
    np.savez("other.npz", z=np.ones((4, 2)))
    for name, message in (("wrong.npz", "y: expected 4 answers"), ("other.npz", "expected arrays x and y, got z")):
        assert main(["audit", "components", "component_models:fitted", name]) == 2
        assert message in capsys.readouterr().err


def test_a_monthly_table_is_described(folder, capsys):
    (folder / "md.csv").write_text("sasdate,RPI,CPI\nTransform:,5,6\n1/1/1959,1,2\n2/1/1959,1,\n3/1/1959,2,3\n")
    assert main(["data", "describe", "md.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["series"] == {"RPI": "first difference of logs", "CPI": "second difference of logs"}
    assert found["missing"] == {"CPI": 1}
    assert main(["data", "describe", "md.csv"]) == 0
    assert "2 series, 3 months from 1959-01 to 1959-03" in capsys.readouterr().out
    assert main(["data", "describe", "rows.npz"]) == 2
    assert "expected FRED-MD's layout" in capsys.readouterr().err
