"""Two-stage least squares with polynomial features: the saddle point of linear players, as an estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from haar.errors import check_count, check_rate
from haar.systems.structural_equations.estimator import Estimator
from haar.systems.structural_equations.linear import Powers, linear_saddle
from haar.systems.structural_equations.tables import Problem


class TwoStageLeastSquares(Estimator):
    """Two-stage least squares on powers of the regressors, whose first stage has the same powers of the instruments.

    The first choice where the structural function is smooth: there it beats networks.

    Args:
        degree: Highest power of every column; 1 is the linear model.
        exogenous: Names or places of the columns of X that are their own instruments.
        ridge: Price of E[f^2].
        instrument_degree: Highest power of every instrument; None for `degree`. A few more make the estimate steadier:
            with as many powers of one instrument as of one regressor it has no moments.

    Attributes:
        coef_: Coefficients of the columns of X, for degree 1.
        intercept_: The constant, for degree 1.

    Raises:
        ArgumentError: On fitting, as `Estimator.fit`.

    Example:
        >>> generator = np.random.default_rng(0)
        >>> z, e = generator.normal(size=(2, 2000))
        >>> x = z + e
        >>> y = 3 * x + e  # least squares finds 3.5
        >>> TwoStageLeastSquares().fit(x, y, z).coef_.round(1)
        array([3.])
    """

    def __init__(
        self,
        degree: int = 1,
        *,
        exogenous: Sequence[str | int] = (),
        ridge: float | int = 0.0,
        instrument_degree: int | None = None,
    ) -> None:
        self.degree, self.exogenous, self.ridge = degree, exogenous, ridge
        self.instrument_degree = instrument_degree

    def _fit(self, made: Problem) -> None:
        check_count("degree", self.degree)
        check_rate("ridge", self.ridge, zero=True)
        powers = self.degree if self.instrument_degree is None else self.instrument_degree
        check_count("instrument_degree", powers, least=self.degree)
        seen = made.instruments.values
        self._powers = Powers.of(made.x.values, self.degree)
        features, instruments = self._powers(made.x.values), Powers.of(seen, powers)(seen)
        self._saddle = linear_saddle(features, instruments, made.y, self.ridge)
        if self.degree == 1:
            self.coef_ = self._saddle.primal[1:] / np.array(self._powers.scales)
            self.intercept_ = float(self._saddle.primal[0])

    def _predict(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        answer: np.ndarray = self._powers(values) @ self._saddle.primal
        return answer

    def told(self) -> Mapping[str, float]:
        """Coefficients by name, for degree 1."""
        if self.degree > 1:
            return {}
        return dict(zip(self.problem_.x.names, map(float, self.coef_), strict=True))
