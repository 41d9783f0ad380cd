"""Linear players: the saddle point in closed form, which is two-stage least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Matrix = Float[np.ndarray, "rows features"]


@dataclass(frozen=True)
class LinearSaddle:
    """The saddle point of linear players.

    Attributes:
        primal: Coefficients of f on its features.
        dual: Coefficients of u on its own: the projected residual.
    """

    primal: Float[np.ndarray, " features"]
    dual: Float[np.ndarray, " instruments"]


def linear_saddle(
    features: Matrix,
    instruments: Float[np.ndarray, "rows instruments"],
    outcome: Float[np.ndarray, " rows"],
    ridge: float | int = 0.0,
) -> LinearSaddle:
    """The saddle point of E[(f - Y) u - u^2 / 2] + ridge / 2 E[f^2] over f and u linear in given features.

    It is (P + ridge M)^-1 features^T Q y / n with Q the projector on the instruments, P = features^T Q features / n and
    M = features^T features / n. Without a ridge this is two-stage least squares with these instruments as its first
    stage; with as many instruments as features the instrumental-variable estimator; with the features as their own
    instruments least squares.

    Args:
        features: Of the primal.
        instruments: Features of the dual.
        outcome: Y.
        ridge: The price of E[f^2].

    Example:
        >>> x = np.array([[1.0], [2.0], [4.0]])
        >>> linear_saddle(x, x, np.array([2.0, 4.0, 8.0])).primal
        array([2.])
    """
    basis = np.linalg.qr(instruments)[0]
    projected, target = basis.T @ features, basis.T @ outcome
    if ridge:
        rows = np.vstack([projected, np.sqrt(float(ridge)) * features])
        primal = np.linalg.lstsq(rows, np.concatenate([target, np.zeros(len(features))]), rcond=None)[0]
    else:
        primal = np.linalg.lstsq(projected, target, rcond=None)[0]
    dual = np.linalg.lstsq(instruments, features @ primal - outcome, rcond=None)[0]
    return LinearSaddle(primal, dual)


def saddle_value(
    fitted: Float[np.ndarray, " rows"],
    played: Float[np.ndarray, " rows"],
    outcome: Float[np.ndarray, " rows"],
    ridge: float | int = 0.0,
) -> float:
    """The objective at given values of both players: E[(f - Y) u - u^2 / 2] + ridge / 2 E[f^2]."""
    value = (fitted - outcome) @ played - played @ played / 2 + float(ridge) / 2 * fitted @ fitted
    return float(value / len(outcome))


def with_constant(values: Matrix) -> Float[np.ndarray, "rows more"]:
    """A column of ones before the others."""
    return np.hstack([np.ones((len(values), 1)), values])


@dataclass(frozen=True)
class Powers:
    """Powers of every column, scaled to at most 1, with a constant.

    Attributes:
        scales: Of the columns.
        degrees: Highest power of each; never as many as it has values.
    """

    scales: tuple[float, ...]
    degrees: tuple[int, ...]

    @classmethod
    def of(cls, values: Matrix, degree: int) -> Powers:
        """As the data allow: a column of two values has no square of its own."""
        scales = tuple(float(max(abs(column).max(), np.finfo(float).tiny)) for column in values.T)
        return cls(scales, tuple(min(degree, len(np.unique(column)) - 1) for column in values.T))

    def __call__(self, values: Matrix) -> Float[np.ndarray, "rows powers"]:
        """The features of some rows."""
        made = [np.ones((len(values), 1))]
        for column, scale, degree in zip(values.T, self.scales, self.degrees, strict=True):
            made += [((column / scale) ** power)[:, None] for power in range(1, degree + 1)]
        return np.hstack(made)
