"""How a forecast is judged: errors of every test run, one step ahead and rolled out, and how much detail it keeps.

The rule for nearly constant fields, in one place: relative errors are *pooled* (`haar.data.metrics.pooled_errors`). A
channel's squared errors are divided by that channel's variance over space, averaged over all that is judged; a channel
whose pooled variance is below 1e-5 is left out. A mean of one ratio for every sample and channel, as The Well has it,
is ruled by the samples whose truth is nearly constant; it stands beside, with their share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions import Layout
from haar.data import ErrorReport, FieldErrors, StepRange, Windows, energy_spectrum
from haar.data.metrics import pooled_errors
from haar.errors import check_count

Step = Callable[[Tensor], Tensor]

#: Elements per forward pass: a fixed number, as one chosen by timing would change the last bits from run to run.
MICRO_BATCH = 1
#: Windows at a time.
BATCH_SIZE = 8


@dataclass(frozen=True)
class Judged:
    """Equally many windows of every run of a split, spread over it.

    Args:
        windows: All windows of the split.
        x: What a model is given, run after run.
        y: What follows.
        runs: The run of every window.
    """

    windows: Windows
    x: Float[Tensor, "window inputs *space"]
    y: Float[Tensor, "window outputs *space"]
    runs: Int[Tensor, " window"]

    @classmethod
    def of(cls, windows: Windows, per_run: int) -> Judged:
        """Choose them.

        Args:
            windows: All windows of the split.
            per_run: Windows of every run; all of them where it has fewer.
        """
        check_count("per_run", per_run)
        count = len(windows) // len(windows.reader)
        places = torch.linspace(0, count - 1, min(per_run, count), dtype=torch.float64).round().long().tolist()
        chosen = [run * count + place for run in range(len(windows.reader)) for place in places]
        pairs = [windows[index] for index in chosen]
        runs = torch.tensor([windows.where(index)[0] for index in chosen])
        return cls(windows, torch.stack([x for x, _ in pairs]), torch.stack([y for _, y in pairs]), runs)

    def __len__(self) -> int:
        """Number of batches."""
        return math.ceil(len(self.x) / BATCH_SIZE)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Batches of inputs, what follows them, and the runs they are of, as an audit takes them."""
        yield from zip(*(part.split(BATCH_SIZE) for part in (self.x, self.y, self.runs)), strict=True)

    def predicted(self, model: Step) -> Float[Tensor, "window outputs *space"]:
        """What a model says of all of them."""
        with torch.no_grad():
            return torch.cat([model(x) for x in self.x.split(BATCH_SIZE)])

    def errors(self, prediction: Float[Tensor, "window outputs *space"]) -> list[float]:
        """The pooled VRMSE of every run."""
        runs = len(self.windows.reader)
        by_run = [values.unflatten(0, (runs, -1)) for values in (prediction, self.y)]
        return _finite(pooled_errors(*by_run, dim=self.windows.outputs.dim))

    def report(self, prediction: Float[Tensor, "window outputs *space"]) -> ErrorReport:
        """The Well's own means over all samples and channels."""
        errors = FieldErrors(self.windows.inputs)
        errors.update(prediction, self.y)
        return errors.compute()


def persistence(layout: Layout) -> Step:
    """The forecast that nothing changes.

    Args:
        layout: The channels of a model's input.
    """
    channels, start = layout.output().channels, (layout.history - 1) * layout.output().channels
    return lambda x: x[:, start : start + channels]


def extrapolation(layout: Layout) -> Step:
    """The forecast that the last change is repeated.

    Args:
        layout: The channels of a model's input, two steps of them at least.
    """
    channels, last = layout.output().channels, persistence(layout)
    return lambda x: 2 * last(x) - last(x.roll(channels, 1))


def rolled(step: Step, layout: Layout, x: Tensor, steps: int) -> Float[Tensor, "run step outputs *space"]:
    """A one-step forecast run many steps.

    Args:
        step: The forecast.
        layout: The channels of its input, which has no constants.
        x: The input of the first step.
        steps: Number of steps.
    """
    channels, states = layout.output().channels, []
    for _ in range(steps):
        states.append(step(x))
        x = torch.cat([x[:, channels:], states[-1]], 1)
    return torch.stack(states, 1)


def rollout_errors(
    prediction: Float[Tensor, "run step outputs *space"],
    truth: Float[Tensor, "run step outputs *space"],
    windows: Sequence[str],
) -> dict[str, list[float]]:
    """The pooled VRMSE of every run over windows of predicted steps, such as ``"6:12"``."""
    parts = {window: StepRange.parse(window).index for window in windows}
    dim = truth.ndim - 3
    return {name: _finite(pooled_errors(prediction[:, at], truth[:, at], dim=dim)) for name, at in parts.items()}


def detail(
    prediction: Float[Tensor, "run step outputs *space"],
    truth: Float[Tensor, "run step outputs *space"],
    windows: Sequence[str],
) -> dict[str, list[float]]:
    """How much of the truth's detail every run keeps: mean squares of the gradient of the first field, their ratio.

    Below 1 it is blurred, above 1 rough.
    """
    return {
        name: _finite(_roughness(prediction[:, at]) / _roughness(truth[:, at]))
        for name, at in ((window, StepRange.parse(window).index) for window in windows)
    }


def spectrum(states: Float[Tensor, "run step outputs *space"], window: str) -> list[float]:
    """The energy spectrum of the first field, its mean over runs and the steps of a window."""
    _, energy = energy_spectrum(states[:, StepRange.parse(window).index, 0], dim=states.ndim - 3)
    return _finite(energy.mean((0, 1)))


def _roughness(states: Float[Tensor, "run step outputs *space"]) -> Float[Tensor, " run"]:
    """sum of k^2 E(k) of the first field over shells, its mean over steps."""
    wave, energy = energy_spectrum(states[:, :, 0], dim=states.ndim - 3)
    return (wave.square() * energy).sum(-1).mean(1)


def _finite(values: Tensor) -> list[float]:
    found: list[float] = values.tolist()
    return found


def one_step_errors(
    model: Step,
    x: Float[Tensor, "window inputs *space"],
    y: Float[Tensor, "window outputs *space"],
    layout: Layout,
    *,
    batch_size: int = 8,
) -> ErrorReport:
    """Errors of one-step predictions, in physical units.

    Args:
        model: From inputs to the next state.
        x: Windows that the model is given.
        y: What follows them.
        layout: The channels of `x` (or of `y`).
        batch_size: Windows at a time.
    """
    errors = FieldErrors(layout)
    with torch.no_grad():
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            errors.update(model(x[part]), y[part])
    return errors.compute()


def prediction_errors(
    prediction: Float[Tensor, "run step outputs *space"],
    truth: Float[Tensor, "run step outputs *space"],
    layout: Layout,
    windows: Sequence[str],
) -> ErrorReport:
    """Errors of rollouts over windows of predicted steps.

    Args:
        prediction: What a rollout gives.
        truth: The states that follow the first history.
        layout: The channels of the model's input.
        windows: Such as ``"6:12"``.
    """
    errors = FieldErrors(layout)
    errors.update(prediction, truth)
    return errors.compute(windows)
