"""How a check is told: the answer first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import AVERAGED, BASE, new_figure, style_axes
from haar.statistics import Estimate

if TYPE_CHECKING:
    from haar.check.measured import Measured
    from haar.check.outcome import Outcome

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
        text += f"\n\nThe repaired model: `{check.written.name}`, a `torch.export` program that needs no haar."
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
    return Section(
        "Answer",
        text=text,
        table=Table("Before and after", columns, rows, note=note),
        figure=before_and_after(seen),
        caption="Error and defect on held-out samples before and after, with intervals over independent samples.",
    )


def before_and_after(seen: Measured) -> Figure:
    """Error and defect before and after, with their intervals.

    Args:
        seen: What was measured.
    """
    pairs = [("largest relative defect", seen.defect_before, seen.defect_after)]
    if seen.loss_before is not None and seen.loss_after is not None:
        pairs.insert(0, ("mean squared error", seen.loss_before, seen.loss_after))
    figure = new_figure(4 * len(pairs), 2.6)
    for k, (title, before, after) in enumerate(pairs):
        axes = style_axes(figure.add_subplot(1, len(pairs), k + 1), title=title)
        for place, (value, colour) in enumerate(((before, BASE), (after, AVERAGED))):
            low, high = (value.value if math.isnan(end) else end for end in (value.low, value.high))
            axes.bar(place, value.value, width=0.55, color=colour)
            axes.errorbar(
                place,
                value.value,
                yerr=[[max(value.value - low, 0)], [max(high - value.value, 0)]],
                color="#1c2230",
                capsize=4,
            )
            axes.annotate(f"{value.value:.2g}", (place, high), ha="center", va="bottom", fontsize=9)
        axes.set_xticks([0, 1], ["before", "after"])
        axes.set_xlim(-0.6, 1.6)
        axes.margins(y=0.15)
    return figure


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
