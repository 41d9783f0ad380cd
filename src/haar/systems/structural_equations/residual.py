"""By what structural functions are chosen: not their error against the outcome, but what instruments see of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

#: Price of the norm of the projection, for every row.
_RIDGE = 1e-3
#: Rows from which a kernel's width is measured.
_MEASURED = 500


def gaussian_kernel(
    one: Float[np.ndarray, "rows columns"], other: Float[np.ndarray, "others columns"], width: float | int
) -> Float[np.ndarray, "rows others"]:
    """exp(-|a - b|^2 / (2 width^2)).

    Example:
        >>> gaussian_kernel(np.zeros((1, 1)), np.ones((1, 1)), 1.0).round(4)
        array([[0.6065]])
    """
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    found: np.ndarray = np.exp(-np.maximum(squares, 0) / (2 * float(width) ** 2))
    return found


def median_distance(values: Float[np.ndarray, "rows columns"]) -> float:
    """The median distance between two of (at most 500 of) the rows."""
    some = values[:: max(1, len(values) // _MEASURED)]
    squares = (some**2).sum(1)[:, None] + (some**2).sum(1) - 2 * some @ some.T
    found = float(np.sqrt(np.maximum(np.median(squares[np.triu_indices(len(some), 1)]), 0)))
    return found or 1.0


def projected_residual(
    residual: Float[np.ndarray, " rows"],
    instruments: Float[np.ndarray, "rows columns"],
    *,
    ridge: float | int = _RIDGE,
) -> float:
    """r^T Q r / n with Q = K (K + n ridge I)^-1: how much of a residual the instruments see, on held-out rows.

    A structural function leaves nothing that they see; a regression does. The error against the outcome is smaller for
    the regression, which is why nothing may be chosen by it.

    Args:
        residual: Y - f(X).
        instruments: Z with all that is exogenous.
        ridge: Smooths the projection.

    Example:
        >>> z = np.linspace(-1, 1, 100)[:, None]
        >>> seen, unseen = np.sin(3 * z[:, 0]), np.where(np.arange(100) % 2, 1.0, -1.0)
        >>> projected_residual(seen, z) > 20 * projected_residual(unseen, z)
        True
    """
    scaled = standardised(instruments)
    kernel = gaussian_kernel(scaled, scaled, median_distance(scaled) / 2)
    weights = np.linalg.solve(kernel + len(kernel) * float(ridge) * np.eye(len(kernel)), residual)
    return float(residual @ (kernel @ weights)) / len(residual)


def standardised(values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """Columns of mean 0 and deviation 1; a constant one is 0."""
    deviation = values.std(0)
    found: np.ndarray = (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)
    return found
