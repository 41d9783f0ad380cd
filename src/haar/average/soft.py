"""Soft averaging: as much of the average as a few labelled samples support. The guard against a wrong group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.actions.trees import map_values, value_leaves
from haar.average.anytime import Anytime
from haar.average.average import named
from haar.average.engine import Averaged
from haar.average.least_squares import bootstrap_interval, bounded_coefficients, free_coefficients
from haar.average.weighted import How
from haar.errors import ArgumentError, DataError, ShapeError, formerly, known_keywords
from haar.groups import Subgroup
from haar.probing import given_data
from haar.probing.manners import by_position, check_call
from haar.seeding import Seed


@dataclass(frozen=True)
class SoftFit:
    """How much of the unaveraged model the labelled samples ask for, link by link.

    Attributes:
        alpha: ``(links,)``, in [0, 1]: 0 averages fully, 1 not at all.
        raw: The same without the bounds.
        low: Lower ends of the bootstrap intervals of `alpha`.
        high: Upper ends of these intervals.
        level: Coverage of the intervals.
        units: Number of samples (or batches) that the fit and the bootstrap are over.
        mse_model: Mean squared error of the model on the labelled samples, divided by `scale` if one was given.
        mse_average: Mean squared error of the full average.
        mse_soft: Of the soft average (fitted on these samples).
    """

    alpha: Float[Tensor, " links"]
    raw: Float[Tensor, " links"]
    low: Float[Tensor, " links"]
    high: Float[Tensor, " links"]
    level: float
    units: int
    mse_model: float
    mse_average: float
    mse_soft: float

    def __str__(self) -> str:
        """In a line."""
        pairs = zip(self.alpha.tolist(), self.low.tolist(), self.high.tolist(), strict=True)
        alphas = ", ".join(f"{alpha:.3f} [{low:.3f}, {high:.3f}]" for alpha, low, high in pairs)
        return (
            f"alpha = {alphas} ({self.level:.0%} intervals, {self.units} units); mean squared error "
            f"{self.mse_model:.4g} of the model, {self.mse_average:.4g} averaged, {self.mse_soft:.4g} softly averaged"
        )


class SoftAverage(nn.Module):
    """f_alpha = Q_K f + sum_i alpha_i (Q_i-1 f - Q_i f) along a chain Q_0 f = f, Q_1 f, ..., Q_K f.

    Attributes:
        alpha: ``(links,)``, float64, part of the state_dict.
        fit: Where the values come from.
    """

    alpha: Tensor

    def __init__(self, stages: Averaged | Anytime, alpha: Float[Tensor, " links"], fit: SoftFit | None = None) -> None:
        super().__init__()
        self.stages = stages
        self.register_buffer("alpha", alpha.to(torch.float64))
        self.fit = fit
        self.training = stages.training

    @property
    def symmetry(self) -> Symmetry:
        """How the group acts."""
        return self.stages.symmetry

    def forward(self, *args: Any, **named: Any) -> Any:
        """The soft average.

        Args:
            args: The model's inputs.
            named: Arguments of the model that are given by name.
        """
        averaged = self.stages.averaged if isinstance(self.stages, Anytime) else self.stages
        args = by_position(averaged.model, args, named)
        tree = self.symmetry.outputs
        outputs = list(_outputs(self.stages, args))
        total = outputs[-1]
        for i, (before, after) in enumerate(pairwise(outputs)):
            total = map_values(
                lambda t, b, a, i=i: t + self.alpha[i].to(dtype=t.real.dtype) * (b - a), tree, total, before, after
            )
        return total

    def extra_repr(self) -> str:
        """The values of alpha."""
        return "alpha = " + ", ".join(f"{a:.3f}" for a in self.alpha.tolist())


@formerly(bootstrap="draws")
@known_keywords
def soft(
    model: Callable[..., Any],
    symmetry: Symmetry,
    data: Iterable[Any],
    *,
    how: str | How = "orbit",
    chain: Sequence[Subgroup] | None = None,
    scale: Tensor | None = None,
    unit: str = "sample",
    draws: int = 1000,
    level: float = 0.95,
    seed: Seed = 0,
    micro_batch: int | str = "auto",
) -> SoftAverage:
    """Average as far as a few labelled samples support it.

    alpha-hat = sum <f - Qf, y - Qf> / sum ||f - Qf||^2, clipped to [0, 1]. With a wrong group it comes out near 1 and
    the model stays as it is; with the right one near 0. With a chain, one alpha for each of its links, by bounded least
    squares.

    Args:
        model: Any module or callable; it is wrapped, never changed.
        symmetry: How the group acts.
        data: One pair ``(inputs, target)``, or batches of them; inputs are one tensor or a tuple of arguments. Arrays,
            dictionaries by name, graphs and atoms are read as in `haar.audit`.
        how: What to average over, without a chain.
        chain: Subgroups of an enumerated group, each in the next.
        scale: Errors are divided by it (broadcast against the outputs), such as the standard deviation of every
            channel.
        unit: ``"sample"`` if all samples are independent; ``"batch"`` if those of one batch are not (one trajectory
            each).
        draws: Number of bootstrap draws for the intervals.
        level: Coverage of the intervals.
        seed: Seed of the bootstrap.
        micro_batch: Elements per forward pass, or ``"auto"``.

    Returns:
        The soft average, with its fit.

    Raises:
        ArgumentError: If there are no data, or an option is unknown.
        ShapeError: If a target has another shape than the output, or axis 0 of an output does not count samples.
        DataError: If a target or an output is NaN or infinite.

    Example:
        >>> from haar.groups import dihedral
        >>> symmetry = Symmetry.of_fields(dihedral(4), "p")
        >>> x = torch.randn(4, 1, 8, 8)
        >>> wrong = soft(lambda x: x.roll(1, -1), symmetry, [(x, x.roll(1, -1))])
        >>> round(float(wrong.alpha), 6)
        1.0

    Source: least squares along the line from Qf to f; section 2 of the averaging method, arXiv 2511.09573.
    """
    check_call(model, symmetry)
    if unit not in ("sample", "batch"):
        raise ArgumentError("unit", expected="'sample' or 'batch'", got=repr(unit))
    if not 0 < level < 1:
        raise ArgumentError("level", expected="a number between 0 and 1", got=level)
    if chain is None:
        stages: Averaged | Anytime = Averaged(model, symmetry, named(how), micro_batch=micro_batch)
    else:
        stages = Anytime(model, symmetry, chain=chain, micro_batch=micro_batch)
    sums = _sums(stages, given_data(data, model, symmetry), scale, unit)
    gram, cross = sums.gram.sum(0), sums.cross.sum(0)
    alpha = bounded_coefficients(gram, cross)
    low, high = bootstrap_interval(sums.gram, sums.cross, draws=draws, level=level, seed=seed)

    def mse(a: Tensor) -> float:
        """From the end that is nearer to the target: from the other one it would be a difference of large sums."""
        start, step = (sums.rest, a) if sums.rest <= sums.rest_of_model else (sums.rest_of_model, a - 1)
        slope = cross if sums.rest <= sums.rest_of_model else cross - gram.sum(1)
        return float(start - 2 * step @ slope + step @ gram @ step) / sums.numbers

    fit = SoftFit(
        alpha=alpha,
        raw=free_coefficients(gram, cross),
        low=low,
        high=high,
        level=level,
        units=len(sums.gram),
        mse_model=mse(torch.ones_like(alpha)),
        mse_average=mse(torch.zeros_like(alpha)),
        mse_soft=mse(alpha),
    )
    return SoftAverage(stages, alpha, fit)


class _Sums(NamedTuple):
    """Inner products of the links' differences with each other and with the residual y - Q_K f, for every unit.

    `rest` is |y - Q_K f|^2 over all units, `rest_of_model` |y - f|^2.
    """

    gram: Float[Tensor, "unit links links"]
    cross: Float[Tensor, "unit links"]
    rest: Float[Tensor, ""]
    rest_of_model: Float[Tensor, ""]
    numbers: int


def _outputs(stages: Averaged | Anytime, args: Sequence[Any]) -> Iterator[Any]:
    """Q_0 f = f, Q_1 f, ..., Q_K f."""
    if isinstance(stages, Anytime):
        yield from (stage.output for stage in stages.stages(*args))
    else:
        yield stages.answer(*args)
        yield stages(*args)


def _sums(stages: Averaged | Anytime, data: Iterable[Any], scale: Tensor | None, unit: str) -> _Sums:
    grams: list[Tensor] = []
    crosses: list[Tensor] = []
    rest = rest_of_model = torch.zeros((), dtype=torch.float64)
    numbers = 0
    tree = stages.symmetry.outputs
    averaged = stages.averaged if isinstance(stages, Anytime) else stages
    for inputs, target in _labelled(data):
        args = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
        with torch.no_grad():
            if not grams:
                averaged.tell_samples_apart(*args)
            rows = [_rows(tree, output, scale) for output in _outputs(stages, args)]
        goal = _rows(tree, target, scale)
        if goal.shape != rows[-1].shape:
            expected = f"{len(rows[-1])} samples of {rows[-1].shape[1]} numbers, like the output"
            raise ShapeError("target", expected=expected, got=tuple(goal.shape))
        for name, values in (("output", rows[-1]), ("target", goal)):
            if not bool(values.isfinite().all()):
                row = int(torch.nonzero(~values.isfinite().all(1))[0])
                raise DataError(f"data: the {name} of sample {row} of a batch is NaN or infinite; clean or drop it")
        links = torch.stack([before - after for before, after in pairwise(rows)])
        residual = goal - rows[-1]
        gram = torch.einsum("isn,jsn->sij", links, links)
        cross = torch.einsum("isn,sn->si", links, residual)
        together = unit == "batch"
        grams.append(gram.sum(0, keepdim=True) if together else gram)
        crosses.append(cross.sum(0, keepdim=True) if together else cross)
        rest = rest + residual.square().sum()
        rest_of_model = rest_of_model + (goal - rows[0]).square().sum()
        numbers += goal.numel()
    if not numbers:
        raise ArgumentError("data", expected="at least one labelled sample", got="none")
    return _Sums(torch.cat(grams), torch.cat(crosses), rest, rest_of_model, numbers)


def _labelled(data: Any) -> Iterator[tuple[Any, Any]]:
    """Batches (inputs, target), from one pair of tensors or from many; what follows the target is not looked at."""
    if isinstance(data, tuple) and len(data) in (2, 3) and isinstance(data[1], Tensor):
        data = [data]
    if not isinstance(data, Iterable):
        raise ArgumentError("data", expected="batches (inputs, target)", got=type(data).__name__)
    for batch in data:
        if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
            raise ArgumentError("data", expected="batches (inputs, target)", got=type(batch).__name__)
        yield batch[0], batch[1]


def _rows(tree: Any, values: Any, scale: Tensor | None) -> Float[Tensor, "sample n"]:
    """All outputs of a sample as one row, on the CPU in float64."""
    leaves = [leaf for leaf in value_leaves(tree, values) if isinstance(leaf, Tensor)]
    if scale is not None:
        leaves = [leaf / scale.to(leaf) for leaf in leaves]
    real = [torch.view_as_real(leaf) if leaf.is_complex() else leaf for leaf in leaves]
    return torch.cat([leaf.detach().cpu().to(torch.float64).reshape(len(leaf), -1) for leaf in real], 1)
