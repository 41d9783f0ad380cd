r"""Mean and covariance by draws whose known part is taken exactly, and fused with a propagation.

h is the first hidden layer (normal input) or the input: its mean m and covariance S are known. With B the regression of
y on h over the draws, mu = <y> - B <h - m>, e = y - mu - B (h - m) and < > the average over the draws,

    mean = mu,   Cov = B S B' + <e e'> + B <(h - m) e'> + (B <(h - m) e'>)',

so that the error is that of the residual e alone. A propagated value p has no error of sampling but one of its own, of
unknown size. Draws x tell it: gap = |x - p|^2 beside noise, the sum of the squared standard errors. What is beyond
chance, b = max(0, gap - noise (1 + 2 sqrt(2/k))) with k the effective number of entries, is the propagation's; the
fused value is p + b/(b + noise) (x - p). Mean and covariance are fused apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.moments.backends import Factored
from haar.moments.control import up_to_hidden
from haar.moments.dense import DenseRun
from haar.moments.joint import InputLaw
from haar.moments.program import Program
from haar.moments.propagate import traced
from haar.moments.propagation import Propagation

_BATCHES = 16
_CHUNK = 4096
_RIDGE = 1e-12


@dataclass(frozen=True)
class ControlledMoments:
    """Mean and covariance of the outputs from draws with control variates.

    Args:
        mean: Means.
        cov: Covariances.
        mean_error: Standard errors of the means, from batches of the draws.
        cov_error: Standard errors of the covariances.
        controls: What was used as control variates.
        count: Number of draws.

    Example:
        >>> from haar.moments import Gaussian
        >>> controlled_moments(nn.Linear(2, 1), Gaussian([0.0, 0.0]), 100).controls
        'input'
    """

    mean: Float[Tensor, "outputs"]
    cov: Float[Tensor, "outputs outputs"]
    mean_error: Float[Tensor, "outputs"]
    cov_error: Float[Tensor, "outputs outputs"]
    controls: str
    count: int

    def fused_with(self, propagation: Propagation) -> FusedMoments:
        """The propagated values, moved towards the draws as far as these tell them apart.

        Args:
            propagation: Of the same model and law.
        """
        eigen = self.cov.diagonal().sum().square() / self.cov.square().sum().clamp(min=torch.finfo(self.cov.dtype).tiny)
        entries = float(eigen.clamp(min=1.0))
        mean, moved = _fused(propagation.mean.detach(), self.mean, self.mean_error, entries)
        cov, stretched = _fused(propagation.cov.detach(), self.cov, self.cov_error, entries * (entries + 1) / 2)
        return FusedMoments(mean, cov, moved, stretched, propagation, self)


@dataclass(frozen=True)
class FusedMoments:
    """A propagation and draws in one.

    Args:
        mean: Means.
        cov: Covariances.
        mean_weight: Share of the draws in the means: 0 where they do not contradict the propagation.
        cov_weight: Their share in the covariances.
        propagation: What was propagated.
        drawn: What was drawn.
    """

    mean: Float[Tensor, "outputs"]
    cov: Float[Tensor, "outputs outputs"]
    mean_weight: float
    cov_weight: float
    propagation: Propagation
    drawn: ControlledMoments


def controlled_moments(
    model: nn.Module,
    law: InputLaw,
    n: int = 10_000,
    *,
    generator: torch.Generator | None = None,
    input_shape: Sequence[int] | None = None,
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "sample",
) -> ControlledMoments:
    """Mean and covariance of model(x) by Monte Carlo with control variates.

    Args:
        model: The module, deterministic (in evaluation mode if it has dropout).
        law: Law of the flattened input, without batch axes.
        n: Number of draws, at least twice as many as there are controls.
        generator: Source of the draws (seed 0 if None).
        input_shape: Shape of one input.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`; only the draws go through such parts.

    Raises:
        ArgumentError: If there are too few draws or the law has batch axes.

    Example:
        >>> from haar.moments import Gaussian
        >>> model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        >>> found = controlled_moments(model, Gaussian([0.0, 0.0]), 200)
        >>> bool(found.cov_error.max() < 1e-10 * found.cov.max())  # one hidden layer: nothing is left to chance
        True
    """
    _check_single(law)
    program = traced(model, law, input_shape=input_shape, constants=constants, on_unsupported=on_unsupported)
    with torch.no_grad():
        draws = _Draws(program, law, generator)
        if n < draws.least:
            raise ArgumentError("n", expected=f"at least {draws.least} draws, for {draws.size} controls", got=n)
        for at in range(_BATCHES):
            draws.add(at, n * (at + 1) // _BATCHES - n * at // _BATCHES)
        return draws.moments()


def moments_within(
    model: nn.Module,
    law: InputLaw,
    seconds: float | int,
    *,
    generator: torch.Generator | None = None,
    input_shape: Sequence[int] | None = None,
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "raise",
) -> FusedMoments:
    """The best mean and covariance for a given time: order 3 in factors, and draws for what time is left.

    The propagation and the least number of draws are made whatever they take. How many draws there were depends on the
    clock: for numbers that can be made again take `controlled_moments` with a count.

    Args:
        model: The module, deterministic and followed by `propagate`.
        law: Law of the flattened input, without batch axes.
        seconds: Time for all of it.
        generator: Source of the draws (seed 0 if None).
        input_shape: Shape of one input.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`.

    Raises:
        ArgumentError: If the time is not positive or the law has batch axes.

    Example:
        >>> from haar.moments import Gaussian
        >>> model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> moments_within(model, Gaussian([0.0, 0.0]), 0.01).mean.shape
        torch.Size([1])
    """
    start = time.perf_counter()
    if not seconds > 0:
        raise ArgumentError("seconds", expected="a positive time", got=seconds)
    _check_single(law)
    with torch.no_grad():
        program = traced(model, law, input_shape=input_shape, constants=constants, on_unsupported=on_unsupported)
        propagation = Factored().run(program, law, 3)
        draws = _Draws(program, law, generator)
        share = -(-draws.least // _BATCHES)
        before = time.perf_counter()
        for at in range(_BATCHES):
            draws.add(at, share)
        lap = max((time.perf_counter() - before) / _BATCHES, 1e-6)
        left = seconds - (time.perf_counter() - start)
        more = max(0, int(left / lap * share / _BATCHES))
        for at in range(_BATCHES):
            if time.perf_counter() - start > seconds:
                break
            draws.add(at, more)
        return draws.moments().fused_with(propagation)


class _Draws:
    """Sums of products of (1, h - m, y - level), batch by batch."""

    def __init__(self, program: Program, law: InputLaw, generator: torch.Generator | None) -> None:
        self.program, self.law = program, law
        self.generator = generator or torch.Generator(device=law.mean.device).manual_seed(0)
        before = up_to_hidden(program, law)
        self.name, self.value = ("input", 0) if before is None else ("first hidden layer", before.output)
        joint = law.cumulants(2) if before is None else DenseRun(before, order=2).run(law).joint
        self.level, self.cov, self.size = joint.mean, joint.cov, joint.size
        self.outputs = program.size(program.output)
        self.grams = [law.mean.new_zeros(1 + self.size + self.outputs, 1 + self.size + self.outputs)] * _BATCHES
        self.base: Tensor | None = None

    @property
    def least(self) -> int:
        """Draws that a regression on all controls needs, two in each batch at least."""
        return max(2 * _BATCHES, 2 * (self.size + 1))

    def add(self, batch: int, count: int) -> None:
        """Draw and add up."""
        for h, y in self._rows(count):
            if self.base is None:
                self.base = y.mean(0)
            rows = torch.cat([y.new_ones(len(y), 1), h - self.level, y - self.base], -1)
            self.grams[batch] = self.grams[batch] + rows.mT @ rows

    def _rows(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, count, _CHUNK):
            x = self.law.sample(min(_CHUNK, count - start), self.generator)
            values = self.program.values(x, self.value, self.program.output)
            yield values[self.value].reshape(len(x), -1), values[self.program.output].reshape(len(x), -1)

    def moments(self) -> ControlledMoments:
        """Mean and covariance, and how they scatter over the batches."""
        total = torch.stack(self.grams).sum(0)
        count = int(total[0, 0])
        slope = self._slope(total / total[0, 0])
        mean, cov = self._estimate(total / total[0, 0], slope, None)
        each = [self._estimate(gram / gram[0, 0], slope, mean) for gram in self.grams]
        errors = [torch.stack(part).std(0) / _BATCHES**0.5 for part in zip(*each, strict=True)]
        base = mean.new_zeros(self.outputs) if self.base is None else self.base
        return ControlledMoments(mean + base, cov, errors[0], errors[1], self.name, count)

    def _slope(self, moments: Tensor) -> Tensor:
        """B, the regression of the output on the controls."""
        one, h, y = 0, slice(1, 1 + self.size), slice(1 + self.size, None)
        inner = moments[h, h] - torch.outer(moments[h, one], moments[h, one])
        cross = moments[h, y] - torch.outer(moments[h, one], moments[one, y])
        ridge = _RIDGE * inner.diagonal().mean().clamp(min=torch.finfo(inner.dtype).tiny)
        values, vectors = torch.linalg.eigh(inner)
        kept = values > ridge * self.size
        inverse = torch.where(kept, 1.0 / torch.where(kept, values, torch.ones_like(values)), 0.0)
        slope: Tensor = ((vectors * inverse) @ (vectors.mT @ cross)).mT
        return slope

    def _estimate(self, moments: Tensor, slope: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor]:
        one, h, y = 0, slice(1, 1 + self.size), slice(1 + self.size, None)
        mean = moments[y, one] - slope @ moments[h, one]
        centre = mean if centre is None else centre
        squares = moments[y, y] - torch.outer(centre, moments[y, one]) - torch.outer(moments[y, one], centre)
        squares = squares + torch.outer(centre, centre)
        mixed = moments[h, y] - torch.outer(moments[h, one], centre)
        half = slope @ mixed
        residual = squares - half - half.mT + slope @ moments[h, h] @ slope.mT
        cross = slope @ (mixed - moments[h, h] @ slope.mT)
        cov = slope @ self.cov @ slope.mT + residual + cross + cross.mT
        return mean, 0.5 * (cov + cov.mT)


def _check_single(law: InputLaw) -> None:
    if law.batch:
        raise ArgumentError(
            "law", expected="a law without batch axes", got=f"batch {law.batch}", way_out="take one at a time"
        )


def _fused(known: Tensor, drawn: Tensor, error: Tensor, entries: float) -> tuple[Tensor, float]:
    gap, noise = float((drawn - known).square().sum()), float(error.square().sum())
    beyond = max(0.0, gap - noise * (1.0 + 2.0 * (2.0 / entries) ** 0.5))
    weight = beyond / (beyond + noise) if beyond > 0.0 else 0.0
    return known + weight * (drawn - known), weight
