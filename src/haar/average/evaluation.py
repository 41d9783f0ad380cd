"""What averaging does to a model's errors on labelled trajectories: field by field, window by window, in pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float64
from torch import Tensor

from haar.actions import Layout, Symmetry
from haar.average.average import average
from haar.average.engine import Averaged
from haar.average.rollout import Rollout
from haar.average.weighted import Given
from haar.data.metrics.pointwise import NEAR_CONSTANT, SpaceMoments
from haar.data.metrics.steps import ONE_STEP, PROTOCOL, StepRange
from haar.data.well.trajectories import Trajectories, Trajectory
from haar.errors import ArgumentError, check_count, known_keywords
from haar.report import Report, Section, Table
from haar.report.table import Cell
from haar.seeding import Seed, generator_of
from haar.statistics import FEWEST, Estimate, Resampler
from haar.watch import Unwatched, Watch


@dataclass(frozen=True)
class FieldChange:
    """What averaging does to the error of one field over one window of predicted steps.

    Attributes:
        window: Which predicted steps; 1 is one step ahead from everywhere in the trajectories.
        field: Name of the field, or ``"all"``.
        base: VRMSE of the model: its mean over trajectories, steps and components.
        averaged: The same of the average.
        change: averaged / base - 1, with the interval of a bootstrap that draws trajectories, each with both errors.
        pooled_base: The model's pooled VRMSE, a ratio of sums, which nearly constant truths do not rule: channels whose
            mean variance is below 1e-5 are left out (NaN where none is left), as in `haar.data.metrics.pooled_errors`.
        pooled_averaged: The same of the average.
        verdict: ``"lower"`` or ``"higher"`` if the interval says so, else ``"cannot be told"``.
    """

    window: str
    field: str
    base: float
    averaged: float
    change: Estimate
    pooled_base: float
    pooled_averaged: float

    @property
    def verdict(self) -> str:
        """Whether the error is lower or higher."""
        if self.change.high < 0:
            return "lower"
        return "higher" if self.change.low > 0 else "cannot be told"


@dataclass(frozen=True)
class Evaluation(Report):
    """The errors of a model and of its average, in pairs.

    Args:
        group: Name of the group.
        mode: How rollouts were averaged.
        trajectories: Number of trajectories.
        changes: One for every window and field.
    """

    kind: ClassVar[str] = "evaluation"
    title: ClassVar[str] = "A model and its average"  # type: ignore[misc]

    group: str
    mode: str
    trajectories: int
    changes: tuple[FieldChange, ...]

    def of(self, window: str, field: str = "all") -> FieldChange:
        """One row.

        Raises:
            ArgumentError: If there is none.
        """
        for change in self.changes:
            if (change.window, change.field) == (window, field):
                return change
        there = ", ".join(f"{change.window} {change.field}" for change in self.changes)
        raise ArgumentError("window, field", expected=f"one of {there}", got=f"{window} {field}")

    @property
    def summary(self) -> str:
        """The change of all fields in every window."""
        told = [f"steps {row.window}: {row.change:+.1%}, {row.verdict}" for row in self.changes if row.field == "all"]
        return f"VRMSE averaged over {self.group}, {self.trajectories} trajectories; " + "; ".join(told) + "."

    def contents(self) -> dict[str, Any]:
        """Group, mode, and every row."""
        rows = [{**vars(row), "change": row.change.to_dict(), "verdict": row.verdict} for row in self.changes]
        return {"group": self.group, "mode": self.mode, "trajectories": self.trajectories, "changes": rows}

    def sections(self) -> Sequence[Section]:
        """One table."""
        rows: list[tuple[Cell, ...]] = [
            (
                row.window,
                row.field,
                row.base,
                row.averaged,
                *(f"{end:+.1%}" if math.isfinite(end) else None for end in vars(row.change).values()),
                row.verdict,
                row.pooled_base,
                row.pooled_averaged,
            )
            for row in self.changes
        ]
        columns = (
            "steps",
            "field",
            "VRMSE",
            "averaged",
            "change",
            "from",
            "to",
            "verdict",
            "pooled",
            "pooled averaged",
        )
        note = (
            f"{self.trajectories} trajectories; intervals (95 %) are of a bootstrap over trajectories, each with both "
            "errors. Pooled: root of all squared errors over all variances, without nearly constant channels."
        )
        return [Section("Errors", table=Table(f"Averaged over {self.group}", columns, rows, note))]


@known_keywords
def evaluate(
    model: Callable[..., Any],
    symmetry: Symmetry,
    trajectories: Trajectories,
    *,
    windows: Sequence[str | StepRange] | None = None,
    per_run: int = 8,
    mode: str = "step",
    batch_size: int = 8,
    draws: int = 1000,
    seed: Seed = 0,
    micro_batch: int | str = "auto",
    watch: Watch = Unwatched(),
) -> Evaluation:
    """Compare a one-step model with its average on labelled trajectories.

    Args:
        model: ``(batch, history * fields + constants, *space) -> (batch, fields, *space)``, in physical units.
        symmetry: How the group acts on the input and on the next state, as `Symmetry.of_fields` makes it.
        trajectories: Runs that the model has not seen.
        windows: Of predicted steps; None takes those of 1, 6:12 and 13:30 that the trajectories reach. Window 1 is one
            step ahead from `per_run` places spread over every trajectory; the others are rolled out from its start.
        per_run: Places of every trajectory for window 1.
        mode: How rollouts are averaged, see `Rollout`.
        batch_size: Inputs at a time.
        draws: Draws of the bootstrap.
        seed: Seed of the bootstrap, and of a stochastic rollout.
        micro_batch: Elements per forward pass, or ``"auto"``.
        watch: Told of every batch.

    Returns:
        For every window and field both errors, and their change with its interval (none from fewer than five
        trajectories).

    Raises:
        ArgumentError: If a number is below 1, a window is not reached, the model is not one of fields, or there are no
            trajectories.

    Example:
        >>> from haar.data.well.examples import small_well
        >>> from haar.groups import dihedral
        >>> with small_well() as root:  # 2 trajectories of a tracer and a velocity on 8 x 8 points
        ...     runs = Trajectories(root)
        ...     symmetry = Symmetry.of_fields(dihedral(4), runs.layout.fields, history=1)
        ...     found = evaluate(torch.nn.Conv2d(3, 3, 3, padding=1), symmetry, runs, windows=["1"])
        >>> [row.field for row in found.changes]
        ['all', 'tracer', 'velocity']

    Source: protocol and VRMSE of Ohana et al., arXiv 2412.00568.
    """
    for name, value in {"per_run": per_run, "batch_size": batch_size, "draws": draws}.items():
        check_count(name, value)
    if not hasattr(trajectories, "layout"):
        raise ArgumentError(
            "trajectories",
            expected="haar.data.Trajectories: whole runs, which rollouts are compared with",
            got=type(trajectories).__name__,
            way_out="haar.data.Trajectories(folder, split='test'); pairs of inputs and labels are for haar.audit",
        )
    turn = seed if isinstance(seed, int) else 0
    pair = _Pair(
        one=(
            average(model, symmetry, Given(symmetry.group.identity()[None]), micro_batch=micro_batch),
            average(model, symmetry, micro_batch=micro_batch),
        ),
        many=(
            Rollout(model, symmetry, mode="plain", micro_batch=micro_batch),
            Rollout(model, symmetry, mode=mode, seed=turn, micro_batch=micro_batch),
        ),
    )
    runs = [trajectories[index] for index in range(len(trajectories))]
    chosen = _chosen(windows, min(len(run) for run in runs) - pair.many[0].history)
    parts: list[dict[StepRange, Tensor]] = []
    with watch.stage(f"errors averaged over {symmetry.group.name}", len(runs)) as advance, torch.no_grad():
        for run in runs:
            parts.append(pair.errors(run, chosen, per_run, batch_size))
            advance()
    drawn = Resampler(len(runs), draws=draws, generator=generator_of(seed))
    layout = trajectories.layout.output()
    changes = [
        _change(str(window), name, torch.stack([part[window] for part in parts])[..., channels], drawn)
        for window in chosen
        for name, channels in {"all": slice(None), **layout.slices()}.items()
    ]
    return Evaluation(symmetry.group.name, mode, len(runs), tuple(changes))


@dataclass(frozen=True)
class _Pair:
    """A model and its average, one step ahead and rolled out."""

    one: tuple[Averaged, Averaged]
    many: tuple[Rollout, Rollout]

    def errors(
        self, run: Trajectory, chosen: Sequence[StepRange], per_run: int, batch_size: int
    ) -> dict[StepRange, Tensor]:
        """Those of one trajectory, in every window."""
        history, layout, found = self.many[0].history, run.layout.output(), {}
        if ONE_STEP in chosen:
            last = len(run) - history - 1
            places = torch.linspace(0, last, min(per_run, last + 1), dtype=torch.float64).round().long()
            x = torch.stack([run.history(history, place) for place in places.tolist()])
            base, averaged = (torch.cat([each(part) for part in x.split(batch_size)]) for each in self.one)
            found[ONE_STEP] = _errors(base, averaged, run.states[history + places], layout)
        rest = [window for window in chosen if window != ONE_STEP]
        if rest:
            start, future = run.history(history)[None], run.future(history)
            base, averaged = (each(start, max(window.last for window in rest))[0] for each in self.many)
            for window in rest:
                at = window.index
                found[window] = _errors(base[at], averaged[at], future[at], layout)
        return found


#: What is kept of a trajectory in a window, for the model and for its average, channel by channel: means over steps.
_VRMSE, _SQUARED, _VARIANCE = range(3)


def _errors(base: Tensor, averaged: Tensor, truth: Tensor, layout: Layout) -> Float64[Tensor, "two kind channel"]:
    found = []
    for prediction in (base, averaged):
        moments = SpaceMoments.of(prediction, truth.to(prediction.device), layout.dim)
        values = [moments.vrmse(), moments.squared_error, moments.variance]
        found.append(torch.nan_to_num(torch.stack(values).mean(1).cpu(), nan=torch.inf))
    return torch.stack(found)


def _chosen(windows: Sequence[str | StepRange] | None, reach: int) -> list[StepRange]:
    if windows is None:
        return [window for window in PROTOCOL if window.last <= reach]
    chosen = [StepRange.parse(window) for window in windows]
    for window in chosen:
        if window.last > reach:
            raise ArgumentError("windows", expected=f"steps within 1:{reach}", got=str(window))
    return chosen


def _change(
    window: str, field: str, of_field: Float64[Tensor, "run two kind channel"], drawn: Resampler
) -> FieldChange:
    base, averaged = of_field[:, :, _VRMSE].mean(-1).unbind(1)
    value = float(averaged.mean() / base.mean() - 1)
    low = high = math.nan
    if len(of_field) >= FEWEST and math.isfinite(value):
        ends = drawn.interval(drawn.sums(averaged) / drawn.sums(base) - 1)
        low, high = (float(end) for end in ends)
    sums = of_field.mean(0)
    varies = sums[0, _VARIANCE] >= NEAR_CONSTANT  # the rule of `pooled_errors`
    pooled = (sums[:, _SQUARED, varies] / sums[:, _VARIANCE, varies]).mean(-1).sqrt().tolist()
    return FieldChange(window, field, float(base.mean()), float(averaged.mean()), Estimate(value, low, high), *pooled)
