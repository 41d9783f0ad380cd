"""How a check is told: the answer first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import AVERAGED, BASE, COLOURS, INK, new_figure, style_axes
from haar.statistics import Estimate

if TYPE_CHECKING:
    from haar.check.measured import Measured
    from haar.check.outcome import Outcome
    from haar.check.relaxed import Gains
#: Name, value and colour of a bar.
_Bar = tuple[str, Estimate, str]

#: The staircase is in the scale of the discovery, not of the rest of the page.
_SCALE = (
    "Defects of finite groups: 1 is what unrelated answers differ by, sqrt(2) times the spread of the predictions, in "
    "which defects are told elsewhere on this page. Of continuous ones: 1 is a generator unrelated to the model."
)


def sections(check: Outcome) -> list[Section]:
    """All sections of a page.

    Args:
        check: What was found and done.
    """
    made = [_answer(check)]
    made.append(Section("What to type next", text="\n\n".join(f"`{command}`" for command in check.commands)))
    if check.discovery is not None:
        made += [_staircase(check)]
    if check.audit is not None:
        made += list(check.audit.sections())
    return made


def _answer(check: Outcome) -> Section:
    text = f"**{check.action.capitalize()}.** {check.summary}"
    if check.repair is not None and check.action != "leave alone":
        text += f"\n\nThe audit, on samples that the numbers here do not rest on: {check.repair.why}"
    if check.written is not None:
        kind = "an ONNX graph" if check.written.suffix == ".onnx" else "a `torch.export` program"
        text += f"\n\nThe repaired model: `{check.written.name}`, {kind} that needs no haar."
    if check.not_written:
        text += f"\n\nThe repaired model was not written: {check.not_written}"
    seen = check.measured
    if seen is None:
        return Section("Answer", text=text)
    defects: list[str | float | None] = [
        "largest relative defect",
        *_cells(seen.defect_before),
        *_cells(seen.defect_after),
    ]
    rows: list[Sequence[str | float | None]] = [defects]
    if seen.loss_before is not None and seen.loss_after is not None:
        rows.insert(0, ["mean squared error", *_cells(seen.loss_before), *_cells(seen.loss_after)])
    columns = ("on held-out samples", "before", "from", "to", "after", "from ", "to ")
    note = f"{seen.rows} samples, {seen.units} of them independent; {seen.elements} elements looked at."
    gains = None if check.relaxed is None else check.relaxed.gains
    caption = "Error and defect on held-out samples before and after, with intervals over independent samples."
    if gains is not None:
        caption += " Beside them, what fine-tuning gained without the symmetry and with it."
    return Section(
        "Answer",
        text=text,
        table=Table("Before and after", columns, rows, note=note),
        figure=before_and_after(seen, gains),
        caption=caption,
    )


def before_and_after(seen: Measured, gains: Gains | None = None) -> Figure:
    """Error and defect before and after, with their intervals; and what training without the symmetry gained as long.

    Args:
        seen: What was measured.
        gains: Of a relaxed copy and of a plain one, where they were trained.
    """
    panels: list[tuple[str, list[_Bar]]] = [
        ("largest relative defect", _sides(seen.defect_before, seen.defect_after)),
    ]
    if seen.loss_before is not None and seen.loss_after is not None:
        panels.insert(0, ("mean squared error", _sides(seen.loss_before, seen.loss_after)))
    if gains is not None:
        bars = [("plain fine-tuning", gains.plain, COLOURS[1]), ("relaxed", gains.change, AVERAGED)]
        panels.append(("change of the error, relative", bars))
    figure = new_figure(4 * len(panels), 2.6)
    for k, (title, bars) in enumerate(panels):
        _draw(style_axes(figure.add_subplot(1, len(panels), k + 1), title=title), bars)
    return figure


def _sides(before: Estimate, after: Estimate) -> list[_Bar]:
    return [("before", before, BASE), ("after", after, AVERAGED)]


def _draw(axes: Axes, bars: Sequence[_Bar]) -> None:
    """Bars with intervals; a number above each, or below what is negative."""
    for place, (_, value, colour) in enumerate(bars):
        low, high = (value.value if math.isnan(end) else end for end in (value.low, value.high))
        axes.bar(place, value.value, width=0.55, color=colour)
        axes.errorbar(
            place,
            value.value,
            yerr=[[max(value.value - low, 0)], [max(high - value.value, 0)]],
            color=INK,
            capsize=4,
        )
        end, side, off = (low, "top", -2) if value.value < 0 else (high, "bottom", 2)
        text, at = f"{value.value:.2g}", (place, end)
        axes.annotate(text, at, (0, off), textcoords="offset points", ha="center", va=side, fontsize=9)
    axes.set_xticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.margins(y=0.15)


def _cells(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]


def _staircase(check: Outcome) -> Section:
    found = check.discovery
    if found is None:
        return Section()
    rows = [
        [step.name, step.kind, step.size, step.grade, *_cells(step.defect), step.outside] for step in found.staircase
    ]
    columns = ("symmetry", "kind", "size", "grade", "defect", "from", "to", "outside")
    table = Table("What the model has", columns, rows, note=_SCALE) if rows else None
    remarks = "\n\n".join(found.remarks)
    return Section("Which symmetry the model has", text=f"{found.summary}\n\n{remarks}".strip(), table=table)
