"""Defects of the elements of a `Symmetry` on real samples, with intervals over independent units."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Symmetry
from haar.discover.finite.evaluation import Evaluation
from haar.statistics import FEWEST, Estimate, ratio


class SymmetryJudge:
    """Relative defects sqrt(E |f(g x) - g f(x)|^2 / (2 tr Cov f)) of elements of symmetries of one model.

    Args:
        evaluation: The model.
        inputs: Samples ``(rows, *shape)``.
        units: Which independent unit every sample belongs to; None: each its own.

    Attributes:
        outputs: The model's answers.
        spread: Mean of twice the squared deviation of an answer.
        rounding: The defect that rounding alone may make.
    """

    def __init__(self, evaluation: Evaluation, inputs: Tensor, units: Tensor | None = None) -> None:
        self._evaluation, self._inputs = evaluation, inputs
        self._units = torch.arange(len(inputs)) if units is None else units.unique(return_inverse=True)[1]
        self.outputs = evaluation(inputs)
        self._scale = 2 * (self.outputs - self.outputs.mean(0)).square().flatten(1).sum(1)
        self.spread = float(self._scale.mean())
        size = float(self.outputs.square().flatten(1).sum(1).mean())
        magnitude = max(1.0, math.sqrt(size / self.spread)) if self.spread else 1.0
        self.rounding = max(200 * evaluation.precision, 1e-11) * magnitude

    @property
    def independent(self) -> int:
        """How many independent units there are."""
        return int(self._units.max()) + 1

    @property
    def constant(self) -> bool:
        """Whether predictions do not depend on the sample, but for rounding."""
        size = float(self.outputs.square().flatten(1).sum(1).mean())
        return self.spread <= (1e3 * self._evaluation.precision) ** 2 * size or self.spread == 0

    def squares(self, symmetry: Symmetry, g: Tensor) -> Float[Tensor, " samples"]:
        """Squared errors of each sample under one element."""
        (moved,) = symmetry.act_inputs(g, (self._inputs,))
        wrong = self._evaluation(moved) - symmetry.act_outputs(g, self.outputs)
        found: Tensor = wrong.square().flatten(1).sum(1)
        return found

    def defect(self, symmetry: Symmetry, g: Tensor) -> float:
        """That of one element."""
        return math.sqrt(float(self.squares(symmetry, g).mean()) / self.spread)

    def estimate(
        self, symmetry: Symmetry, g: Tensor, *, tolerance: float, significance: float
    ) -> tuple[Estimate, float]:
        """The defect with its interval, and the p-value of "it is at least the tolerance"."""
        return told(self._per_unit(self.squares(symmetry, g)), self._per_unit(self._scale), tolerance, significance)

    def _per_unit(self, values: Tensor) -> Tensor:
        return torch.zeros(self.independent, dtype=torch.float64).index_add(0, self._units, values)


def told(
    top: Float[Tensor, " units"], bottom: Float[Tensor, " units"], tolerance: float, significance: float
) -> tuple[Estimate, float]:
    """The root of a ratio of sums with its interval, and the one-sided p-value of "it is at least the tolerance".

    Args:
        top: Squared errors of every unit.
        bottom: What they are relative to.
        tolerance: The bound.
        significance: One minus the coverage of the interval.
    """
    estimate = ratio(top, bottom, root=True, level=1 - significance)
    count = int((bottom != 0).sum())
    if count < FEWEST:
        return estimate, 1.0
    from scipy.special import stdtr

    value = float(top.sum() / bottom.sum())
    influence = (top - value * bottom) * (count / bottom.sum())
    error = math.sqrt(float(influence.square().sum()) / (count * (count - 1)))
    away = value - tolerance**2
    if error == 0:
        return estimate, 0.0 if away < 0 else 1.0
    return estimate, float(stdtr(count - 1, away / error))
