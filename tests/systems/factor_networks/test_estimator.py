"""Factor networks by scikit-learn's conventions: its own checks, names and dates, windows, refusals."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from haar.errors import ArgumentError
from haar.nn.principal import nearest_orthogonal
from haar.systems.factor_networks import FAR, FAST, GFADNN, GFANN, FactorRegressor, Training

SHORT = Training(epochs=20, learning_rate=5e-3, patience=None)
KINDS = [FactorRegressor, FAR, FAST, GFANN, GFADNN]
pytestmark = pytest.mark.filterwarnings("ignore::haar.nn.principal.DegenerateCutWarning")


def drawn(rows=240, columns=20, factors=3, seed=0, loadings_seed=0):
    """Columns that three factors drive, and an answer."""
    rng = np.random.RandomState(seed)
    loadings = np.random.RandomState(1000 + loadings_seed).uniform(-1.7, 1.7, (factors, columns))
    loadings *= np.array([1.6, 1.2, 0.9, 0.7])[:factors, None]
    f = rng.uniform(-1, 1, (rows, factors))
    x = f @ loadings + 0.3 * rng.uniform(-1, 1, (rows, columns))
    return x, np.sin(2 * f[:, 0]) + f[:, -1]


def framed(x, start="2000-01-01"):
    """The same with names and months."""
    names = [f"series {place}" for place in range(x.shape[1])]
    return pd.DataFrame(x, columns=names, index=pd.date_range(start, periods=len(x), freq="MS"))


def short(kind=FAR, **options):
    return kind(training=SHORT, hidden=(16, 16), random_state=0, **options)


def test_scikit_learns_own_checks_pass():
    program = Path(__file__).parent / "estimator_program.py"
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_what_the_factors_say(kind):
    x, y = drawn(400)
    model = kind(training=Training(epochs=80, learning_rate=3e-3), hidden=(32, 32), random_state=0).fit(
        x[:300], y[:300]
    )
    assert model.n_factors_ == 3
    assert model.score(x[300:], y[300:]) > 0.8
    copied = clone(model).fit(x[:300], y[:300])
    np.testing.assert_allclose(copied.predict(x), model.predict(x), atol=1e-9)


def test_names_and_dates_come_back():
    x, y = drawn()
    frame = framed(x)
    model = short().fit(frame, y)
    factors = model.factors_(frame[:5])
    assert list(factors.columns) == ["factor 1", "factor 2", "factor 3"]
    assert factors.index.equals(frame.index[:5])
    loadings = model.loadings_()
    assert list(loadings.index) == list(frame.columns)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_allclose(loadings.to_numpy().T @ loadings.to_numpy(), np.eye(3), atol=1e-9)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"series 3": "other"}))


def test_factors_are_the_scores_of_the_training_rows():
    x, y = drawn()
    model = short(factors=3).fit(framed(x), y)
    last = int(len(x) * 0.8)  # the last fifth, in time, chooses the epoch
    scores = PCA(3, svd_solver="full").fit_transform(x[:last])
    ours = model.factors_(framed(x[:last])).to_numpy()
    for one, other in zip(ours.T, scores.T, strict=True):
        assert abs(np.corrcoef(one, other)[0, 1]) == pytest.approx(1, abs=1e-10)
    ratio = PCA(3).fit(x[:last]).explained_variance_ratio_
    np.testing.assert_allclose(model.explained_variance_ratio_, ratio, rtol=1e-9)


def test_dated_rows_are_validated_on_the_last_ones_and_never_shuffled():
    x, y = drawn()
    late = y.copy()
    late[-48:] += 100  # the last fifth of 240 rows
    dated, shuffled = short().fit(framed(x), late), short().fit(x, late)
    assert dated.history_.loss > 100 * shuffled.history_.loss


def test_training_stops_when_the_validation_loss_does_not_fall():
    x, y = drawn()
    model = FAR(training=Training(epochs=400, learning_rate=2e-2, patience=5), random_state=0).fit(x, y)
    history = model.history_
    assert history.epochs == history.best + 5 < 400
    assert history.loss == min(history.losses)


def test_rotated_columns_change_no_prediction():
    x, y = drawn()
    turn = nearest_orthogonal(torch.randn(20, 20, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    plain, turned = short().fit(x, y), short().fit(x @ turn.numpy(), y)
    np.testing.assert_allclose(turned.predict(x @ turn.numpy()), plain.predict(x), atol=1e-8)


def test_one_rescaled_column_changes_predictions():
    x, y = drawn()
    scaled = x * np.array([30.0, *np.ones(19)])
    assert np.abs(short().fit(scaled, y).predict(scaled) - short().fit(x, y).predict(x)).max() > 0.1
    pipelines = [make_pipeline(StandardScaler(), short()).fit(each, y).predict(each) for each in (x, scaled)]
    np.testing.assert_allclose(*pipelines, atol=1e-8)


def test_windows_carry_the_frame_on():
    drift = {}
    for gauge in ("align", "canonical", "none", "fixed"):
        model = short(factors=3, gauge=gauge)
        frames = []
        for seed in range(12):
            x, y = drawn(60, seed=seed)
            model.partial_fit(x, y)
            frames.append(model.components_)
        drift[gauge] = max(float(np.linalg.norm(one - other)) for one, other in itertools.pairwise(frames))
    assert drift["fixed"] == 0
    assert drift["align"] < 0.6
    assert drift["none"] > 1.5


def test_a_frame_is_forgotten_on_demand():
    x, y = drawn(60)
    once = short(factors=3).fit(x, y)
    again = short(factors=3)
    for seed in (5, 6):
        again.partial_fit(*drawn(60, seed=seed))
    again.reset_frame()
    with pytest.raises(NotFittedError):
        again.predict(x)
    again.partial_fit(x, y)
    np.testing.assert_allclose(again.components_, once.components_, atol=1e-12)


def test_unlabelled_rows_give_the_frame():
    x, y = drawn(400)
    model = short(factors=3, unlabelled=x).fit(x[:40], y[:40])
    whole = PCA(3, svd_solver="full").fit(x).components_
    np.testing.assert_allclose(np.abs(model.components_), np.abs(whole), atol=1e-9)


def test_the_gauge_of_other_rows_is_reported():
    x, y = drawn()
    model = short(factors=3).fit(x, y)
    report = model.gauge_report(drawn(seed=1)[0])
    assert report.spaces == (1, 1, 1)
    assert report.aligned < 0.3
    assert not report.degenerate
    other = model.gauge_report(drawn(seed=1, loadings_seed=1)[0])
    assert other.aligned > 1
    degenerate = short(factors=4).fit(x, y).gauge_report(x)
    assert degenerate.degenerate
    assert "The kept space itself is undetermined: eigenvalue 4 is" in degenerate.summary
    assert report.to_dict()["kind"] == "gauge"


def test_pipelines_searches_and_series():
    x, y = drawn(120)
    search = GridSearchCV(make_pipeline(StandardScaler(), short()), {"far__factors": [1, 3]}, cv=TimeSeriesSplit(2))
    search.fit(framed(x), pd.Series(y))
    assert search.best_params_ == {"far__factors": 3}


def test_the_sparse_part_finds_the_column_that_the_factors_do_not_explain():
    x, y = drawn(600)
    rest = x[:, 7] - LinearRegression().fit(PCA(3).fit_transform(x), x[:, 7]).predict(PCA(3).fit_transform(x))
    answer = y + 8 * rest
    training = Training(epochs=150, learning_rate=5e-3, patience=None)
    scores = {
        kind: kind(factors=3, training=training, hidden=(32, 32), random_state=0).fit(x[:400], answer[:400])
        for kind in (FAR, FAST)
    }
    assert scores[FAST].score(x[400:], answer[400:]) > scores[FAR].score(x[400:], answer[400:]) + 0.4


def test_pictures():
    x, y = drawn()
    model = short().fit(framed(x), y)
    assert [line.get_label() for line in model.plot_variance().axes[0].lines] == ["components", "3 taken"]
    picture = model.plot_loadings().axes[0]
    assert [text.get_text() for text in picture.get_yticklabels()][:2] == ["series 0", "series 1"]


def refused(message, x=None, y=None, **options):
    table, answer = drawn(60)
    with pytest.raises(ArgumentError, match=message):
        short(**options).fit(table if x is None else x, answer if y is None else y)


def test_missing_values_are_counted_and_named():
    frame = framed(drawn(60)[0])
    frame.iloc[3, 2] = np.nan
    frame.iloc[4:7, 5] = np.inf
    refused(
        r"X: expected no missing values, got 4 that are NaN or infinite, in 2 columns \(series 5 3, series 2 1\)", frame
    )


def test_constant_columns_are_named():
    frame = framed(drawn(60)[0])
    frame["series 4"] = 2.0
    refused(r"X: expected columns that vary, got 1 with one value only \(series 4\); drop them", frame)


def test_dates_that_fall_are_refused():
    frame = framed(drawn(60)[0])
    order = [*range(10), 11, 10, *range(12, 60)]
    refused(r"X: expected dates that rise.*got 2000-11-01 00:00:00 in row 11, after 2000-12-01", frame.iloc[order])


def test_too_few_rows_or_columns():
    x, y = drawn(60)
    refused("factors: expected at most 3, got 5 for 4 rows", x[:5], y[:5], factors=5)
    refused("factors: expected at most 20, got 21 for 20 columns", factors=21)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 0}, "factors: expected at least 1, got 0"),
        ({"gauge": "sign"}, "gauge: expected one of align, fixed, canonical, none, got 'sign'"),
        ({"kind": FactorRegressor, "encoder": "vae"}, "encoder: expected one of pca, fast, soft, deep, got 'vae'"),
        ({"kind": FactorRegressor, "head": "tree"}, "head: expected one of mlp, additive, got 'tree'"),
        (
            {"kind": FactorRegressor, "head": "additive", "observed": True},
            "head: expected 'mlp' beside observed columns",
        ),
        ({"kind": GFANN, "factors": 17}, "factors: expected at most 16, the hidden units before them, got 17"),
    ],
)
def test_options_are_refused_by_name(options, message):
    refused(message, **options)


def test_no_loadings_where_factors_are_not_linear():
    model = short(GFANN).fit(*drawn(60))
    with pytest.raises(ArgumentError, match="encoder: expected linear factors for loadings, got 'deep'"):
        model.loadings_()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"batch_size": 1}, "batch_size: expected at least 2, got 1"),
        ({"validation": 1.0}, "validation: expected a share of at least 0, below 1, got 1.0"),
        ({"patience": 0}, "patience: expected at least 1, got 0"),
        ({"weight_decay": -1.0}, "weight_decay: expected a number of at least 0, got -1.0"),
    ],
)
def test_plans_are_refused_by_name(option, message):
    with pytest.raises(ArgumentError, match=message):
        Training(**option)
