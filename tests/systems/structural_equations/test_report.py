"""The report shows the regression's bias beside, and says how far it is to be trusted."""

from __future__ import annotations

import json

import numpy as np
import pytest

from haar.errors import ArgumentError, HaarWarning
from haar.systems.structural_equations import NeuralIV, Training, TwoStageLeastSquares, report


def _data(strength=1.0, rows=2000):
    z, e = np.random.default_rng(0).normal(size=(2, rows))
    x = strength * z + e
    return x, 3 * x + e, z


def test_slopes_residuals_and_sets_are_those_of_the_linear_model():
    x, y, z = _data()
    found = report(TwoStageLeastSquares().fit(x, y, z))
    least = np.polyfit(x, y, 1)[0]
    assert found.slopes["TwoStageLeastSquares"]["X0"] == pytest.approx(3.0, abs=0.06)
    assert found.slopes["regression"]["X0"] == pytest.approx(least, rel=1e-9)
    assert list(found.slopes) == ["TwoStageLeastSquares", "regression"]
    assert found.errors["regression"] < found.errors["TwoStageLeastSquares"]
    assert found.residuals["regression"] > 10 * found.residuals["TwoStageLeastSquares"]
    assert 3.0 in found.sets
    assert f"which is {least - found.slopes['TwoStageLeastSquares']['X0']:+.4g} of bias" in found.summary
    assert "no standard errors" in found.summary
    assert "weak" not in found.summary


def test_a_network_stands_beside_a_network_and_the_linear_model(tmp_path):
    x, y, z = _data(rows=200)
    found = report(NeuralIV((8,), training=Training(steps=30, batch_size=32, every=10)).fit(x, y, z))
    assert list(found.slopes) == ["NeuralIV", "regression", "linear 2SLS"]
    assert found.to_dict()["first stages"]["X0"]["weak"] is False
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.sections()[0].table.rows) == 3
    assert len(found.sections()[0].figure.axes) == 1
    found.save_html(tmp_path / "report.html")
    assert "regression says" in (tmp_path / "report.html").read_text()


def test_weak_instruments_are_said():
    x, y, z = _data(strength=0.01, rows=200)
    with pytest.warns(HaarWarning, match="weak instruments"):
        fitted = TwoStageLeastSquares().fit(x, y, z)
    found = report(fitted)
    assert "The instruments are weak for X0" in found.summary
    assert found.sections()[1].table.rows[0][3] == "weak"


def test_two_endogenous_columns_have_a_panel_each_and_no_set():
    generator = np.random.default_rng(0)
    z = generator.normal(size=(300, 2))
    x = z + 0.3 * generator.normal(size=(300, 1))
    found = report(TwoStageLeastSquares().fit(x, x.sum(1), z))
    assert found.sets is None
    assert len(found.sections()[0].figure.axes) == 2
    assert found.slopes["TwoStageLeastSquares"] == pytest.approx({"X0": 1.0, "X1": 1.0})


def test_what_was_not_fitted_is_refused():
    with pytest.raises(ArgumentError, match="fitted: expected an estimator that was fitted, got one that was not"):
        report(TwoStageLeastSquares())
