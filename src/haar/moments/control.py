"""Monte Carlo with control variates whose means are known exactly: unbiased, and much less noisy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import ArgumentError, formerly, known_keywords
from haar.moments.dense import DenseRun, DenseState
from haar.moments.joint import InputLaw
from haar.moments.program import Affine, Elementwise, Program
from haar.moments.propagate import traced
from haar.seeding import Seed, generator_of
from haar.statistics import least_squares

_CHUNK = 8192
_RIDGE = 1e-9


@dataclass(frozen=True)
class ControlledMean:
    """An unbiased estimate of the output's mean.

    Args:
        mean: The estimate of E model(x).
        standard_error: Standard error of `mean`.
        plain_mean: The plain sample mean over the same draws.
        plain_standard_error: Standard error of `plain_mean`.
        controls: What was used as control variates.
        count: Number of draws.

    Example:
        >>> from haar.moments import Gaussian
        >>> controlled_mean(nn.Linear(2, 1), Gaussian([0.0, 0.0]), 100).controls
        ('input',)
    """

    mean: Float[Tensor, "outputs"]
    standard_error: Float[Tensor, "outputs"]
    plain_mean: Float[Tensor, "outputs"]
    plain_standard_error: Float[Tensor, "outputs"]
    controls: tuple[str, ...]
    count: int

    def __str__(self) -> str:
        """As a table, one row an output."""
        from haar.report.table import Table

        columns = ("output", "mean", "standard error", "plain mean", "standard error", "worth")
        told = (self.mean, self.standard_error, self.plain_mean, self.plain_standard_error, self.variance_reduction)
        rows = [(n, *values) for n, values in enumerate(zip(*(part.tolist() for part in told), strict=True))]
        return str(Table(f"{self.count} draws, controlled by {', '.join(self.controls)}", columns, rows))

    @property
    def variance_reduction(self) -> Float[Tensor, "outputs"]:
        """Measured variance of the plain estimate over that of the controlled one: the worth of the controls."""
        floor = torch.finfo(self.mean.dtype).tiny
        return (self.plain_standard_error.square() + floor) / (self.standard_error.square() + floor)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with a schema number."""
        names = ("mean", "standard_error", "plain_mean", "plain_standard_error", "variance_reduction")
        values = {name: getattr(self, name).tolist() for name in names}
        return {"schema": 1, "count": self.count, "controls": list(self.controls), **values}


@formerly(n="samples")
@known_keywords
def controlled_mean(
    model: nn.Module,
    law: InputLaw,
    samples: int = 10_000,
    *,
    generator: Seed | None = None,
    input_shape: Sequence[int] | None = None,
    constants: Mapping[str, Any] | None = None,
    on_unsupported: str = "sample",
) -> ControlledMean:
    """E model(x) by Monte Carlo with control variates.

    The controls are the input itself and, where its mean is exact (normal input), the first hidden layer after its
    activation. The regression coefficients B = Cov(y, h) Cov(h)^-1 come from an order-2 propagation and not from the
    draws: the estimate mean(y) - B (mean(h) - E h) is therefore exactly unbiased whatever the closure got wrong; only
        the variance reduction depends on it.

    Args:
        model: The module, deterministic (in evaluation mode if it has dropout).
        law: Law of the flattened input, without batch axes.
        samples: Number of draws, at least 2.
        generator: Source of the draws, or its seed (0 if None).
        input_shape: Shape of one input.
        constants: Values for further inputs of the model.
        on_unsupported: As in `propagate`; the default is harmless here, since only the coefficients depend on it.

    Raises:
        ArgumentError: If there are too few draws or the law has batch axes.

    Example:
        >>> from haar.moments import Gaussian
        >>> model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        >>> found = controlled_mean(model, Gaussian([0.0, 0.0]), 200)
        >>> bool(found.variance_reduction.min() > 1e6)  # one hidden layer: the controls explain everything
        True
    """
    if samples < 2:
        raise ArgumentError("samples", expected="at least 2 draws", got=samples)
    if law.batch:
        raise ArgumentError(
            "law", expected="a law without batch axes", got=f"batch {law.batch}", way_out="take one at a time"
        )
    source = generator_of(0 if generator is None else generator, law.mean.device, argument="generator")
    program = traced(model, law, input_shape=input_shape, constants=constants, on_unsupported=on_unsupported)
    before = up_to_hidden(program, law)
    keep = (0,) if before is None else (0, before.output)
    with torch.no_grad():
        state = DenseRun(program, order=2, keep=keep, generator=source).run(law)
        level = law.mean
        if before is not None:  # E h, whatever is sampled behind it
            level = torch.cat([level, DenseRun(before, order=2).run(law).joint.mean])
        gain = _coefficients(state, keep, program.output)
        drawn = [(y, y - (h - level) @ gain.mT) for y, h in _draws(program, law, samples, keep, source)]
    raw, after = (torch.cat(part) for part in zip(*drawn, strict=True))
    return ControlledMean(
        mean=after.mean(0),
        standard_error=after.std(0) / samples**0.5,
        plain_mean=raw.mean(0),
        plain_standard_error=raw.std(0) / samples**0.5,
        controls=("input", "first hidden layer") if len(keep) > 1 else ("input",),
        count=samples,
    )


def up_to_hidden(program: Program, law: InputLaw) -> Program | None:
    """The steps up to the first activation that is hidden; None where its mean is not exact.

    Example:
        >>> from haar.moments import Gaussian
        >>> from haar.moments.trace import trace
        >>> up_to_hidden(trace(nn.ReLU(), (1,)), Gaussian([0.0])) is None  # it is the output
        True
    """
    for at, step in enumerate(program.steps):
        if not isinstance(step, Affine):
            exact = law.normal and isinstance(step, Elementwise) and step.output != program.output
            return Program(program.shapes, program.steps[: at + 1], step.output) if exact else None
    return None


def _coefficients(state: DenseState, keep: Sequence[int], output: int) -> Tensor:
    """B = Cov(y, h) Cov(h)^-1 by a propagation."""
    index = torch.cat([torch.arange(state.places[v].start, state.places[v].stop) for v in keep])
    inner = state.joint.cov[index][:, index]
    cross = state.joint.cov[state.places[output]][:, index]
    ridge = _RIDGE * inner.diagonal().clamp(min=torch.finfo(inner.dtype).tiny).diag()
    coefficients: Tensor = least_squares(inner + ridge, cross.mT).mT
    return coefficients


def _draws(
    program: Program, law: InputLaw, n: int, keep: Sequence[int], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs and controls on draws from the law, in chunks."""
    for start in range(0, n, _CHUNK):
        x = law.sample(min(_CHUNK, n - start), generator)
        values = program.values(x, *keep, program.output)
        controls = torch.cat([values[v].reshape(len(x), -1) for v in keep], -1)
        yield values[program.output].reshape(len(x), -1), controls
