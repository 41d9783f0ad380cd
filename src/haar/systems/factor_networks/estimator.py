"""Factor networks as estimators for tables, by scikit-learn's conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from haar.errors import ArgumentError, check_count, require
from haar.nn.principal import PCALayer, SoftPCALayer, factor_count
from haar.systems.factor_networks.networks import (
    FactorNetwork,
    FixedFactors,
    SparseThroughput,
    head_of,
    soft_encoder,
)
from haar.systems.factor_networks.report import GaugeReport, gauge_report
from haar.systems.factor_networks.table import (
    check_complete,
    check_dates,
    check_varying,
    column_names,
    is_dated,
    validation_rows,
)
from haar.systems.factor_networks.training import Training, train_network

require("sklearn", "econometrics")  # names the extra where it is missing
from sklearn.base import BaseEstimator, RegressorMixin  # noqa: E402
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data  # noqa: E402

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENCODERS = ("pca", "fast", "soft", "deep")
HEADS = ("mlp", "additive")
#: What `partial_fit` does with the signs and rotations of a new window's loadings.
WINDOW_GAUGES = ("align", "fixed", "canonical", "none")


class FactorRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression on many columns that a few factors drive.

    Columns are centred and divided by one number for all of them, so that rotations of the columns change nothing with
    the encoder ``"pca"``; to give every column the same weight, put a `StandardScaler` before it in a pipeline.

    Args:
        factors: Number of factors, or ``"ratio"``: by the largest ratio of neighbouring eigenvalues.
        encoder: ``"pca"``: scores on principal components, which training does not move; ``"fast"``: these and a sparse
            part of the rest; ``"soft"``: soft principal components of the columns; ``"deep"``: a hidden layer, then
            soft principal components.
        head: ``"mlp"``, or ``"additive"``: one perceptron for each factor.
        gauge: How `partial_fit` settles the frame of a new window: ``"align"`` turns it to the one before,
            ``"fixed"`` keeps that of the first window, ``"canonical"`` goes by the largest entry, ``"none"`` by the
            solver. It concerns the encoders with principal components.
        unlabelled: More rows without answers, which the frame is taken from; by default that of the labelled rows.
        observed: Whether the head sees the columns beside the factors.
        hidden: Hidden units of the layers of the head; the first of them also for the layer before soft components.
        training: How the network is trained, by default `Training()`.
        random_state: Seed or generator of everything random.

    Attributes:
        n_factors_: Number of factors.
        components_: Loadings, ``(factors, columns)``; with the encoder ``"deep"`` there are none.
        explained_variance_ratio_: Of the centred columns, by the principal components; not with ``"deep"``, ``"soft"``.
        eigenvalues_: Of the covariance of the columns, falling.
        network_: The network.
        history_: Validation losses.

    Source: after Guo, Cucuringu, Shestopaloff, arXiv 2502.11310 (GFANN, GFADNN), and Fan and Gu, JASA 119 (2024)
        (FAR-NN, FAST-NN).

    Example:
        >>> rng = np.random.RandomState(0)
        >>> f = rng.uniform(-1, 1, (200, 2))
        >>> x, y = f @ rng.normal(size=(2, 30)) + 0.3 * rng.normal(size=(200, 30)), np.sin(3 * f[:, 0])
        >>> model = FactorRegressor(training=Training(epochs=60), random_state=0).fit(x, y)
        >>> model.n_factors_, model.score(x, y) > 0.8
        (2, True)
    """

    def __init__(
        self,
        *,
        factors: int | str = "ratio",
        encoder: str = "pca",
        head: str = "mlp",
        gauge: str = "align",
        unlabelled: Any = None,
        observed: bool = False,
        hidden: tuple[int, ...] = (64, 64, 64),
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        self.factors, self.encoder, self.head, self.gauge = factors, encoder, head, gauge
        self.unlabelled, self.observed, self.hidden = unlabelled, observed, hidden
        self.training, self.random_state = training, random_state

    def fit(self, X: Any, y: Any) -> FactorRegressor:
        """Take the frame from the columns and train the network.

        Args:
            X: Rows are samples: a data frame or an array. With dates the last rows choose the epoch, else drawn ones.
            y: One number a row.

        Raises:
            ArgumentError: If an option is unknown, values are missing, columns constant, dates out of order, or there
                are too few rows.
        """
        self.reset_frame()
        return self._fitted(X, y, anew=True)

    def partial_fit(self, X: Any, y: Any) -> FactorRegressor:
        """Move on to the next window: its frame in the gauge of the one before, and the network trained further on it.

        Args:
            X: The window's rows, with the columns of the first.
            y: One number a row.
        """
        return self._fitted(X, y, anew=not hasattr(self, "network_"))

    def reset_frame(self) -> FactorRegressor:
        """Forget the frame of the windows before: the next one begins with its own."""
        for name in ("layer_", "network_"):
            if hasattr(self, name):
                delattr(self, name)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """One number a row.

        Args:
            X: Rows with the columns of `fit`.
        """
        x = self._rows(X)
        with torch.no_grad():
            found: Tensor = self.network_(x).to(torch.float64) * self.y_scale_ + self.y_mean_
        return found.numpy()

    def factors_(self, X: Any) -> Any:
        """The factors of every row, ``(rows, factors)``: a data frame for a data frame.

        Args:
            X: Rows with the columns of `fit`.
        """
        x = self._rows(X)
        with torch.no_grad():
            found = self.network_.encoder(x)[:, : self.n_factors_].to(torch.float64).numpy()
        return self._framed(found, getattr(X, "index", None))

    def loadings_(self) -> Any:
        """The loadings, ``(columns, factors)``: a data frame with the names of the columns if these had names.

        Raises:
            ArgumentError: With the encoder ``"deep"``, whose factors are no linear functions of the columns.
        """
        check_is_fitted(self)
        if self.encoder == "deep":
            way_out = "factors_(X) has their values"
            raise ArgumentError("encoder", expected="linear factors for loadings", got="'deep'", way_out=way_out)
        return self._framed(self.components_.T, getattr(self, "feature_names_in_", None))

    def gauge_report(self, X: Any) -> GaugeReport:
        """How far the principal components of other rows have drifted from the frame, and what they leave open.

        Args:
            X: Rows with the columns of `fit`.
        """
        check_is_fitted(self)
        x = torch.from_numpy(np.ascontiguousarray(self._checked(X)[0]))
        return gauge_report(x, self.components_held_)

    def plot_variance(self) -> Figure:
        """The share of every eigenvalue, and the number of factors that was taken."""
        from haar.systems.factor_networks.pictures import draw_variance

        check_is_fitted(self)
        return draw_variance(self.eigenvalues_, self.n_factors_)

    def plot_loadings(self) -> Figure:
        """The loadings of every factor."""
        from haar.systems.factor_networks.pictures import draw_loadings

        loadings = self.loadings_()
        names = getattr(self, "feature_names_in_", range(len(loadings)))
        return draw_loadings(np.asarray(loadings), [str(name) for name in names])

    def _fitted(self, X: Any, y: Any, *, anew: bool) -> FactorRegressor:
        training = self._check_options()
        x, y = self._checked(X, y, reset=anew, labelled=True)
        generator = check_random_state(self.random_state)
        train, kept = validation_rows(len(x), training.validation, dated=is_dated(X), generator=generator)
        seed = int(generator.randint(2**31 - 1))
        if anew:
            self._take_units(x[train], y[train])
        rows, answers = self._tensor(x), self._copied((y - self.y_mean_) / self.y_scale_)
        self._take_frame(rows[train], anew=anew)
        if anew:
            self.network_ = self._built(rows[train], torch.Generator().manual_seed(seed))
        else:
            self._renew(rows[train])
        self.history_ = train_network(
            self.network_, (rows[train], answers[train]), (rows[kept], answers[kept]), training, seed=seed
        )
        self._take_loadings()
        return self

    def _check_options(self) -> Training:
        for name, known in (("encoder", ENCODERS), ("head", HEADS), ("gauge", WINDOW_GAUGES)):
            if getattr(self, name) not in known:
                raise ArgumentError(name, expected=f"one of {', '.join(known)}", got=repr(getattr(self, name)))
        if self.factors != "ratio":
            check_count("factors", self.factors)
        if self.head == "additive" and (self.observed or self.encoder == "fast"):
            way_out = "head='mlp' takes what is no factor as well"
            raise ArgumentError("head", expected="'mlp' beside observed columns", got="'additive'", way_out=way_out)
        if not self.hidden:
            raise ArgumentError("hidden", expected="at least one layer", got=repr(self.hidden))
        for units in self.hidden:
            check_count("hidden", units)
        return Training() if self.training is None else self.training

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a network."""
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn's own checks are to know."""
        tags = super().__sklearn_tags__()
        if self.encoder == "pca":  # directions of small variance are dropped, whatever they say of the answers
            tags.regressor_tags.poor_score = True
        return tags

    def _checked(self, X: Any, y: Any = None, *, reset: bool = False, labelled: bool = False) -> tuple[np.ndarray, Any]:
        if getattr(X, "ndim", 0) == 2 and hasattr(X, "shape"):
            check_complete(X, column_names(X))
        check_dates(X)
        names = column_names(X) if getattr(X, "ndim", 0) == 2 else []
        kinds: Any = [np.float64, np.float32]
        if not labelled:
            return validate_data(self, X, dtype=kinds, reset=reset), None
        x, y = validate_data(self, X, y, dtype=kinds, reset=reset, y_numeric=True, ensure_min_samples=2)
        check_varying(x, names or column_names(x))
        return x, np.asarray(y, dtype=np.float64)

    def _take_units(self, x: np.ndarray, y: np.ndarray) -> None:
        """What all columns are divided by, and the answers."""
        self.dtype_ = torch.float32 if x.dtype == np.float32 else torch.float64
        self.x_scale_ = float(x.var(0, dtype=np.float64).mean() ** 0.5) or 1.0  # rotations leave it alone
        self.x_mean_ = x.mean(0, dtype=np.float64)
        self.y_mean_, self.y_scale_ = float(y.mean()), float(y.std()) or 1.0

    def _tensor(self, x: np.ndarray) -> Tensor:
        return self._copied((x - self.x_mean_) / self.x_scale_)

    def _copied(self, array: np.ndarray) -> Tensor:
        return torch.tensor(array, dtype=self.dtype_)  # torch's own memory: sums hang on where numpy's begins

    def _rows(self, X: Any) -> Tensor:
        check_is_fitted(self)
        return self._tensor(self._checked(X)[0])

    def _take_frame(self, rows: Tensor, *, anew: bool) -> None:
        """Eigenvalues and the frame of principal components, of the rows without answers too."""
        if self.unlabelled is not None and anew:
            extra = validate_data(self, self.unlabelled, dtype=[np.float64, np.float32], reset=False)
            rows = self._tensor(extra)
        if anew:
            self._count_factors(rows)
            self.layer_ = PCALayer(self.n_factors_, rows.shape[1]).to(self.dtype_)
        if anew or self.gauge != "fixed":
            self.layer_.fit(rows)
        if self.gauge == "none":  # the solver's own signs
            vectors = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)[2]
            self.layer_.reference.copy_(vectors[: self.n_factors_].mT)
        elif self.gauge == "canonical":
            held = self.layer_.reference
            largest = held.gather(0, held.abs().argmax(0, keepdim=True))
            held.mul_(largest.sign())
        self.layer_.eval()

    def _count_factors(self, rows: Tensor) -> None:
        squares = torch.linalg.svdvals(rows - rows.mean(0)).square() / len(rows)
        self.eigenvalues_ = squares.to(torch.float64).numpy() * self.x_scale_**2
        most = min(rows.shape[0] - 1, rows.shape[1])
        if self.factors == "ratio":
            self.n_factors_ = 1 if most < 2 else factor_count(squares[:most], most=max(1, most // 2))
        else:
            self.n_factors_ = int(self.factors)
        if self.n_factors_ > most:
            few = rows.shape[0] <= self.n_factors_
            what = f"{len(rows)} rows" if few else f"{rows.shape[1]} columns"
            raise ArgumentError("factors", expected=f"at most {most}", got=f"{self.n_factors_} for {what}")

    def _built(self, rows: Tensor, generator: torch.Generator) -> FactorNetwork:
        k, columns, hidden = self.n_factors_, rows.shape[1], tuple(self.hidden)
        inputs = k + (columns if self.observed else 0)
        if self.encoder in ("pca", "fast"):
            encoder: torch.nn.Module = FixedFactors(self.layer_)
            if self.encoder == "fast":
                encoder = SparseThroughput(encoder, rows, k, generator)
                inputs += k
        else:
            before = hidden[:1] if self.encoder == "deep" else ()
            if before and k > before[0]:
                raise ArgumentError("factors", expected=f"at most {before[0]}, the hidden units before them", got=k)
            encoder = soft_encoder(columns, k, before, generator=generator)
        head = head_of(self.head, inputs, hidden, generator)
        return FactorNetwork(encoder, head, observed=self.observed).to(self.dtype_)

    def _renew(self, rows: Tensor) -> None:
        """What the network has from the rows of the window before, taken from those of this one."""
        for module in self.network_.modules():
            if isinstance(module, FixedFactors):
                module.renew()
        for module in self.network_.modules():
            if isinstance(module, SparseThroughput):
                module.renew(rows)

    def _take_loadings(self) -> None:
        self.components_held_ = self.layer_.reference.to(torch.float64).clone()
        spread = self.layer_.covariance.diagonal().to(torch.float64).numpy() * self.x_scale_**2
        if self.encoder in ("pca", "fast"):
            self.components_ = self.components_held_.mT.numpy().copy()
            self.explained_variance_ratio_ = spread / self.eigenvalues_.sum()
        elif self.encoder == "soft":
            soft = next(module for module in self.network_.modules() if isinstance(module, SoftPCALayer))
            self.components_ = soft.directions.detach().to(torch.float64).mT.numpy().copy()

    def _framed(self, values: np.ndarray, index: Any) -> Any:
        if index is None or not hasattr(self, "feature_names_in_"):
            return values
        import pandas as pd

        names = [f"factor {place + 1}" for place in range(values.shape[1])]
        return pd.DataFrame(values, index=index, columns=names)
