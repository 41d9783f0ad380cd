"""Finite elements of a generator, tried on held-out samples: the test that a claim must pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.discover.rows import Pair, unit_sums
from haar.discover.whitening import Whitening
from haar.groups.lie import exponential
from haar.statistics import holm

#: Parameters that are tried, radians of the fastest turn.
ANGLES = (0.25, 1.0, math.pi)
#: Share of moved samples that must stay in the range of the data for a flow that is not compact.
_INSIDE = 0.9
#: One-sided 95 % and its normal quantile.
_ONE_SIDED = 1.6448536269514722
_TWO_SIDED = 1.959963984540054


class Finite(NamedTuple):
    """Defects of finite elements.

    Attributes:
        defect: The largest.
        low: Lower end of its two-sided 95 % interval.
        high: Upper end.
        upper: The largest one-sided 95 % bound.
        p_value: The largest after Holm's correction, of the claim that a defect is not below the tolerance.
        accepted: Whether every negation was rejected.
    """

    defect: float
    low: float
    high: float
    upper: float
    p_value: float
    accepted: bool


@dataclass(frozen=True)
class Flows:
    """Generators as motions of points in the coordinates as given.

    Attributes:
        pair: Generators in whitened homogeneous coordinates.
        inputs: Whitening of inputs, or of one of their points.
        outputs: Of outputs.
        points: Number of points that are moved alike, on the inputs.
        output_points: On the outputs.
        variance: Of the whitened outputs, all their components together.
    """

    pair: Pair
    inputs: Whitening
    outputs: Whitening
    variance: float
    points: int = 1
    output_points: int = 1

    def moved(self, k: int, t: float, x: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Inputs moved by the element exp(t A_k)."""
        return _moved(self.inputs, exponential(t * self.pair.a[k]), x, self.points)

    def moved_outputs(self, k: int, t: float, f: Float[Tensor, "b m"]) -> Float[Tensor, "b m"]:
        """Outputs moved by exp(t B_k)."""
        return _moved(self.outputs, exponential(t * self.pair.b[k]), f, self.output_points)

    def times(self, k: int, x: Float[Tensor, "b n"]) -> list[float]:
        """Parameters to try: fixed angles for a turn, else what keeps most samples in the range of the data."""
        both = torch.block_diag(self.pair.a[k], self.pair.b[k])
        values = torch.linalg.eigvals(both)
        size = float(values.abs().max())
        turning = size > 1e-4 * float(torch.linalg.matrix_norm(both, ord=2))
        if turning and float(values.real.abs().max()) < 0.3 * size:
            return [t / size for t in ANGLES]
        start = 1 / max(size, 1e-300) if turning else 1.0
        reach = self._whitened(x).abs().amax(0) * 1.05
        chosen = []
        for t in ANGLES:
            step = t * start
            for _ in range(12):
                inside = (self._whitened(self.moved(k, step, x)).abs() <= reach).all(-1).to(torch.float64).mean()
                if float(inside) >= _INSIDE:
                    break
                step /= 2
            chosen.append(step)
        return chosen

    def element(self, x: Float[Tensor, "b n"], f: Float[Tensor, "b m"]) -> tuple[Tensor, Tensor]:
        """Inputs and outputs moved by the first pair, which is an element and no generator."""
        a, b = self.pair.a[0], self.pair.b[0]
        return _moved(self.inputs, a, x, self.points), _moved(self.outputs, b, f, self.output_points)

    def squared(self, difference: Float[Tensor, "b m"]) -> Float[Tensor, " b"]:
        """Squared differences in units in which the outputs of two unrelated samples have 1."""
        white = difference.unflatten(-1, (self.output_points, -1)) @ self.outputs.inwards.T
        found: Tensor = white.flatten(1).square().sum(1) / (2 * self.variance)
        return found

    def _whitened(self, x: Tensor) -> Tensor:
        return self.inputs(x.unflatten(-1, (self.points, -1))).flatten(1)


def try_flows(
    model: Callable[[Tensor], Tensor],
    flows: Flows,
    x: Float[Tensor, "b n"],
    f: Float[Tensor, "b m"],
    units: Int[Tensor, " b"],
    *,
    tolerance: float,
    significance: float,
) -> Finite:
    """Defects of finite elements on held-out samples.

    Args:
        model: From inputs to outputs.
        flows: What moves them.
        x: Inputs.
        f: Outputs.
        units: Independent units.
        tolerance: What a defect must be below.
        significance: Level at which the negation must be rejected.
    """
    squares = []
    for k in range(len(flows.pair.a)):
        for t in flows.times(k, x):
            difference = model(flows.moved(k, t, x)) - flows.moved_outputs(k, t, f)
            squares.append(flows.squared(difference))
    return judge(squares, units, tolerance=tolerance, significance=significance)


def judge(
    squares: Sequence[Float[Tensor, " b"]], units: Int[Tensor, " b"], *, tolerance: float, significance: float
) -> Finite:
    """The largest defect of several elements with its bound, and whether all are shown to be below a tolerance."""
    if not squares:
        return Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
    table = torch.stack(list(squares), 1)
    table = torch.nan_to_num(table, nan=math.inf, posinf=1e12)
    count = unit_sums(torch.ones(len(units), 1, dtype=torch.float64), units)
    total = unit_sums(table, units)
    n = len(count)
    mean = total.sum(0) / count.sum()
    error = (n / max(n - 1, 1) * (total - mean * count).square().sum(0)).sqrt() / count.sum()
    z = (tolerance**2 - mean) / error.clamp_min(1e-300)
    p_values = holm([float(p) for p in 0.5 * torch.erfc(z / math.sqrt(2))])
    upper = (mean + _ONE_SIDED * error).sqrt()
    worst, most = max(p_values), int(mean.argmax())
    ends = [float((mean[most] + side * error[most]).clamp_min(0).sqrt()) for side in (-_TWO_SIDED, _TWO_SIDED)]
    return Finite(float(mean[most].sqrt()), ends[0], ends[1], float(upper.max()), worst, worst < significance)


def _moved(space: Whitening, element: Tensor, x: Tensor, points: int) -> Tensor:
    spread = x.unflatten(-1, (points, -1))
    white = space(spread)
    r = white.shape[-1]
    turned = white @ element[:r, :r].T + element[:r, r]
    found: Tensor = (spread + (turned - white) @ space.outwards.T).flatten(1)
    return found
