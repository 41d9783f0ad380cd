"""The errors of a model over a data set: update, merge, compute, over sums that do not mind how they were split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
import torch.distributed as dist
from jaxtyping import Real
from torch import Tensor

from haar.actions.layout import Layout
from haar.data.metrics.error_report import ErrorReport
from haar.data.metrics.pointwise import EPSILON, NEAR_CONSTANT, SpaceMoments
from haar.data.metrics.steps import PROTOCOL, StepRange
from haar.errors import ArgumentError, ShapeError

_SUMS = (
    "count",
    "vrmse",
    "nrmse",
    "rmse",
    "mae",
    "squared_error",
    "variance",
    "predicted_variance",
    "near_constant",
    "diverged",
)


class FieldErrors:
    """Gathers the errors of predictions, for every predicted step and channel, as float64 sums over samples.

    The sums of several processes are added by `merge` (or `all_reduce`), so the answer does not depend on how the
    samples were divided among them, but for the rounding of a float64 sum.

    A prediction that is NaN or infinite counts as diverged: its errors are infinite, and so are the means that it
    enters.

    Args:
        layout: The channels of one predicted step: `Windows.outputs`, or `Layout.output()` of a model's input. With a
            history it is reduced to one step.

    Example:
        >>> errors = FieldErrors(Layout.parse("p, u:vector", dim=1))
        >>> truth = torch.tensor([[[0.0, 2.0, 0.0, 2.0], [1.0, 2.0, 3.0, 4.0]]])
        >>> errors.update(truth + 1.0, truth)
        >>> report = errors.compute()
        >>> report.value("rmse", field="p"), round(report.value("vrmse", field="p"), 4)
        (1.0, 0.866)
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout.output()
        self._sums = {name: torch.zeros(0, self.layout.channels, dtype=torch.float64) for name in _SUMS}

    @property
    def sums(self) -> dict[str, Tensor]:
        """What has been added up, each (step, channel), float64: to be stored or sent."""
        return dict(self._sums)

    @property
    def steps(self) -> int:
        """How many predicted steps have been seen."""
        return int(self._sums["count"].shape[0])

    def update(self, prediction: Real[Tensor, "*predicted"], truth: Real[Tensor, "*true"]) -> None:
        """Add a batch of predictions, in physical units.

        Args:
            prediction: (batch, channel, *space) for one step, or (batch, time, channel, *space) for a rollout, or, as
                `Windows` stacks them, (batch, time * channel, *space).
            truth: True fields, of the same shape.

        Raises:
            ShapeError: If the shapes differ, or the channels are not those of the layout.
            ArgumentError: If the truth is not finite, or space has a single point.
        """
        dim, channels = self.layout.dim, self.layout.channels
        if prediction.shape != truth.shape:
            raise ShapeError(
                "prediction", expected=f"the shape of the truth {tuple(truth.shape)}", got=tuple(prediction.shape)
            )
        lead = truth.ndim - dim
        if lead == 2 and truth.shape[1] % channels == 0 and truth.shape[1]:
            prediction, truth = (x.unflatten(1, (-1, channels)) for x in (prediction, truth))
        elif lead != 3 or truth.shape[2] != channels:
            raise ShapeError(
                "truth",
                expected=f"(batch, [time,] {channels} channels, {dim} space axes)",
                got=f"shape {tuple(truth.shape)}",
            )
        moments = SpaceMoments.of(prediction, truth, dim)
        lost = ~torch.isfinite(moments.squared_error)
        infinite = torch.full_like(moments.squared_error, torch.inf)

        def whole(values: Tensor) -> Tensor:
            return torch.where(lost, infinite, values)

        terms = {
            "count": torch.ones_like(moments.variance),
            "vrmse": whole(moments.vrmse()),
            "nrmse": whole(moments.nrmse()),
            "rmse": whole(moments.rmse()),
            "mae": whole(moments.absolute_error),
            "squared_error": whole(moments.squared_error),
            "variance": moments.variance,
            "predicted_variance": whole(moments.predicted_variance),
            "near_constant": (moments.variance < NEAR_CONSTANT).double(),
            "diverged": lost.double(),
        }
        self._add({name: term.sum(0).cpu() for name, term in terms.items()})

    def merge(self, other: FieldErrors) -> FieldErrors:
        """Add what another accumulator has gathered, and return this one.

        Raises:
            ArgumentError: If it gathers the errors of another layout.
        """
        if other.layout != self.layout:
            raise ArgumentError("other", expected=f"the layout {self.layout}", got=other.layout)
        self._add(other.sums)
        return self

    def all_reduce(self) -> FieldErrors:
        """Add what all processes of the default group have gathered; each then has the same sums, and returns itself.

        Without an initialised group of processes there is nothing to add.
        """
        if dist.is_available() and dist.is_initialized():
            everyone: list[FieldErrors | None] = [None] * dist.get_world_size()
            dist.all_gather_object(everyone, self)
            total = FieldErrors(self.layout)
            for each in everyone:
                if each is not None:
                    total.merge(each)
            self._sums = total.sums
        return self

    def compute(self, windows: Iterable[str | StepRange] | None = None) -> ErrorReport:
        """The mean errors over windows of predicted steps.

        Args:
            windows: For example ``["1", "6:12"]``; None takes those of 1, 6:12 and 13:30 that the rollouts reach.

        Raises:
            ArgumentError: If nothing was added yet, or a window reaches beyond the last predicted step.
        """
        if not self.steps:
            raise ArgumentError("errors", expected="at least one update before compute", got="none")
        if windows is None:
            chosen = [window for window in PROTOCOL if window.last <= self.steps]
        else:
            chosen = [StepRange.parse(window) for window in windows]
        for window in chosen:
            if window.last > self.steps:
                raise ArgumentError("windows", expected=f"steps within 1:{self.steps}", got=f"{window}")
        return ErrorReport(
            layout=self.layout,
            windows={window: _means({n: s[window.index].sum(0) for n, s in self._sums.items()}) for window in chosen},
            by_step=_means(self._sums),
        )

    def _add(self, terms: Mapping[str, Tensor]) -> None:
        before = self.steps
        steps = max(before, terms["count"].shape[0])
        for name in _SUMS:
            total = torch.zeros(steps, self.layout.channels, dtype=torch.float64)
            total[:before] += self._sums[name]
            total[: terms[name].shape[0]] += terms[name]
            self._sums[name] = total


def _means(sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Means over samples (and steps), for every channel (and step)."""
    count = sums["count"]
    found = {name: sums[name] / count for name in ("vrmse", "nrmse", "rmse", "mae", "near_constant", "diverged")}
    # One ratio of sums in place of a mean of ratios: it does not explode where a single truth is nearly constant.
    found["pooled_vrmse"] = (sums["squared_error"] / (sums["variance"] + EPSILON * count)).sqrt()
    found["variance_ratio"] = sums["predicted_variance"] / sums["variance"]
    found["samples"] = count
    return found
