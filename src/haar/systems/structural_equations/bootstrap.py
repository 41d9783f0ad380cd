"""Intervals without a formula: rows are drawn again, and everything is fitted anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError, check_count
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.weak import said_before
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class Intervals:
    """What comes out of rows drawn again.

    Attributes:
        level: Coverage of the percentile intervals.
        draws: Number of draws.
        predictions: Low and high ends at every row that was asked about.
        coefficients: Low and high of every coefficient, for a linear structural function.
    """

    level: float
    draws: int
    predictions: Float[np.ndarray, "2 rows"]
    coefficients: Mapping[str, tuple[float, float]]


def bootstrap(
    fitted: Estimator, at: Any, *, draws: int = 200, level: float = 0.95, seed: int = 0, watch: Watch = Unwatched()
) -> Intervals:
    """Percentile intervals of a structural function: rows are drawn with replacement, and all is fitted anew.

    They hold where the estimator is near a normal one. With weak instruments it is not, and none of these intervals
    covers: use `anderson_rubin`. For a network each draw is a whole game.

    Args:
        fitted: An estimator that was fitted.
        at: Regressors at which the function is asked.
        draws: Number of draws, at least 20.
        level: Coverage.
        seed: Of the draws.
        watch: Told of every draw.

    Raises:
        ArgumentError: If it was not fitted, or a number is out of range.
    """
    check_count("draws", draws, least=20)
    if not 0 < level < 1:
        raise ArgumentError("level", expected="between 0 and 1", got=level)
    fitted.predict(at)  # refused here what would be refused in every draw
    generator, made = np.random.default_rng(seed), fitted.problem_
    answers: list[np.ndarray] = []
    numbers: dict[str, list[float]] = {}
    with watch.stage("bootstrap", draws) as tell, said_before():
        for _ in range(draws):
            again = fitted.fresh().fit_problem(made.rows(generator.integers(len(made.y), size=len(made.y))))
            answers.append(again.predict(at))
            for name, value in again.told().items():
                numbers.setdefault(name, []).append(value)
            tell()
    ends = [(1 - level) / 2, (1 + level) / 2]
    coefficients = {name: tuple(map(float, np.quantile(values, ends))) for name, values in numbers.items()}
    return Intervals(level, draws, np.quantile(answers, ends, axis=0), coefficients)  # type: ignore[arg-type]
