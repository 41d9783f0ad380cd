"""The demand design: what the game, the regression and powers say of sales at prices that are set."""

from __future__ import annotations

from typing import Any

from haar.systems.structural_equations.demand import demand
from haar.systems.structural_equations.line import AVERAGED, CONSTANT, LINEAR, REGRESSION
from haar.systems.structural_equations.neural import NeuralIV, Training
from haar.systems.structural_equations.options import Tickets
from haar.systems.structural_equations.regression import NeuralRegression
from haar.systems.structural_equations.two_stage import TwoStageLeastSquares

CUBES = "2SLS, degree 3"


def learn(options: Tickets, correlation: float, seed: int) -> dict[str, Any]:
    """Mean squared errors on the grid of prices, times and kinds, over the variance of the truth.

    Args:
        options: How it is played.
        correlation: Of the errors of price and sales.
        seed: Of everything.
    """
    made = demand(options.rows, correlation=correlation, seed=seed)
    how = Training(steps=options.steps, batch_size=options.batch_size)
    hidden = options.width, options.width
    game = NeuralIV(hidden, exogenous=made.exogenous, training=how, seed=seed)
    ways = {
        AVERAGED: game,
        REGRESSION: NeuralRegression(hidden, exogenous=made.exogenous, training=how, seed=seed),
        LINEAR: TwoStageLeastSquares(exogenous=made.exogenous),
        CUBES: TwoStageLeastSquares(3, exogenous=made.exogenous),
    }
    errors = {}
    for name, way in ways.items():
        answer = way.fit(made.x, made.y, made.z).predict(made.at)
        errors[name] = [float(((answer - made.truth) ** 2).mean() / made.truth.var())]
    errors[CONSTANT] = [float(((made.y.mean() - made.truth) ** 2).mean() / made.truth.var())]
    return {"correlation": correlation, "errors": errors}
