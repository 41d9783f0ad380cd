"""Functions of one regressor: the game beside its last iterate, the regression, and closed forms."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.systems.structural_equations.choice import choose
from haar.systems.structural_equations.kernel import RIDGES, KernelIV
from haar.systems.structural_equations.neural import Training
from haar.systems.structural_equations.options import Games
from haar.systems.structural_equations.stacked import StackedPerceptron, asked, played, regressed
from haar.systems.structural_equations.synthetic import Sets, on_a_line
from haar.systems.structural_equations.tables import problem
from haar.systems.structural_equations.two_stage import TwoStageLeastSquares
from haar.training import seed_of

Json = dict[str, Any]
RIDGE = 1e-3
AVERAGED, LAST, REGRESSION = "game, averaged", "game, last iterate", "regression"
CONSTANT, LINEAR, FIFTH, CHOSEN = "constant", "2SLS, linear", "2SLS, degree 5", "2SLS, degree chosen"
KERNEL, HINDSIGHT = "kernel, chosen", "kernel, best in hindsight"
#: Highest degree that is tried, and points of a curve that is drawn.
_DEGREES, _DRAWN = 8, 20


def learn(name: str, options: Games, seed: int, *, rivals: bool = True) -> Json:
    """Mean squared errors against the true function, a number for every data set; curves of the first.

    Args:
        name: Of the function.
        options: How it is played.
        seed: Of everything.
        rivals: Whether closed forms are fitted too.
    """
    data = on_a_line(name, options.rows, options.sets, seed)
    how = Training(steps=options.steps, batch_size=options.batch_size)

    def network(place: int) -> StackedPerceptron:
        sizes = (1, options.width, options.width, 1)
        return StackedPerceptron(options.sets, sizes, options.start, seed_of(seed, place))

    game = played(data, (network(10), network(11)), how, RIDGE, seed)
    answers: dict[str, Tensor] = {
        AVERAGED: asked(game.average(), data),
        LAST: asked(game.last, data),
        REGRESSION: asked(regressed(data, network(10), how, seed), data),
    }
    if rivals:
        answers |= closed_forms(data)
    errors = {key: data.errors(each) for key, each in answers.items()}
    curves = {key: each[::_DRAWN, 0, 0].tolist() for key, each in answers.items()}
    at, truth = data.at[::_DRAWN, 0].tolist(), data.truth[::_DRAWN].tolist()
    return {"errors": errors, "curves": curves, "at": at, "truth": truth}


def closed_forms(data: Sets) -> dict[str, Tensor]:
    """What closed forms answer, on the same rows."""
    found: dict[str, list[Tensor]] = {}
    at = data.at.double().numpy()
    for k in range(data.x.shape[1]):
        x, y, z = data.arrays(k)
        made = problem(x, y, z)
        powers = {
            f"{degree}, instruments {degree + more}": TwoStageLeastSquares(degree, instrument_degree=degree + more)
            for degree in range(1, _DEGREES + 1)
            for more in (0, 3)
        }
        kernels = [KernelIV(ridge=ridge).fit_problem(made).predict(at) for ridge in RIDGES]
        truth = data.truth.double().numpy()
        answers = {
            CONSTANT: 0 * truth + y.mean(),
            LINEAR: TwoStageLeastSquares().fit_problem(made).predict(at),
            FIFTH: TwoStageLeastSquares(5).fit_problem(made).predict(at),
            CHOSEN: choose(powers, x, y, z).best.predict(at),
            KERNEL: KernelIV().fit_problem(made).predict(at),
            HINDSIGHT: min(kernels, key=lambda answer: float(((answer - truth) ** 2).mean())),
        }
        for name, answer in answers.items():
            found.setdefault(name, []).append(torch.from_numpy(answer)[:, None])
    return {name: torch.stack(each, 1) for name, each in found.items()}
