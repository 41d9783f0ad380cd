"""What is exact: closed forms beside games, modes on the bilinear game, a Bellman equation whose answer is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from haar.errors import require
from haar.saddle import Saddle
from haar.systems.structural_equations.bellman import Chain, QTable, bellman_residual, closed_form
from haar.systems.structural_equations.linear import linear_saddle, saddle_value, with_constant
from haar.systems.structural_equations.objective import ConditionalMoment
from haar.systems.structural_equations.tables import Problem, problem
from haar.systems.structural_equations.two_stage import TwoStageLeastSquares
from haar.systems.structural_equations.wages import NAMES, wages
from haar.systems.structural_equations.weak import anderson_rubin, said_before
from haar.training import seed_of

Json = dict[str, Any]
_F64 = torch.float64
_ROWS = 200


def linear_games(seed: int) -> Json:
    """Closed forms against each other and against a game played to its end.

    Args:
        seed: Of the data.
    """
    generator = np.random.default_rng(seed_of(seed, 3))
    z = generator.normal(size=(_ROWS, 3))
    error = generator.normal(size=_ROWS)
    x = z[:, :2] @ generator.normal(size=(2, 2)) + z[:, 2:] + 0.5 * error[:, None]
    y = x @ np.array([1.0, -2.0]) + error
    first = z @ np.linalg.lstsq(z, x, rcond=None)[0]
    two_stages = np.linalg.lstsq(first, y, rcond=None)[0]
    saddle = linear_saddle(x, z, y)
    ridge, projector = 0.3, z @ np.linalg.pinv(z)
    closed = np.linalg.solve(x.T @ projector @ x + ridge * x.T @ x, x.T @ projector @ y)
    inverse = np.linalg.solve(z[:, :2].T @ x, z[:, :2].T @ y)
    return {
        "two stages": float(abs(saddle.primal - two_stages).max()),
        "just identified": float(abs(linear_saddle(x, z[:, :2], y).primal - inverse).max()),
        "least squares": float(abs(linear_saddle(x, x, y).primal - np.linalg.lstsq(x, y, rcond=None)[0]).max()),
        "ridge": float(abs(linear_saddle(x, z, y, ridge).primal - closed).max()),
        "played": _played(x, z, y, saddle.primal),
        "inner maximum": _inner_maximum(generator),
    }


def _wage_game(made: Problem, coefficients: np.ndarray, steps: int) -> float:
    """Distance of a game on scaled columns from the closed form.

    The objective knows nothing of the data but their second moments, so a triangle stands for thousands of rows.
    """
    rows = len(made.y)
    table = np.column_stack([with_constant(made.x.values), with_constant(made.instruments.values), made.y])
    triangle = np.linalg.qr(table)[1]
    columns = len(made.x.names) + 1
    x, z, y = triangle[:, :columns], triangle[:, columns:-1], triangle[:, -1]
    found = _game_of((x, z, y), rows, 0.95, steps)
    return float(abs(found[1:] - coefficients).max())


def _played(x: np.ndarray, z: np.ndarray, y: np.ndarray, primal: np.ndarray) -> float:
    """Distance of a game of plain steps from the closed form."""
    return float(abs(_game_of((x, z, y), len(y), 0.1, 4000) - primal).max())


def _game_of(data: tuple[np.ndarray, np.ndarray, np.ndarray], rows: int, rate: float, steps: int) -> np.ndarray:
    """The coefficients of a game of plain steps from zero, on uncorrelated columns of size 1."""
    x, z, y = data
    white, instruments = (
        columns @ np.linalg.inv(np.linalg.cholesky(columns.T @ columns / rows)).T for columns in (x, z)
    )
    turn = np.linalg.lstsq(white, x, rcond=None)[0]
    scale = len(y) / rows  # the mean is over fewer rows than there were
    f, u = (nn.Linear(columns.shape[1], 1, bias=False, dtype=_F64) for columns in (white, instruments))
    players = f, u
    for each in players:
        nn.init.zeros_(each.weight)
    optimizers = [torch.optim.SGD(each.parameters(), lr=rate * scale) for each in players]
    game = Saddle(f, u, ConditionalMoment(), optimizers=optimizers, averaging=None)
    batch = tuple(torch.tensor(table, dtype=_F64) for table in (white, y[:, None], instruments))
    for _ in range(steps):
        game.step(batch)
    found: np.ndarray = np.linalg.solve(turn, f.weight.detach().numpy()[0])
    return found


def _inner_maximum(generator: np.random.Generator) -> float:
    """With a dual for every value of Z the inner maximum is half the mean square of the mean residuals."""
    z, residual = generator.integers(4, size=_ROWS), generator.normal(size=_ROWS)
    hot = np.eye(4)[z]
    dual = np.linalg.lstsq(hot, residual, rcond=None)[0]
    value = saddle_value(residual, hot @ dual, np.zeros(_ROWS))
    groups = [residual[z == k] for k in range(4)]
    return abs(float(value - sum(len(group) * group.mean() ** 2 for group in groups) / (2 * _ROWS)))


class _Number(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=_F64))


def bilinear(rate: float, steps: int) -> Json:
    """The distance from the saddle of min over x, max over y of x y, step by step, in every mode.

    Args:
        rate: Of plain steps.
        steps: How many.
    """
    found: Json = {"rate": rate, "sizes": {}}
    for mode in ("simultaneous", "alternating", "extragradient", "optimistic"):
        players = _Number(1.0), _Number(0.5)
        optimizers = [torch.optim.SGD(each.parameters(), lr=rate) for each in players]
        game = Saddle(*players, _product, mode, optimizers=optimizers, averaging=None)
        sizes = [math.hypot(*(each.value.item() for each in players))]
        for _ in range(steps):
            game.step(None)
            sizes.append(math.hypot(*(each.value.item() for each in players)))
        found["sizes"][mode] = sizes
    growth, contraction = math.sqrt(1 + rate**2), math.sqrt(1 - rate**2 + rate**4)
    found["growth"] = _worst_factor(found["sizes"]["simultaneous"], growth)
    found["contraction"] = _worst_factor(found["sizes"]["extragradient"], contraction)
    found["optimistic"] = found["sizes"]["optimistic"][-1] / found["sizes"]["optimistic"][0]
    return found


def _product(x: Any, y: Any, _: Any) -> Tensor:
    return x.value * y.value  # type: ignore[no-any-return]


def _worst_factor(sizes: Sequence[float], factor: float) -> float:
    return max(abs(after / before / factor - 1) for before, after in pairwise(sizes))


def chain(rows: int, steps: int, seed: int) -> Json:
    """What a policy is worth on a chain of five states: without noise to rounding, and from transitions of another.

    Args:
        rows: Number of transitions.
        steps: Turns of the game.
        seed: Of the transitions.
    """
    world = Chain()
    size, truth = (world.states, 2), world.value()
    seen = world.transitions(rows, seed=seed_of(seed, 4))
    players = QTable(*size), QTable(*size)
    optimizers = [torch.optim.SGD(each.parameters(), lr=5.0) for each in players]
    objective = bellman_residual(world.discount)
    game = Saddle(*players, objective, "extragradient", optimizers=optimizers, averaging=None)
    for _ in range(steps):
        game.step(seen)
    learned, closed = players[0].values.detach(), closed_form(seen, world.discount, *size)

    def relative(q: Tensor) -> float:
        return float((q - truth).norm() / truth.norm())

    constant = seen.reward.mean() / (1 - world.discount)
    return {
        "exact": relative(closed_form(world.whole(), world.discount, *size)),
        "learned": relative(learned),
        "apart": float((learned - closed).norm() / closed.norm()),
        "constant": relative(constant.expand_as(truth)),
        "truth": truth.tolist(),
        "found": learned.tolist(),
    }


def equations(steps: int) -> Json:
    """Schooling and wages: least squares, two stages, linearmodels' own two stages, and a game.

    Args:
        steps: Turns of the game.
    """
    found: Json = {}
    for name in NAMES:
        given = wages(name)
        made = problem(given.x, given.y, given.z, given.exogenous)
        with said_before():
            fitted = TwoStageLeastSquares(exogenous=given.exogenous).fit_problem(made)
        told = fitted.told()
        x = with_constant(made.x.values)
        least = linear_saddle(x, x, made.y).primal[1]
        reference = _reference(given)
        stage = fitted.first_stage_[made.x.names[0]]
        ends = anderson_rubin(made).pieces
        found[name] = {
            "source": given.source,
            "rows": len(made.y),
            "least squares": float(least),
            "two stages": told[made.x.names[0]],
            "apart": max(abs(told[key] - float(value)) for key, value in reference.items() if key in told),
            "played": _wage_game(made, fitted.coef_, steps),
            "f": stage.f,
            "effective": stage.effective,
            "set": [list(piece) for piece in ends],
        }
    return found


def _reference(given: Any) -> Any:
    """The coefficients of linearmodels."""
    iv = require("linearmodels.iv", "econometrics")
    exogenous = given.x[list(given.exogenous)].assign(constant=1.0)
    return iv.IV2SLS(given.y, exogenous, given.x.iloc[:, [0]], given.z).fit(cov_type="unadjusted").params
