"""Linear players: their saddle is two-stage least squares and its relatives, on made data and on wages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from haar.saddle import Saddle
from haar.systems.structural_equations import ConditionalMoment, TwoStageLeastSquares, linear_saddle, wages
from haar.systems.structural_equations.exactness import equations, linear_games
from haar.systems.structural_equations.linear import Powers, saddle_value

F64 = torch.float64


def _data(rows=60, instruments=4):
    generator = np.random.default_rng(1)
    z = generator.normal(size=(rows, instruments))
    e = generator.normal(size=rows)
    x = z[:, :2] + z[:, 2:3] + e[:, None]
    return x, x @ np.array([1.0, -2.0]) + e, z


def _projector(z):
    return z @ np.linalg.inv(z.T @ z) @ z.T


def test_the_saddle_is_two_stage_least_squares():
    x, y, z = _data()
    projected = _projector(z) @ x
    expected = np.linalg.inv(projected.T @ x) @ projected.T @ y
    found = linear_saddle(x, z, y)
    assert found.primal == pytest.approx(expected, abs=1e-10)
    assert z @ found.dual == pytest.approx(_projector(z) @ (x @ expected - y), abs=1e-10)


def test_with_as_many_instruments_it_is_the_iv_estimator_and_with_its_own_features_least_squares():
    x, y, z = _data()
    just = z[:, :2]
    assert linear_saddle(x, just, y).primal == pytest.approx(np.linalg.inv(just.T @ x) @ just.T @ y, abs=1e-10)
    assert linear_saddle(x, x, y).primal == pytest.approx(np.linalg.inv(x.T @ x) @ x.T @ y, abs=1e-10)


@pytest.mark.parametrize("ridge", [0.1, 2.0])
def test_with_a_ridge_it_is_the_closed_form(ridge):
    x, y, z = _data()
    q, n = _projector(z), len(y)
    expected = np.linalg.inv(x.T @ q @ x / n + ridge * x.T @ x / n) @ x.T @ q @ y / n
    assert linear_saddle(x, z, y, ridge).primal == pytest.approx(expected, abs=1e-10)


def test_no_player_gains_by_leaving_it():
    x, y, z = _data()
    ridge, found = 0.3, linear_saddle(x, z, y, 0.3)
    value = saddle_value(x @ found.primal, z @ found.dual, y, ridge)
    generator = np.random.default_rng(2)
    for _ in range(20):
        step = 0.1 * generator.normal(size=2)
        assert saddle_value(x @ found.primal, z @ (found.dual + 0.1 * generator.normal(size=4)), y, ridge) < value
        moved = x @ (found.primal + step)
        answer = np.linalg.lstsq(z, moved - y, rcond=None)[0]
        assert saddle_value(moved, z @ answer, y, ridge) > value


def test_the_objective_of_a_game_is_the_value():
    x, y, z = _data()
    f, u = nn.Linear(2, 1, bias=False, dtype=F64), nn.Linear(4, 1, bias=False, dtype=F64)
    batch = torch.tensor(x), torch.tensor(y)[:, None], torch.tensor(z)
    for ridge in (0.0, 0.7):
        expected = saddle_value(x @ f.weight.detach().numpy()[0], z @ u.weight.detach().numpy()[0], y, ridge)
        assert ConditionalMoment(ridge)(f, u, batch).item() == pytest.approx(expected, rel=1e-12)


def test_a_game_of_plain_steps_ends_there():
    generator = np.random.default_rng(3)
    z = np.linalg.qr(generator.normal(size=(90, 3)))[0] * 90**0.5
    x = z[:, :2] + 0.3 * z[:, 2:]
    y = x @ np.array([1.0, -2.0]) + generator.normal(size=90)
    f, u = nn.Linear(2, 1, bias=False, dtype=F64), nn.Linear(3, 1, bias=False, dtype=F64)
    optimizers = [torch.optim.SGD(each.parameters(), lr=0.1) for each in (f, u)]
    game = Saddle(f, u, ConditionalMoment(0.2), optimizers=optimizers, averaging=None)
    batch = torch.tensor(x), torch.tensor(y)[:, None], torch.tensor(z)
    for _ in range(700):
        game.step(batch)
    assert f.weight.detach().numpy()[0] == pytest.approx(linear_saddle(x, z, y, 0.2).primal, abs=1e-12)


def test_small_numbers_of_the_recipe_are_exact():
    for name, apart in linear_games(5).items():
        assert apart < 1e-12, name


@pytest.mark.referee
def test_wages_are_those_of_linearmodels_and_of_the_literature():
    found = equations(3200)
    for name, equation in found.items():
        assert equation["apart"] < 1e-8, name
        assert equation["played"] < 1e-8, name
    assert found["card"]["least squares"] == pytest.approx(0.07401, abs=5e-6)
    assert found["card"]["two stages"] == pytest.approx(0.16085, abs=5e-6)
    assert found["card"]["rows"] == 3010
    assert found["mroz"]["rows"] == 428


@pytest.mark.referee
def test_coefficients_have_the_names_of_the_table():
    given = wages("mroz")
    fitted = TwoStageLeastSquares(exogenous=given.exogenous).fit(given.x, given.y, given.z)
    assert list(fitted.told()) == ["educ", "exper", "expersq"]
    assert fitted.predict(given.x.iloc[:4]) == pytest.approx(
        given.x.iloc[:4].to_numpy() @ fitted.coef_ + fitted.intercept_, rel=1e-12
    )
    assert np.array_equal(fitted.predict(given.x[["exper", "expersq", "educ"]]), fitted.predict(given.x))


def test_powers_are_of_scaled_columns_and_never_more_than_values():
    values = np.array([[2.0, 0.0], [-4.0, 1.0], [1.0, 1.0]])
    powers = Powers.of(values, 2)
    assert powers.degrees == (2, 1)
    assert powers(values) == pytest.approx(np.array([[1, 0.5, 0.25, 0], [1, -1, 1, 1], [1, 0.25, 0.0625, 1]]))
