"""Tables and figures of the measures: curves, gauges, symmetry under compression, and the published tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import BASE, draw_curves, log_scale, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread

Measures = Sequence[Mapping[str, Any]]
_PRUNING = ("random", "magnitude", "magnitude (row)", "wanda", "units")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    found = [
        Section("A language model, compressed", _CURVES, curves_table(measures), draw_damage(measures), _DAMAGE),
        Section("", _COPY, copy_table(measures)),
        Section("Damage on damage", _STACKED, stacked_table(measures)),
        Section("Who sees the choice of parameters", _GAUGE, gauge_table(measures, "llama")),
        Section("", "", gauge_table(measures, "gpt2")),
    ]
    if all("gated" in one["characters"] for one in measures):
        found.append(Section("Does a canonical gauge help?", _HELPS, canonical_table(measures)))
    found += [
        Section("Symmetry under compression", _SYMMETRY, symmetry_table(measures), draw_symmetry(measures), _SPLIT),
        Section("The published tables", _PUBLISHED, published_table(measures), draw_published(measures), _ROWS),
    ]
    return found


def _over(measures: Measures, *keys: str) -> Any:
    def at(one: Any) -> float:
        for key in keys:
            one = one[key]
        return math.nan if one is None else float(one)

    return spread(at(one) for one in measures)


def curves_table(measures: Measures) -> Table:
    """One row for each method, its levels side by side."""
    curves = measures[0]["characters"]["rectified"]["curves"]
    rows: list[list[Cell]] = []
    for name, levels in curves.items():
        values = {level: _over(measures, "characters", "rectified", "curves", name, level).value for level in levels}
        text = ", ".join(f"{level}: {value:.3g}" for level, value in values.items())
        rows.append([name, text, _crossing(measures, name)])
    dense = _over(measures, "characters", "rectified", "dense")
    note = f"median over networks; dense {dense.value:.3g}; at the crossing perplexity is 1.5 times that"
    return Table("Perplexity by level", ("method", "level: perplexity", "crossing"), rows, note)


def _crossing(measures: Measures, name: str) -> Cell:
    """The median of those networks that have one, and how many they are if not all."""
    held = [one["characters"]["rectified"]["crossings"] for one in measures]
    found = [one for one in held if name in one]
    if not found:
        return "none"
    value = spread(float(one[name]["value"]) for one in found).value
    if len(found) < len(held):
        return f"{value:.3g} ({len(found)} of {len(held)})"
    return None if math.isnan(value) else value


def draw_damage(measures: Measures) -> Figure:
    """Perplexity against sparsity, on the network and on its badly scaled copy."""
    figure = new_figure(8.4, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for panel, key, title in ((left, "curves", "as it came"), (right, "copy", "badly scaled copy")):
        style_axes(panel, title=title, x="sparsity", y="perplexity" if panel is left else "")
        held = measures[0]["characters"]["rectified"][key]
        for number, name in enumerate(_PRUNING):
            if name in held:
                levels = list(held[name])
                values = [[one["characters"]["rectified"][key][name][level] for one in measures] for level in levels]
                colours = ("#9aa1ad", "#2f6fdf", "#16889c", "#e08a1e", "#8e5bd0")
                draw_curves(panel, [float(level) for level in levels], {name: values}, (colours[number],))
        panel.axhline(_over(measures, "characters", "rectified", "dense").value, color=BASE, linewidth=1.0)
        log_scale(panel, "y", plain=True)
    share_legend(figure, (left, right), columns=5)
    return figure


def copy_table(measures: Measures) -> Table:
    """What each method costs on the badly scaled copy."""
    rows: list[list[Cell]] = []
    for name, levels in measures[0]["characters"]["rectified"]["copy"].items():
        for level in levels:
            raw = _over(measures, "characters", "rectified", "curves", name, level).value
            rows.append([name, level, raw, _over(measures, "characters", "rectified", "copy", name, level).value])
    return Table("The same function, badly scaled", ("method", "level", "as it came", "badly scaled"), rows)


def stacked_table(measures: Measures) -> Table:
    """The interaction of pruning and rounding."""
    grid = measures[0]["characters"]["rectified"]["stacked"]
    bits = list(next(iter(grid.values())))
    rows: list[list[Cell]] = [
        [share, *(_over(measures, "characters", "rectified", "stacked", share, bit).value for bit in bits)]
        for share in grid
    ]
    columns = ("pruned", *(f"{bit} bits" for bit in bits))
    return Table("log L(p, q) - log L(p, 0) - log L(0, q) + log L(0, 0)", columns, rows, "0: the damages add up")


def gauge_table(measures: Measures, key: str) -> Table:
    """Gaps by method and factor, the largest over seeds."""
    gaps = measures[0]["gauge"][key]["gaps"]
    factors = list(next(iter(gaps.values())))
    rows: list[list[Cell]] = []
    for method in gaps:
        cells = [_gap(_over(measures, "gauge", key, "gaps", method, factor).high) for factor in factors]
        rows.append([method, *cells, _gap(_over(measures, "gauge", key, "canonical", method).high)])
    title = {"llama": "Llama with grouped queries", "gpt2": "GPT-2 with ReLU"}[key]
    return Table(title, ("method", *factors, "all, canonical first"), rows, "largest over seeds; 0: below 1e-8")


def _gap(value: float) -> str:
    return "0" if value <= 1e-8 else f"{value:.2g}"


def canonical_table(measures: Measures) -> Table:
    """Perplexity by gauge."""
    gauges = [name for name in measures[0]["characters"]["gated"] if name != "unigram"]
    rows: list[list[Cell]] = []
    for method in (name for name in measures[0]["characters"]["gated"]["raw"] if name != "dense"):
        for level in measures[0]["characters"]["gated"]["raw"][method]:
            values = [_over(measures, "characters", "gated", gauge, method, level).value for gauge in gauges]
            rows.append([f"{method} {level}", *values])
    rows.insert(0, ["nothing", *(_over(measures, "characters", "gated", gauge, "dense").value for gauge in gauges)])
    return Table("Perplexity by the gauge that it was pruned in", ("method", *gauges), rows)


def symmetry_table(measures: Measures) -> Table:
    """The split of the loss at every level."""
    rows: list[list[Cell]] = []
    keys = ("loss", "orbit", "average", "spread", "defect", "of variance")
    for part in ("perceptron", "surrogate"):
        for name in ("magnitude", "quantise"):
            for level in measures[0]["symmetric"][part][name]:
                cells = [_over(measures, "symmetric", part, name, level, key).value for key in keys]
                rows.append([part, name, level, *cells])
    columns = (
        "network",
        "method",
        "level",
        "loss",
        "on the orbit",
        "of the average",
        "spread",
        "defect",
        "of variance",
    )
    return Table("What is left of a symmetry", columns, rows, "losses relative to the trivial answer's")


def draw_symmetry(measures: Measures) -> Figure:
    """The split against sparsity."""
    figure = new_figure(8.4, 3.4)
    panels = figure.subplots(1, 2)
    for panel, part in zip(panels, ("perceptron", "surrogate"), strict=True):
        style_axes(panel, title=part, x="sparsity (magnitude)", y="loss" if panel is panels[0] else "")
        rows = measures[0]["symmetric"][part]["magnitude"]
        levels = [0.0 if level == "dense" else float(level) for level in rows]
        lines = {
            label: [[one["symmetric"][part]["magnitude"][level][key] for one in measures] for level in rows]
            for label, key in {"on the orbit": "orbit", "of the average": "average", "spread": "spread"}.items()
        }
        draw_curves(panel, levels, lines)
        log_scale(panel, "y", plain=True)
    share_legend(figure, panels, columns=3)
    return figure


def published_table(measures: Measures) -> Table:
    """Crossings and kinks of the published rows, beside ours."""
    rows: list[list[Cell]] = []
    for name, row in measures[0]["published"]["tables"].items():
        law = row["law"]
        crossing = row["crossing"] if math.isfinite(row["crossing"]) else None
        kink = "–"
        if law is not None:
            kink = f"{law['kink']:.2f} [{law['low']:.2f}, {law['high']:.2f}]"
        rows.append(
            [
                name,
                crossing,
                kink,
                "yes" if law is not None and law["transition"] else "no",
                None if law is None else law["residual"],
                None if law is None else law["rival"],
            ]
        )
    columns = (
        "published row",
        "1.5 times the first value at",
        "kink",
        "transition",
        "law leaves",
        "smooth curve leaves",
    )
    note = "LLaMA-2-7B, WikiText-2; source: the authors' result tables (April and July 2025)"
    return Table("Thresholds of the published rows", columns, rows, note)


def draw_published(measures: Measures) -> Figure:
    """Published rows and ours, each over its own least damaged value."""
    figure = new_figure(8.4, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    style_axes(left, title="published, LLaMA-2-7B", x="sparsity", y="perplexity over the first")
    for name in ("magnitude", "Wanda", "SparseGPT", "ADMM", "SLEB", "SliceGPT"):
        row = measures[0]["published"]["tables"][name]
        left.plot(row["levels"], [v / row["values"][0] for v in row["values"]], "o-", markersize=3, label=name)
    style_axes(right, title="ours, characters", x="sparsity")
    for name in ("magnitude", "wanda", "units"):
        levels = list(measures[0]["characters"]["rectified"]["curves"][name])
        values = [_over(measures, "characters", "rectified", "curves", name, level).value for level in levels]
        right.plot([float(level) for level in levels], [v / values[0] for v in values], "o-", markersize=3, label=name)
    for panel in (left, right):
        log_scale(panel, "y")
        panel.set_ylim(0.8, 100)
        panel.axhline(1.5, color=BASE, linewidth=1.0, linestyle=":")
        panel.legend(fontsize=7, frameon=False)
    return figure


_CURVES = (
    "A decoder with ReLU in its MLPs has learned the text of Python's documentation, character by character. It was "
    "compressed in every way, level by level; nothing was trained afterwards."
)
_DAMAGE = "Perplexity against the share of weights taken away; on the right for a copy whose units are scaled badly."
_COPY = (
    "The copy computes the same function: its units stand in another order and are scaled by random factors, which "
    "ReLU lets pass. Methods that see sizes of weights alone are ruined by it; Wanda and the pruning of units do "
    "not notice."
)
_STACKED = "Pruning first, then rounding: how far the logarithm of the perplexity is from the sum of both damages."
_GAUGE = (
    "Two networks as their first weights are, each with copies that were moved by one factor of their gauge group. The "
    "numbers are relative differences of the copies' outputs after compression."
)
_HELPS = (
    "A decoder with gated MLPs, pruned in the gauge in which training left it, in canonical gauge with and without a "
    "canonical basis of the residual stream, with units in a random gauge, and with its stream rotated at random (a "
    "control)."
)
_SYMMETRY = (
    "The loss on the orbit is that of the average over the group and the spread of the answers, exactly. The spread is "
    "what averaging takes away. With nearly all weights gone the answers hardly vary, and the spread is small again: "
    "so the defect is told relative to the answers' variance as well."
)
_SPLIT = "Loss on the orbit, of the average, and the spread, against sparsity; relative to the trivial answer."
_PUBLISHED = (
    "The paper's own tables, read by the same two thresholds as ours. Levels are 0.1, 0.2, ..., and the value at 0.1 "
    "stands for the dense model, whose own is not comparable in every row."
)
_ROWS = "Perplexity over its value at the mildest level: the published rows and ours; dotted the tolerance."
