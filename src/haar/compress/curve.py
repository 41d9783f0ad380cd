"""Curves: a metric against the level of a perturbation, with intervals over the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.compress.crossing import TOLERANCE, Crossing, first_crossing
from haar.compress.law import Law, fit_law
from haar.compress.metrics import Metric
from haar.compress.perturbation import Perturbation
from haar.errors import ArgumentError
from haar.statistics import FEWEST, Estimate, Resampler

#: Draws of the bootstrap.
DRAWS = 1000


@dataclass(frozen=True)
class Curve:
    """One metric of one perturbation at all its levels, from mild to strong.

    Attributes:
        perturbation: What was done.
        metric: What was measured.
        baseline: The metric of the model as it came.
        points: The metric at every level, with the interval of a bootstrap over the data.
        levels: The levels.
        sparsity: The share of weights that are 0 at every level.
        draws: The metric in every draw of the bootstrap, the baseline first.
    """

    perturbation: Perturbation
    metric: Metric
    baseline: Estimate
    points: tuple[Estimate, ...]
    levels: tuple[float, ...]
    sparsity: tuple[float, ...]
    draws: Float[np.ndarray, "draws points"] = field(repr=False)

    @property
    def values(self) -> tuple[float, ...]:
        """The metric at every level."""
        return tuple(point.value for point in self.points)

    def at(self, level: float | int) -> Estimate:
        """The metric at a level.

        Raises:
            ArgumentError: If it was not tried.
        """
        for known, point in zip(self.levels, self.points, strict=True):
            if math.isclose(known, level, rel_tol=1e-9, abs_tol=1e-12):
                return point
        raise ArgumentError("level", expected=f"one of {', '.join(f'{x:g}' for x in self.levels)}", got=level)

    def crossing(self, tolerance: float | int = TOLERANCE) -> Crossing:
        """The first level at which the metric is worse than tolerated, linear in its logarithm between levels.

        Args:
            tolerance: The share by which it may be worse than before; of a metric that was 0 before, what it may be.

        Raises:
            ArgumentError: If the tolerance is not above 0.
        """
        if not tolerance > 0:
            raise ArgumentError("tolerance", expected="a number above 0", got=tolerance)
        known = self.perturbation.identity is not None
        damage = self._damages()
        whole = np.array([[self.baseline.value, *self.values]])
        both = np.concatenate([whole, self.draws]) if len(self.draws) else whole
        if self.metric.worse == "lower":
            with np.errstate(divide="ignore"):
                both = 1 / both
        limit = np.full(len(both), float(tolerance)) if self.metric.absolute else (1 + tolerance) * both[:, 0]
        places = first_crossing(damage, both if known else both[:, 1:], limit)
        sign = 1 if self.perturbation.rising else -1
        ends = [math.nan, math.nan]
        if len(self.draws):
            ends = sorted(sign * float(np.quantile(places[1:], q, method="nearest")) for q in (0.025, 0.975))
        value = sign * float(places[0])
        level = Estimate(value, *ends) if math.isfinite(value) else Estimate(math.nan, math.nan, math.nan)
        return Crossing(level, float(tolerance), self.levels[-1])

    def law(self) -> Law | None:
        """The piecewise law and its rival, see `haar.compress.fit_law`; None for levels without a zero, or too few."""
        return self._law

    @cached_property
    def _law(self) -> Law | None:
        if self.perturbation.identity is None or self.metric.worse == "lower":
            return None
        damage = self._damages()
        return fit_law(damage[1:] - damage[0], np.array(self.values))

    def _damages(self) -> Float[np.ndarray, " points"]:
        """Places of the points; the first is where nothing changes, if there is such a level."""
        identity = self.perturbation.identity
        levels = self.levels if identity is None else (identity, *self.levels)
        return np.array([self.perturbation.damage(level) for level in levels])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "perturbation": self.perturbation.name,
            "measure": self.perturbation.measure,
            "metric": self.metric.name,
            "baseline": self.baseline.to_dict(),
            "levels": list(self.levels),
            "points": [point.to_dict() for point in self.points],
            "sparsity": list(self.sparsity),
        }


@dataclass(frozen=True)
class Record:
    """What was measured of one perturbation: for each level and metric the columns of all units.

    Attributes:
        perturbation: What was done.
        metrics: What was measured.
        baseline: Columns before, for each metric.
        levels: The levels.
        columns: For each level, for each metric.
        sparsity: For each level.
    """

    perturbation: Perturbation
    metrics: Sequence[Metric]
    baseline: Sequence[Tensor]
    levels: tuple[float, ...]
    columns: Sequence[Sequence[Tensor]]
    sparsity: tuple[float, ...]

    def curves(self, *, draws: int, seed: int) -> list[Curve]:
        """A curve for each metric; the units of all levels are drawn together.

        Args:
            draws: Draws of the bootstrap.
            seed: Of the draws.
        """
        found = []
        for place, metric in enumerate(self.metrics):
            table = torch.stack([self.baseline[place], *(level[place] for level in self.columns)], 1)
            found.append(self._curve(metric, table, draws, seed))
        return found

    def _curve(self, metric: Metric, table: Float[Tensor, "units points columns"], draws: int, seed: int) -> Curve:
        whole = metric.value(table.sum(0))
        drawn = torch.empty(0, table.shape[1], dtype=torch.float64)
        if len(table) >= FEWEST and draws:
            resampler = Resampler(len(table), draws=draws, generator=torch.Generator().manual_seed(seed))
            drawn = metric.value(resampler.sums(table))
        estimates = []
        for point in range(table.shape[1]):
            ends = [math.nan, math.nan]
            if len(drawn):
                ends = [float(np.quantile(drawn[:, point], q)) for q in (0.025, 0.975)]
            estimates.append(Estimate(float(whole[point]), *ends))
        return Curve(
            self.perturbation,
            metric,
            estimates[0],
            tuple(estimates[1:]),
            self.levels,
            self.sparsity,
            drawn.numpy(),
        )
