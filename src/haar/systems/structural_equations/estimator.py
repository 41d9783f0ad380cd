"""What the estimators share: scikit-learn's manners, a check at the door, predictions in the user's units."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError, require
from haar.systems.structural_equations.tables import Columns, Problem, columns, problem
from haar.systems.structural_equations.weak import warn_of_weak

E = TypeVar("E", bound="Estimator")


class Estimator(ABC):
    """A structural function that is fitted as ``fit(X, y, Z)``.

    X has all regressors of the structural function; those named in ``exogenous`` are their own instruments, the others
    are endogenous. Z has the excluded instruments. Options are kept as they are given, so that `sklearn.base.clone`,
    ``get_params`` and ``set_params`` work; what is fitted ends with an underscore. Data frames keep their names.
    """

    exogenous: Sequence[str | int]

    @classmethod
    def _options(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 (scikit-learn's signature)
        """The options by name."""
        del deep
        return {name: getattr(self, name) for name in self._options()}

    def set_params(self: E, **params: Any) -> E:  # noqa: PYI019 (beartype knows no Self)
        """Change options; the estimator itself.

        Raises:
            ArgumentError: If there is no option of this name.
        """
        known = self._options()
        for name, value in params.items():
            if name not in known:
                raise ArgumentError("params", expected=f"options among {', '.join(known)}", got=repr(name))
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """With what was given."""
        defaults = inspect.signature(type(self)).parameters
        given = [f"{k}={v!r}" for k, v in self.get_params().items() if v is not defaults[k].default]
        return f"{type(self).__name__}({', '.join(given)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks: a regressor that needs an outcome."""
        tags = require("sklearn.utils", "econometrics")
        return tags.Tags(
            estimator_type="regressor",
            target_tags=tags.TargetTags(required=True),
            regressor_tags=tags.RegressorTags(),
        )

    def fit(self: E, X: Any, y: Any, Z: Any = None) -> E:  # noqa: PYI019
        """Fit.

        Args:
            X: Regressors of the structural function, a row a sample: a data frame, an array or a tensor.
            y: The outcome.
            Z: The excluded instruments.

        Returns:
            The estimator itself.

        Raises:
            ArgumentError: If there is no excluded instrument, or fewer than endogenous regressors; if columns depend on
                each other (which are named), the outcome is constant, or an option is out of range.
            DataError: If a number is missing or not finite.
        """
        return self.fit_problem(problem(X, y, Z, self.exogenous))

    def fit_problem(self: E, made: Problem) -> E:  # noqa: PYI019 (beartype knows no Self)
        """Fit to what was checked before, such as some rows of it.

        Args:
            made: The problem.

        Returns:
            The estimator itself.
        """
        self._accept(made)
        self._fit(made)
        return self

    def fresh(self: E) -> E:  # noqa: PYI019 (beartype knows no Self)
        """Another one with the same options, not fitted."""
        return type(self)(**self.get_params())

    def _accept(self, made: Problem) -> None:
        """Keep what was fitted to; warn of weak instruments."""
        self.problem_ = made
        self.n_features_in_ = len(made.x.names)
        if made.x.named:
            self.feature_names_in_ = np.array(made.x.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.first_stage_ = warn_of_weak(made)

    @abstractmethod
    def _fit(self, made: Problem) -> None:
        """Fit to a problem that was checked."""

    @abstractmethod
    def _predict(self, values: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        """The structural function."""

    def predict(self, X: Any) -> Float[np.ndarray, " rows"]:
        """The structural function, in the units of y.

        Args:
            X: Regressors, with the columns that it was fitted with.

        Raises:
            ArgumentError: If it was not fitted, or the columns are others.
        """
        self._check_fitted("predict")
        return self._predict(self._known(X).values)

    def _check_fitted(self, verb: str) -> None:
        if not hasattr(self, "problem_"):
            raise ArgumentError(verb, expected="an estimator that was fitted", got="one that was not")

    def _known(self, given: Any) -> Columns:
        """Columns that must be those of the fit; a data frame's are put in order."""
        fitted = self.problem_.x
        named = fitted.named and hasattr(given, "columns")
        if named:
            missing = [name for name in fitted.names if name not in map(str, given.columns)]
            if missing:
                raise ArgumentError("X", expected=f"columns {', '.join(fitted.names)}", got=f"no {', '.join(missing)}")
            given = given[[name for name in given.columns if str(name) in fitted.names]]
        table = columns("X", given)
        if len(table.names) != len(fitted.names):
            raise ArgumentError("X", expected=f"{len(fitted.names)} columns", got=len(table.names))
        return table.take([table.names.index(name) for name in fitted.names]) if named else table

    def residual(self, X: Any, y: Any) -> Float[np.ndarray, " rows"]:
        """y - f(X)."""
        outcome: np.ndarray = columns("y", y).values[:, 0] - self.predict(X)
        return outcome

    def told(self) -> Mapping[str, float]:
        """Numbers to be shown beside others, by name."""
        return {}
