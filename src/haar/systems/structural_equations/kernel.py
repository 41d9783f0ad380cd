"""Both players in balls of functions: the saddle point in closed form, as an estimator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError, check_rate
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.residual import gaussian_kernel, median_distance, projected_residual
from haar.systems.structural_equations.tables import Problem

#: Prices of f's norm that are tried where none is given.
RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
#: Part of the rows that the choice is made on.
_HELD_OUT = 0.375
#: Rows that are answered at once.
_ROWS = 2000


class KernelIV(Estimator):
    """The minimax estimator with both players in reproducing-kernel balls, Gaussian kernels on standardised columns.

    With Q = K_z (K_z + n l_u I)^-1 the structural function is K_x a, where (Q K_x + n l_f I) a = Q y. It is sensitive
    to l_f, and the held-out choice fails now and then.

    Args:
        exogenous: Names or places of the columns of X that are their own instruments.
        ridge: l_f, the price of f's norm; None: chosen among six by the projected residual on held-out rows.
        dual_ridge: l_u, the price of u's norm.
        width: Of the kernels, in median distances between rows.
        seed: Of the split that the choice is made on.

    Attributes:
        ridge_: The price that was used.

    Raises:
        ArgumentError: On fitting, as `Estimator.fit`.

    Source: Dikkala et al., Minimax estimation of conditional moment models, arXiv 2006.07201, section 4.
    """

    def __init__(
        self,
        *,
        exogenous: Sequence[str | int] = (),
        ridge: float | int | None = None,
        dual_ridge: float | int = 1e-3,
        width: float | int = 0.5,
        seed: int = 0,
    ) -> None:
        self.exogenous, self.ridge, self.dual_ridge = exogenous, ridge, dual_ridge
        self.width, self.seed = width, seed

    def _fit(self, made: Problem) -> None:
        check_rate("ridge", self.ridge)
        for name in ("dual_ridge", "width"):
            check_rate(name, getattr(self, name))
        self.ridge_ = float(self._chosen(made) if self.ridge is None else self.ridge)
        self._solution = _Solution(made, self.ridge_, float(self.dual_ridge), float(self.width))

    def _chosen(self, made: Problem) -> float:
        rows = np.random.default_rng(self.seed).permutation(len(made.y))
        held = int(_HELD_OUT * len(rows))
        if held < 1 or len(rows) - held < 1:
            raise ArgumentError("X", expected="rows to choose ridge on", got=len(rows), way_out="give ridge")
        used, seen = made.rows(rows[held:]), made.rows(rows[:held])
        first = _Solution(used, RIDGES[0], float(self.dual_ridge), float(self.width))
        scores = [
            projected_residual(seen.y - first.again(ridge)(seen.x.values), seen.instruments.values) for ridge in RIDGES
        ]
        return RIDGES[int(np.argmin(scores))]

    def _predict(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        return self._solution(values)


class _Solution:
    """One solution; another price of f's norm costs one more linear system."""

    def __init__(self, made: Problem, ridge: float, dual_ridge: float, width: float) -> None:
        rows = len(made.y)
        self._mean, deviation = made.x.values.mean(0), made.x.values.std(0)
        self._scale = np.where(deviation > 0, deviation, 1.0)
        self._x = (made.x.values - self._mean) / self._scale
        seen = made.instruments.values
        z = (seen - seen.mean(0)) / np.where(seen.std(0) > 0, seen.std(0), 1.0)
        self._width = width * median_distance(self._x)
        kernel = gaussian_kernel(self._x, self._x, self._width)
        other = gaussian_kernel(z, z, width * median_distance(z))
        self._level = float(made.y.mean())
        right = np.column_stack([kernel, made.y - self._level])
        projected = other @ np.linalg.solve(other + rows * dual_ridge * np.eye(rows), right)
        self._left, self._right = projected[:, :-1], projected[:, -1]
        self._weights = self._solved(ridge)

    def _solved(self, ridge: float) -> Float[np.ndarray, " rows"]:
        rows = len(self._left)
        return np.linalg.solve(self._left + rows * ridge * np.eye(rows), self._right)

    def again(self, ridge: float) -> _Solution:
        """With another price."""
        self._weights = self._solved(ridge)
        return self

    def __call__(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        parts = [np.zeros(0)]
        for begin in range(0, len(values), _ROWS):
            some = (values[begin : begin + _ROWS] - self._mean) / self._scale
            parts.append(gaussian_kernel(some, self._x, self._width) @ self._weights)
        answer: np.ndarray = np.concatenate(parts) + self._level
        return answer
