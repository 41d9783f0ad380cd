"""What a preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class GaugeOptions:
    """A principal layer in front of a perceptron, its frame computed anew in every batch.

    Attributes:
        columns: Columns of the table.
        rows: Training rows.
        batch_size: Rows a step.
        epochs: Passes over them.
        test: Test rows.
    """

    columns: int
    rows: int
    batch_size: int
    epochs: int
    test: int


@dataclass(frozen=True)
class World:
    """How columns follow from factors.

    Attributes:
        kind: ``"linear"``, ``"tanh"``, ``"sine"`` or ``"square"``.
        columns: Number of columns.
        factors: Number of factors.
        rows: Training rows.
    """

    kind: str
    columns: int
    factors: int
    rows: int


@dataclass(frozen=True)
class ComparisonOptions:
    """Networks that are compared on drawn tables.

    Attributes:
        worlds: How columns follow from factors, by name.
        networks: Which networks are trained.
        kept: Factors that networks take, about twice those that there are.
        width: Hidden units of a layer.
        epochs: Passes over the rows.
        validation: Rows that the epoch and the weight decay are chosen on.
        test: Test rows, without noise.
    """

    worlds: Mapping[str, World]
    networks: tuple[str, ...]
    kept: int
    width: int
    epochs: int
    validation: int
    test: int


@dataclass(frozen=True)
class ReturnsOptions:
    """Rolling windows of portfolios' returns.

    Attributes:
        window: Months of a window.
        step: Months from one window to the next.
        factors: Principal components.
        steps: Steps of the heads' training.
    """

    window: int
    step: int
    factors: int
    steps: int


@dataclass(frozen=True)
class Options:
    """The three experiments.

    Attributes:
        gauge: Policies of a principal layer in training.
        comparison: Networks on drawn tables.
        returns: Windows of real returns.
    """

    gauge: GaugeOptions
    comparison: ComparisonOptions
    returns: ReturnsOptions
