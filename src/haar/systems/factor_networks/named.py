"""The four models of the literature by their names, each a factor network with its own encoder and head."""

from __future__ import annotations

from typing import Any

from haar.systems.factor_networks.estimator import FactorRegressor
from haar.systems.factor_networks.training import Training


class FAR(FactorRegressor):
    """Factor-augmented regression: a perceptron of scores on principal components that training does not move.

    Args:
        factors: Number of factors, or ``"ratio"``.
        gauge: How `partial_fit` settles the frame of a new window.
        unlabelled: More rows without answers, which the frame is taken from.
        hidden: Hidden units of the layers.
        training: How it is trained, by default `Training()`.
        random_state: Seed or generator of everything random.

    Source: Fan and Gu, JASA 119 (2024), FAR-NN; they take twice as many factors as there may be.
    """

    def __init__(
        self,
        *,
        factors: int | str = "ratio",
        gauge: str = "align",
        unlabelled: Any = None,
        hidden: tuple[int, ...] = (64, 64, 64),
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            factors=factors,
            encoder="pca",
            gauge=gauge,
            unlabelled=unlabelled,
            hidden=hidden,
            training=training,
            random_state=random_state,
        )


class FAST(FactorRegressor):
    """The same, with a sparse part of what the factors do not explain.

    Args:
        factors: Number of factors, or ``"ratio"``.
        gauge: How `partial_fit` settles the frame of a new window.
        unlabelled: More rows without answers, which the frame is taken from.
        hidden: Hidden units of the layers.
        training: How it is trained, by default `Training()`.
        random_state: Seed or generator of everything random.

    Source: Fan and Gu, JASA 119 (2024), FAST-NN.
    """

    def __init__(
        self,
        *,
        factors: int | str = "ratio",
        gauge: str = "align",
        unlabelled: Any = None,
        hidden: tuple[int, ...] = (64, 64, 64),
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            factors=factors,
            encoder="fast",
            gauge=gauge,
            unlabelled=unlabelled,
            hidden=hidden,
            training=training,
            random_state=random_state,
        )


class GFANN(FactorRegressor):
    """Generalised factors: a hidden layer, soft principal components of it, a perceptron.

    Args:
        factors: Number of factors, or ``"ratio"``: by the eigenvalues of the columns.
        observed: Whether the perceptron sees the columns beside the factors.
        hidden: Hidden units of the layers; the first of them also before the components.
        training: How it is trained, by default `Training()`.
        random_state: Seed or generator of everything random.

    Source: after Guo, Cucuringu, Shestopaloff, arXiv 2502.11310.
    """

    def __init__(
        self,
        *,
        factors: int | str = "ratio",
        observed: bool = False,
        hidden: tuple[int, ...] = (64, 64, 64),
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            factors=factors,
            encoder="deep",
            observed=observed,
            hidden=hidden,
            training=training,
            random_state=random_state,
        )


class GFADNN(FactorRegressor):
    """The same with an additive head: one perceptron for every factor.

    Args:
        factors: Number of factors, or ``"ratio"``: by the eigenvalues of the columns.
        hidden: Hidden units of the layers; the first of them also before the components.
        training: How it is trained, by default `Training()`.
        random_state: Seed or generator of everything random.

    Source: after Guo, Cucuringu, Shestopaloff, arXiv 2502.11310.
    """

    def __init__(
        self,
        *,
        factors: int | str = "ratio",
        hidden: tuple[int, ...] = (64, 64, 64),
        training: Training | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            factors=factors,
            encoder="deep",
            head="additive",
            hidden=hidden,
            training=training,
            random_state=random_state,
        )
