"""Judging elements by the model on real samples: how far f(g x) is from g f(x), with intervals and p-values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.discover.finite.evaluation import Evaluation
from haar.discover.finite.exchange import Exchange, Row
from haar.discover.finite.symmetry_judge import told
from haar.statistics import Estimate, ratio

#: Samples that an element must pass before it is asked on all of them; and how clearly it must fail there.
_SCREEN, _CLEAR = 12, 2.0
#: Samples times elements that are moved at once.
_AT_ONCE = 8192


class Judge:
    """Relative defects of elements: sqrt(E |f(g x) - g f(x)|^2 / (2 tr Cov f)), 1 for two unrelated predictions.

    Args:
        evaluation: The model.
        exchange: How elements move inputs and outputs.
        inputs: Samples ``(rows, *shape)``.
        units: Which independent unit every sample belongs to; None: each its own.

    Attributes:
        rounding: The defect that rounding alone may make.
    """

    def __init__(self, evaluation: Evaluation, exchange: Exchange, inputs: Tensor, units: Tensor | None = None) -> None:
        self._evaluation, self._exchange, self._inputs = evaluation, exchange, inputs
        self._units = torch.arange(len(inputs)) if units is None else units.unique(return_inverse=True)[1]
        self._outputs = evaluation(inputs)
        deviation = (self._outputs - self._outputs.mean(0)).square().flatten(1).sum(1)
        self._spread = float(2 * deviation.mean())
        self._scale = 2 * deviation
        size = float(self._outputs.square().flatten(1).sum(1).mean())
        magnitude = max(1.0, math.sqrt(size / self._spread)) if self._spread else 1.0
        self.rounding = max(200 * evaluation.precision, 1e-11) * magnitude
        self._screened: dict[bytes, float] = {}
        self._known: dict[bytes, float] = {}
        self._supports: dict[bytes, float] = {}

    @property
    def independent(self) -> int:
        """How many independent units there are."""
        return int(self._units.max()) + 1 if len(self._units) else 0

    @property
    def spread(self) -> float:
        """sqrt(2 tr Cov f): the root mean square difference of two unrelated predictions."""
        return math.sqrt(self._spread)

    @property
    def constant(self) -> bool:
        """Whether predictions do not depend on the sample, but for rounding."""
        size = float(self._outputs.square().flatten(1).sum(1).mean())
        return self._spread <= (1e3 * self._evaluation.precision) ** 2 * size or self._spread == 0

    def defect(self, row: Row) -> float:
        """That of one element on all samples."""
        return self.defects([row])[0]

    def defects(self, rows: Sequence[Row]) -> list[float]:
        """Those of many, each asked once."""
        new = {row.tobytes(): row for row in rows if row.tobytes() not in self._known}
        for key, top in zip(new, self._squares(list(new.values()), len(self._inputs)), strict=True):
            self._known[key] = math.sqrt(float(top.mean()) / self._spread)
        return [self._known[row.tobytes()] for row in rows]

    def small(self, rows: Sequence[Row], level: float) -> list[Row]:
        """Those whose defect is at most a level, the smallest first; a few samples refuse what is far from it."""
        count = min(_SCREEN, len(self._inputs))
        tops = self._squares(rows, count)
        near = [
            row
            for row, top in zip(rows, tops, strict=True)
            if math.sqrt(float(top.mean()) / self._spread) <= _CLEAR * level + self.rounding
        ]
        told = sorted(zip(self.defects(near), range(len(near)), strict=True))
        return [near[k] for defect, k in told if defect <= level]

    def passes(self, row: Row, level: float) -> bool:
        """Whether the defect is at most a level; a few samples refuse what is far from it."""
        key = row.tobytes()
        if key not in self._known and key not in self._screened:
            top = self._squares([row], min(_SCREEN, len(self._inputs)))[0]
            self._screened[key] = math.sqrt(float(top.mean()) / self._spread)
        if key not in self._known and self._screened[key] > _CLEAR * level + self.rounding:
            return False
        return self.defect(row) <= max(level, self.rounding)

    def support_defect(self, row: Row) -> float:
        """What replacing the entries that an element moves, by those of another sample, does to predictions."""
        index, signs = self._exchange.input_motion(row)
        moved = np.flatnonzero((index != np.arange(len(index))) | (signs < 0))
        key = moved.tobytes()
        if key not in self._supports:
            x = self._inputs.movedim(self._exchange.axis, 1).clone()
            x[:, moved] = x.roll(1, 0)[:, moved]
            answer = self._evaluation(x.movedim(1, self._exchange.axis))
            wrong = float((answer - self._outputs).square().flatten(1).sum(1).mean())
            self._supports[key] = math.sqrt(wrong / self._spread)
        return self._supports[key]

    def estimate(self, row: Row, significance: float) -> Estimate:
        """The defect of one element with its interval over independent units."""
        top = self._per_unit(self._squares([row], len(self._inputs))[0])
        return ratio(top, self._per_unit(self._scale), root=True, level=1 - significance)

    def p_below(self, row: Row, tolerance: float) -> float:
        """One-sided p-value of "the defect is at least the tolerance": small where the samples say it is below."""
        top = self._per_unit(self._squares([row], len(self._inputs))[0])
        bottom = self._per_unit(self._scale)
        return told(top, bottom, tolerance, 0.05)[1]

    def output_motion(self, row: Row) -> Row:
        """An element with the outputs' places and signs that fit best, where these are sought.

        Source: the assignment of least cost (Kuhn 1955), by `scipy.optimize.linear_sum_assignment`.
        """
        from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # its stubs

        exchange = self._exchange
        whole = np.concatenate([row, np.arange(exchange.nodes, exchange.size)])
        if not exchange.out_count:
            return whole
        some = min(4 * _SCREEN, len(self._inputs))
        after = self._evaluation(exchange.move_inputs(whole, self._inputs[:some])).reshape(some, -1, exchange.out_count)
        before = self._outputs[:some].reshape(some, -1, exchange.out_count)
        cross = torch.einsum("brk,brl->kl", after, before)
        cost = after.square().sum((0, 1))[:, None] + before.square().sum((0, 1))[None, :] - 2 * cross.abs()
        stay = 1e-9 * float(cost.abs().max())  # of equals, the output itself
        cost = cost - stay * torch.eye(exchange.out_count, dtype=cost.dtype)
        here, comes = linear_sum_assignment(cost.numpy())
        minus = (cross[here, comes] < 0).numpy().astype(np.int64)
        for side in (0, 1):
            whole[exchange.nodes + 2 * comes + side] = exchange.nodes + 2 * here + (side ^ minus)
        return whole

    def _squares(self, rows: Sequence[Row], count: int) -> list[Float[Tensor, " samples"]]:
        """Squared errors of each sample, for each element."""
        x, y = self._inputs[:count], self._outputs[:count]
        found: list[Tensor] = []
        step = max(1, _AT_ONCE // max(count, 1))
        for k in range(0, len(rows), step):
            some = rows[k : k + step]
            answers = self._evaluation(torch.cat([self._exchange.move_inputs(row, x) for row in some]))
            for row, answer in zip(some, answers.split(count), strict=True):
                wrong = answer - self._exchange.move_outputs(row, y)
                found.append(wrong.square().flatten(1).sum(1))
        return found

    def _per_unit(self, values: Float[Tensor, " samples"]) -> Float[Tensor, " units"]:
        made = torch.zeros(self.independent, dtype=torch.float64)
        return made.index_add(0, self._units, values)
