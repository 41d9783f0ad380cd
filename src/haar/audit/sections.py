"""How an audit is told: tables and figures of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from haar.audit.conventions import ConventionAudit
from haar.audit.findings import Findings
from haar.audit.layers import LayerDefect
from haar.audit.lie import LieDefect
from haar.audit.recommendation import Recommendation
from haar.moments import DistributionalDefect
from haar.report import Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, draw_bars, new_figure, style_axes

#: More bars than this are not drawn one by one.
_MOST_BARS = 24


def audit_sections(
    found: Findings,
    advice: Recommendation,
    group: str,
    layers: Sequence[LayerDefect],
    lie: Sequence[LieDefect],
    *,
    remarks: Sequence[str] = (),
) -> list[Section]:
    """All sections, the most important first."""
    sections = [
        Section(
            "What to do",
            text=f"**{advice.verdict}.** {advice.sentence}\n\n" + "\n\n".join(advice.evidence),
            table=replace(_summary(found, group), note=" ".join(remarks)),
            figure=overview(found, group),
            caption="Defect of every element against the floor; what averaging takes off the loss; where the defect "
            "lives; whether the data are symmetric.",
        ),
        Section("Defect, element by element", table=_elements(found)),
    ]
    if len(found.parts) > 1:
        told = "in the units of the scale" if found.units == "scale" else "relative to its own spread"
        sections.append(
            Section(
                "Outputs and fields, each in its own units",
                text=f"Sums over all of them, here and above, take each {told}, so that no unit outweighs another.",
                table=_parts(found),
            )
        )
    if found.subgroups:
        sections.append(
            Section(
                "Subgroups",
                text="What averaging over a subgroup removes (predicted, without labels), and its gain on labels. "
                "Data closed: no element is rejected below; – where the trajectories are too few to reject any.",
                table=_subgroups(found),
            )
        )
    if found.components:
        sections.append(Section("Irreducible components of the defect", table=_components(found)))
    if found.closure:
        sections.append(
            Section(
                "Symmetry of the data",
                text="Randomisation tests over trajectories: is g x distributed as x? A rejected element is a warning: "
                "the model would be asked about inputs it has never seen. p: after Holm's correction for many tests.",
                table=_closure(found),
            )
        )
    if lie:
        rows = [(f"X{d.generator}", d.defect, d.relative) for d in lie]
        sections.append(Section("Lie derivatives", table=Table("", ("generator", "defect", "relative"), rows)))
    if layers:
        sections.append(
            Section(
                "Layer by layer",
                text="Geometry: the error of the layer's padding, stride and size, whatever its weights. Unexplained: "
                "the part of its features' change that no linear map of channels accounts for.",
                table=_layers(layers),
            )
        )
    return sections


def beside(conventions: ConventionAudit | None, distribution: DistributionalDefect | None) -> list[Section]:
    """The sections of audits that were made beside this one: conventions only where they are contradicted."""
    told: list[Section] = []
    if conventions is not None and conventions.warning:
        told += [replace(one, title="Conventions that the labels contradict") for one in conventions.sections()]
    if distribution is not None:
        told += [replace(one, title="Symmetry in distribution") for one in distribution.sections()]
    return told


def overview(found: Findings, group: str) -> Figure:
    """Four panels: defects, the loss, components, data."""
    figure = new_figure(11, 6.2)
    axes = figure.subplots(2, 2)
    draw_defects(axes[0, 0], found)
    _draw_loss(axes[0, 1], found, group)
    _draw_components(axes[1, 0], found)
    _draw_closure(axes[1, 1], found)
    return figure


def draw_defects(axes: Axes, found: Findings) -> None:
    """The relative defect of every element, with its interval, against the floor."""
    shown = sorted(found.elements, key=lambda e: -e.relative.value)[:_MOST_BARS]
    shown = [e for e in found.elements if e in shown]
    ax = style_axes(
        axes, title="Relative defect of every element (red: contradicts the MSE)", y="defect / spread of predictions"
    )
    colours = [WARNING if e.contradiction else AVERAGED for e in shown]
    names, intervals = [e.element for e in shown], {"": [(e.relative.low, e.relative.high) for e in shown]}
    draw_bars(
        ax, names, {"": [e.relative.value for e in shown]}, [colours], intervals=intervals, slanted=len(shown) > 8
    )
    ax.axhline(found.floor, color=BASE, linewidth=1, linestyle="--", label=f"floor {found.floor:.1e}")
    ax.margins(y=0.18)
    ax.legend(fontsize=8, frameon=False, loc="upper right")


def _draw_loss(axes: Axes, found: Findings, group: str) -> None:
    if found.mse is None:
        ax = style_axes(axes, title="Predicted fall of the MSE (no labels)", y="mean square")
        names = [h.name for h in found.subgroups][:_MOST_BARS] or [group]
        values = [h.removed.value for h in found.subgroups][:_MOST_BARS] or [found.removed.value]
        draw_bars(ax, names, {"": values}, slanted=True)
        return
    ax = style_axes(axes, title="The loss after averaging (red: worse than the model)", y="MSE")
    mse, judged = found.mse.value, sorted((h for h in found.subgroups if h.after is not None), key=lambda h: h.order)
    bars = [(h.name, h.after.value, mse - h.removed.value) for h in judged[:_MOST_BARS] if h.after is not None]
    names, after = ["model", *(name for name, *_ in bars)], [mse, *(value for _, value, _ in bars)]
    colours = [BASE, *(WARNING if value > mse else AVERAGED for value in after[1:])]
    draw_bars(ax, names, {"": after}, [colours], slanted=True)
    for place, (*_, predicted) in enumerate(bars, 1):
        ax.plot([place - 0.4, place + 0.4], [predicted, predicted], color="#e08a1e", linewidth=2)
    ax.plot([], [], color="#e08a1e", linewidth=2, label="predicted without labels")
    ax.axhline(0, color=BASE, linewidth=0.8)
    ax.margins(y=0.18)
    ax.legend(fontsize=8, frameon=False, loc="upper right")


def _draw_components(axes: Axes, found: Findings) -> None:
    ax = style_axes(axes, title="Irreducible components of the defect", y="share")
    shares = [c.share for c in found.components]
    intervals = {"": [(share.low, share.high) for share in shares]}
    draw_bars(ax, [c.name for c in found.components], {"": [share.value for share in shares]}, intervals=intervals)
    if not shares:
        ax.text(0.5, 0.5, "a whole finite group is needed", transform=ax.transAxes, ha="center", color=BASE)


def _draw_closure(axes: Axes, found: Findings) -> None:
    ax = style_axes(axes, title="Symmetry of the data: {g x} against {x} (red: rejected)", y="systematic share")
    shown = found.closure[:_MOST_BARS]
    colours = [WARNING if c.p <= found.significance else AVERAGED for c in shown]
    names = [c.element for c in shown]
    draw_bars(ax, names, {"": [c.systematic for c in shown]}, [colours], slanted=len(shown) > 8)
    for k, c in enumerate(shown):
        ax.text(k, c.systematic, f"p={c.p:.2g}", ha="center", va="bottom", fontsize=7)
    ax.set_ylim(0, 1.05)
    if not shown:
        ax.text(0.5, 0.5, "not tested", transform=ax.transAxes, ha="center", color=BASE)


def _summary(found: Findings, group: str) -> Table:
    rows: list[tuple[str, float | None, str]] = [
        ("relative defect, root mean square over the orbit", _orbit_relative(found), f"floor {found.floor:.1e}"),
        (
            "predicted fall of the MSE (no labels)",
            found.removed.value,
            found.removed.interval,
        ),
    ]
    for label, estimate in (
        ("MSE", found.mse),
        (f"MSE averaged over {group}", found.mse_after),
        ("measured fall", found.gain),
    ):
        if estimate is not None:
            rows.append((label, estimate.value, estimate.interval))
    if found.mse_soft is not None and found.alpha is not None:
        rows.append(
            (
                f"MSE softly averaged, alpha = {min(max(found.alpha.value, 0), 1):.2f}",
                found.mse_soft,
                "fitted on the same samples",
            )
        )
    return Table("", ("quantity", "value", "interval / note"), rows)


def _orbit_relative(found: Findings) -> float:
    squares = [e.relative.value**2 for e in found.elements]
    return float((sum(squares) / max(len(squares), 1)) ** 0.5)


def _elements(found: Findings) -> Table:
    rows = [
        (
            e.element,
            e.generator,
            e.absolute.value,
            e.relative.value,
            e.relative.interval,
            e.contradiction,
        )
        for e in found.elements[:128]
    ]
    note = "" if len(found.elements) <= 128 else f"the first 128 of {len(found.elements)} elements"
    return Table("", ("element", "generator", "defect", "relative", "interval", "contradicts the MSE"), rows, note)


def _parts(found: Findings) -> Table:
    rows = [
        (
            p.name,
            p.unit,
            p.defect,
            p.element,
            p.removed.value,
            None if p.gain is None else p.gain.value,
            None if p.mse is None else p.mse.value,
        )
        for p in found.parts
    ]
    columns = ("part", "spread", "worst defect / spread", "element", "removed (predicted)", "gain (measured)", "MSE")
    return Table("", columns, rows)


def _subgroups(found: Findings) -> Table:
    rows = [
        (
            h.name,
            h.order,
            h.removed.value,
            None if h.gain is None else h.gain.value,
            None if h.after is None else h.after.value,
            h.closed,
        )
        for h in found.subgroups
    ]
    return Table("", ("subgroup", "order", "removed (predicted)", "gain (measured)", "MSE after", "data closed"), rows)


def _components(found: Findings) -> Table:
    rows = [(c.name, c.dim, c.share.value, c.share.interval) for c in found.components]
    return Table("", ("component", "dimension", "share of the orbit variance", "interval"), rows)


def _closure(found: Findings) -> Table:
    rows = [(c.element, c.systematic, c.statistic, c.distance, c.p, c.p <= found.significance) for c in found.closure]
    columns = ("element", "systematic share", "statistic", "distance of mean fields", "p (Holm)", "rejected")
    return Table("", columns, rows)


def _layers(layers: Sequence[LayerDefect]) -> Table:
    rows = [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.shape)),
            layer.geometry,
            layer.element,
            layer.unexplained,
            layer.reason,
        )
        for layer in layers
    ]
    return Table("", ("layer", "kind", "output", "geometry", "worst element", "unexplained", "reason"), rows)
