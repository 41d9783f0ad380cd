"""Estimators keep scikit-learn's manners, find what they are made for, and say what they cannot."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn.base
import sklearn.utils
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import SO, cyclic
from haar.systems.structural_equations import (
    KernelIV,
    NeuralIV,
    NeuralRegression,
    Training,
    TwoStageLeastSquares,
    bootstrap,
    choose,
    projected_residual,
)

BRIEF = Training(steps=40, batch_size=32, every=10)
KINDS = {
    "two stages": TwoStageLeastSquares,
    "kernel": KernelIV,
    "network": lambda **options: NeuralIV((8,), training=BRIEF, **options),
    "regression": lambda **options: NeuralRegression((8,), training=BRIEF, **options),
}


def _data(rows=120, seed=0, function=lambda x: 2 * x):
    generator = np.random.default_rng(seed)
    z, e = generator.uniform(-3, 3, size=rows), generator.normal(size=rows)
    x = z + e
    return x[:, None], function(x) + e, z[:, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_manners_of_scikit_learn(kind):
    x, y, z = _data()
    made = KINDS[kind]()
    given = made.get_params()
    assert made.fit(x, y, z) is made
    assert made.get_params() == given  # fitting changes no option
    assert made.n_features_in_ == 1
    assert not hasattr(made, "feature_names_in_")
    answer = made.predict(x)
    assert answer.shape == (120,)
    assert answer.dtype == np.float64
    again = sklearn.base.clone(made)
    assert not hasattr(again, "problem_")
    assert np.array_equal(again.fit(x, y, z).predict(x), answer)  # the same bits
    assert np.array_equal(made.fit(x, y, z).predict(x), answer)  # fitted anew
    assert np.array_equal(pickle.loads(pickle.dumps(made)).predict(x), answer)
    assert np.allclose(made.fit(torch.tensor(x), y[:, None], pd.DataFrame(z)).predict(x[:, 0]), answer)
    assert sklearn.base.is_regressor(made)
    assert sklearn.utils.get_tags(made).target_tags.required
    assert made.set_params(exogenous=()) is made
    with pytest.raises(ArgumentError, match=r"params: expected options among .*, got 'degre'"):
        made.set_params(degre=3)


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_kept_and_columns_put_in_order(kind):
    x, y, z = _data()
    frame = pd.DataFrame({"price": x[:, 0], "age": np.random.default_rng(1).normal(size=120)})
    made = KINDS[kind](exogenous=["age"]).fit(frame, pd.Series(y, name="sales"), pd.DataFrame({"cost": z[:, 0]}))
    assert made.feature_names_in_.tolist() == ["price", "age"]
    assert made.problem_.instruments.names == ("age", "cost")
    answer = made.predict(frame)
    assert np.array_equal(made.predict(frame[["age", "price"]]), answer)
    assert np.array_equal(made.predict(frame.assign(other="x")), answer)
    assert np.array_equal(made.predict(frame.to_numpy()), answer)
    with pytest.raises(ArgumentError, match="X: expected columns price, age, got no age"):
        made.predict(frame[["price"]])
    with pytest.raises(ArgumentError, match="X: expected 2 columns, got 1"):
        made.predict(frame[["price"]].to_numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_before_fitting_there_is_nothing_to_predict(kind):
    with pytest.raises(ArgumentError, match="predict: expected an estimator that was fitted, got one that was not"):
        KINDS[kind]().predict(np.zeros((2, 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_without_instruments_nothing_is_fitted(kind):
    x, y, _ = _data()
    with pytest.raises(ArgumentError, match=r"Z: expected at least one excluded instrument, got none; fit\(X, y, Z\)"):
        KINDS[kind]().fit(x, y)


def test_units_are_the_users_own():
    x, y, z = _data(400)
    for made in (TwoStageLeastSquares(3), KernelIV(ridge=1e-3), NeuralIV((8,), training=BRIEF)):
        one = made.fit(x, y, z).predict(x)
        moved = made.fresh().fit(1000 + 50 * x, -7 + 300 * y, 0.01 * z).predict(1000 + 50 * x)
        assert moved == pytest.approx(-7 + 300 * one, rel=1e-2, abs=2.0)


def test_the_linear_estimator_finds_what_least_squares_does_not():
    x, y, z = _data(4000)
    fitted = TwoStageLeastSquares().fit(x, y, z)
    assert fitted.coef_[0] == pytest.approx(2.0, abs=0.05)
    assert fitted.predict(x) == pytest.approx(fitted.coef_[0] * x[:, 0] + fitted.intercept_)
    least = np.polyfit(x[:, 0], y, 1)[0]
    assert least > 2.2
    with pytest.raises(ArgumentError, match="degree: expected at least 1, got 0"):
        TwoStageLeastSquares(0).fit(x, y, z)
    with pytest.raises(ArgumentError, match="instrument_degree: expected at least 3, got 2"):
        TwoStageLeastSquares(3, instrument_degree=2).fit(x, y, z)


def test_the_kernel_estimator_is_its_closed_form():
    x, y, z = _data(60)
    fitted = KernelIV(ridge=0.01, dual_ridge=0.02, width=1.0).fit(x, y, z)
    one, other = ((table - table.mean()) / table.std() for table in (x[:, 0], z[:, 0]))

    def gram(values):
        apart = abs(values[:, None] - values[None, :])
        width = np.median(apart[np.triu_indices(60, 1)])
        return np.exp(-(apart**2) / (2 * width**2))

    k, kz = gram(one), gram(other)
    q = kz @ np.linalg.inv(kz + 60 * 0.02 * np.eye(60))
    a = np.linalg.solve(k @ q @ k + 60 * 0.01 * k + 1e-12 * np.eye(60), k @ q @ (y - y.mean()))
    assert fitted.predict(x) == pytest.approx(k @ a + y.mean(), abs=1e-3)
    assert fitted.ridge_ == 0.01
    with pytest.raises(ArgumentError, match="width: expected a number above 0, got 0"):
        KernelIV(width=0).fit(x, y, z)


def test_the_kernel_estimator_chooses_by_what_instruments_see():
    x, y, z = _data(300, function=np.sin)
    chosen = KernelIV().fit(x, y, z)
    at = np.linspace(-3, 3, 50)
    error = ((chosen.predict(at) - np.sin(at)) ** 2).mean()
    worst = ((KernelIV(ridge=1e-1).fit(x, y, z).predict(at) - np.sin(at)) ** 2).mean()
    assert error < 0.6 * worst


def test_the_game_finds_a_kink_that_the_regression_misses():
    x, y, z = _data(800, function=abs)
    how = Training(steps=300, batch_size=100)
    at = np.linspace(-3, 3, 61)
    game = NeuralIV((32, 32), training=how).fit(x, y, z)
    regression = NeuralRegression((32, 32), training=how).fit(x, y, z)
    errors = [((each.predict(at) - abs(at)) ** 2).mean() for each in (game, regression)]
    assert errors[0] < 0.5 * errors[1]
    assert game.predict_last(at).shape == (61,)
    assert game.gap(x, y, z, steps=3).value > 0
    assert len(game.game_.history) == 300


def test_a_symmetric_structural_function_is_invariant():
    generator = np.random.default_rng(0)
    z, e = generator.normal(size=(200, 2)), generator.normal(size=200)
    x = z * (1 + np.tanh(e)[:, None] / 2)
    y = np.hypot(*x.T) + e
    turns = cyclic(4)
    symmetry = Symmetry(turns, Vector(Defining(turns)), Invariant(turns))
    turned = x @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    plain = NeuralIV((8,), training=BRIEF).fit(x, y, z)
    assert abs(plain.predict(x) - plain.predict(turned)).max() > 0.01
    for given in (symmetry, (symmetry, symmetry)):
        made = NeuralIV((8,), training=BRIEF, symmetry=given).fit(x, y, z)
        assert made.predict(x) == pytest.approx(made.predict(turned), rel=1e-5, abs=1e-5)
    whole = SO(2)
    with pytest.raises(ArgumentError, match=r"symmetry: expected a finite group, got .*; average your own networks"):
        NeuralIV(symmetry=Symmetry(whole, Vector(Defining(whole)), Invariant(whole))).fit(x, y, z)
    with pytest.raises(ArgumentError, match=r"symmetry: expected a haar\.Symmetry, got str"):
        NeuralIV(symmetry="C4").fit(x, y, z)


def test_networks_of_ones_own_are_copied():
    x, y, z = _data()
    players = nn.Linear(1, 1), nn.Linear(1, 1)
    before = players[0].weight.clone()
    made = NeuralIV(players=players, training=BRIEF).fit(x, y, z)
    assert torch.equal(before, players[0].weight)
    assert not torch.equal(before, made.game_.last.weight)
    with pytest.raises(ArgumentError, match="symmetry: expected none beside players, got one"):
        NeuralIV(players=players, symmetry="C4").fit(x, y, z)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("players", "message"),
    [
        (nn.Linear(1, 1), r"players: expected a pair of modules, f\(x\) and u\(z\), got Linear"),
        ((nn.Linear(1, 2), nn.Linear(1, 1)), r"players\[0\]: .* to one column, got torch.float32 \(2, 2\) of 2 rows"),
        ((nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1), nn.Flatten(0))), r"players\[1\]: .* \(2,\) of 2 rows"),
        ((nn.Linear(2, 1), nn.Linear(1, 1)), r"players\[0\]: expected a network, 1 columns in single prec.*shapes"),
        ((nn.Linear(1, 1), nn.Linear(1, 1).double()), r"players\[1\]: .* single precision to one column, got .*dtype"),
    ],
)
def test_networks_that_do_not_answer_with_a_number_a_row_are_refused(players, message):
    for estimator in (NeuralIV, NeuralRegression):
        with pytest.raises(ArgumentError, match=message):
            estimator(players=players, training=BRIEF).fit(*_data())


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": 100}, "training: expected a Training, or None, got 100"),
        ({"hidden": "16"}, "hidden: expected a list of widths, got '16'"),
        ({"hidden": (4, 0)}, "hidden: expected at least 1, got 0"),
    ],
)
def test_options_that_are_no_design_are_refused_on_fitting(options, message):
    with pytest.raises(ArgumentError, match=message):
        NeuralIV(**options).fit(*_data())


def test_training_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match="steps: expected at least 1, got 0"):
        Training(steps=0)
    with pytest.raises(ArgumentError, match="learning_rate: expected a number above 0, got 0"):
        Training(learning_rate=0)


def test_the_projected_residual_is_what_the_kernel_sees():
    generator = np.random.default_rng(0)
    z, r = generator.normal(size=(40, 1)), generator.normal(size=40)
    scaled = (z - z.mean()) / z.std()
    apart = abs(scaled - scaled.T)
    width = np.median(apart[np.triu_indices(40, 1)] ** 2) ** 0.5 / 2
    kernel = np.exp(-(apart**2) / (2 * width**2))
    q = kernel @ np.linalg.inv(kernel + 40 * 1e-3 * np.eye(40))
    assert projected_residual(r, z) == pytest.approx(r @ q @ r / 40, rel=1e-9)


def test_the_choice_is_made_by_it_and_not_by_the_error():
    x, y, z = _data(800, function=lambda x: x**2 / 2)
    candidates = {f"degree {k}": TwoStageLeastSquares(k, instrument_degree=k + 2) for k in (1, 2)}
    candidates["regression"] = NeuralRegression((16,), training=Training(steps=400, learning_rate=0.01))
    found = choose(candidates, x, y, z)
    assert found.name == "degree 2"
    assert min(found.errors, key=found.errors.get) == "regression"
    assert found.best.n_features_in_ == 1
    assert not hasattr(candidates["degree 2"], "problem_")
    assert next(row[0] for row in found.table().rows) == "degree 2"


def test_what_cannot_be_chosen_from_is_refused():
    x, y, z = _data()
    with pytest.raises(ArgumentError, match="candidates: expected at least one, got none"):
        choose({}, x, y, z)
    with pytest.raises(ArgumentError, match=r"held_out: expected between 0 and 1, got 1\.0"):
        choose({"a": TwoStageLeastSquares()}, x, y, z, held_out=1.0)
    with pytest.raises(ArgumentError, match="candidates: expected the same exogenous columns in all"):
        choose({"a": TwoStageLeastSquares(), "b": TwoStageLeastSquares(exogenous=[0])}, x, y, z)


def test_bootstrap_intervals_cover_as_often_as_they_say():
    covered, lengths = 0, []
    for seed in range(25):
        x, y, z = _data(150, seed=seed)
        fitted = TwoStageLeastSquares().fit(x, y, z)
        found = bootstrap(fitted, np.array([[1.0]]), draws=100, level=0.8, seed=seed)
        low, high = found.coefficients["X0"]
        covered += low <= 2.0 <= high
        lengths.append(high - low)
        assert found.predictions.shape == (2, 1)
        assert found.predictions[0, 0] < found.predictions[1, 0]
    assert 14 <= covered <= 24
    z_variance, error = 3.0, 1.0
    assert np.median(lengths) == pytest.approx(2 * 1.28 * (error / z_variance / 150) ** 0.5, rel=0.3)


def test_bootstraps_out_of_range_are_refused():
    x, y, z = _data()
    fitted = TwoStageLeastSquares().fit(x, y, z)
    with pytest.raises(ArgumentError, match="draws: expected at least 20, got 5"):
        bootstrap(fitted, x, draws=5)
    with pytest.raises(ArgumentError, match=r"level: expected between 0 and 1, got 0\.0"):
        bootstrap(fitted, x, level=0.0)
    with pytest.raises(ArgumentError, match="predict: expected an estimator that was fitted"):
        bootstrap(TwoStageLeastSquares(), x)
