"""What came out: every metric by window, step and field, to be read, saved or drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions.layout import Layout
from haar.data.metrics.steps import StepRange
from haar.data.naming import known
from haar.errors import ArgumentError
from haar.report import Report, Section, Table
from haar.report.drawing import draw_curves, figure_of, new_figure, style_axes
from haar.report.table import Cell

METRICS = (
    "vrmse",
    "pooled_vrmse",
    "nrmse",
    "rmse",
    "mae",
    "variance_ratio",
    "near_constant",
    "diverged",
)
_CAPTION = "The error of every predicted step, averaged over samples and the components of each field."


@dataclass(frozen=True)
class ErrorReport(Report):
    """The mean errors of a model.

    Metrics: ``vrmse``, ``nrmse``, ``rmse`` and ``mae`` are means over samples, steps of the window and components of
    the field of the numbers that the functions of that name give; ``pooled_vrmse`` is sqrt(sum of squared errors / sum
    of variances); ``variance_ratio`` is the variance of the predictions over that of the truth (below 1: smoothed
    away); ``near_constant`` is the share of truths with a variance below 1e-5, where ``vrmse`` says nothing;
    ``diverged`` is the share of predictions that are NaN or infinite.

    Args:
        layout: The channels of one predicted step.
        windows: For every window the metrics of every channel.
        by_step: The metrics of every step and channel.
    """

    kind: ClassVar[str] = "errors"
    title: ClassVar[str] = "Errors of a surrogate"  # type: ignore[misc]

    layout: Layout
    windows: Mapping[StepRange, Mapping[str, Tensor]]
    by_step: Mapping[str, Tensor]

    def value(self, metric: str, *, window: str | StepRange = "1", field: str | None = None) -> float:
        """One number.

        Args:
            metric: One of the names above.
            window: Range of predicted steps, such as ``"6:12"``.
            field: A field, or None for the mean over all channels.

        Raises:
            ArgumentError: If there is no such metric, window or field.
        """
        known(metric, METRICS, argument="metric", kind="metric")
        steps = StepRange.parse(window)
        if steps not in self.windows:
            there = ", ".join(map(str, self.windows)) or "none"
            raise ArgumentError("window", expected=f"a window of this report ({there})", got=str(steps))
        return float(self._of(field, self.windows[steps][metric]))

    def curve(self, metric: str, *, field: str | None = None) -> list[float]:
        """One number for every predicted step.

        Raises:
            ArgumentError: If there is no such metric or field.
        """
        known(metric, METRICS, argument="metric", kind="metric")
        return [float(x) for x in self._of(field, self.by_step[metric])]

    @property
    def made_of(self) -> Mapping[str, object]:
        """Conventions."""
        return {
            "conventions": "VRMSE: root mean square error over the spread of the truth, as in The Well",
        }

    def contents(self) -> dict[str, Any]:
        """For every window and field (and ``"all"``) every metric; the same for every step."""
        return {
            "windows": {
                str(window): {
                    label: {metric: self.value(metric, window=window, field=name) for metric in METRICS}
                    for label, name in self._rows().items()
                }
                for window in self.windows
            },
            "steps": {
                label: {metric: self.curve(metric, field=name) for metric in METRICS}
                for label, name in self._rows().items()
            },
        }

    def sections(self) -> Sequence[Section]:
        """One table of all windows and fields, and the error against the predicted step."""
        rows: list[tuple[Cell, ...]] = [
            (str(window), label, *(self.value(metric, window=window, field=name) for metric in METRICS))
            for window in self.windows
            for label, name in self._rows().items()
        ]
        columns = ("steps", "field", *(metric.replace("_", " ") for metric in METRICS))
        return [Section("Errors", table=Table("Errors", columns, rows), figure=self.figure(), caption=_CAPTION)]

    def figure(self, metric: str = "vrmse", *, ax: Axes | None = None) -> Figure:
        """Draw a metric against the predicted step, a line for every field.

        Args:
            metric: Which.
            ax: Axes to draw it on; by default those of a new figure.

        Raises:
            ArgumentError: If there is no such metric.
        """
        known(metric, METRICS, argument="metric", kind="metric")
        axes = new_figure(5.0, 3.2).add_subplot() if ax is None else ax
        style_axes(axes, x="predicted step", y=metric.replace("_", " "))
        curves = {field.name: torch.tensor(self.curve(metric, field=field.name)) for field in self.layout.fields}
        shown = {name: curve.where(curve.isfinite(), torch.nan).tolist() for name, curve in curves.items()}
        draw_curves(axes, range(1, 1 + max(map(len, shown.values()), default=0)), shown)
        axes.legend(frameon=False, fontsize=8)
        return figure_of(axes)

    def _rows(self) -> dict[str, str | None]:
        return {"all": None, **{field.name: field.name for field in self.layout.fields}}

    def _of(self, field: str | None, channels: Tensor) -> Tensor:
        if field is None:
            return channels.mean(-1)
        slices = self.layout.slices()
        return channels[..., slices[known(field, slices, argument="field")]].mean(-1)
