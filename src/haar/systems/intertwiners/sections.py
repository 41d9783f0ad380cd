"""Tables and figures of the measures: counts, a basis, times, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.actions.representation import Defining, tensor_power
from haar.groups import symmetric
from haar.intertwiners import intertwiners
from haar.report import Section, Table
from haar.report.drawing import COLOURS, draw_curves, log_scale, mark_sizes, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread

Measures = Sequence[Mapping[str, Any]]
ERRORS = ("idempotent", "self_adjoint", "reynolds", "equivariance", "routes", "orthonormal")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Counts", _COUNTS, pairs_table(measures)),
        Section("A basis", _BASIS, figure=draw_basis(), caption=_BASIS_CAPTION),
        Section("Times", _TIMES, times_table(measures), draw_times(measures), _TIMES_CAPTION),
        Section("Learning from few samples", _LEARNING, curves_table(measures), draw_errors(measures), _CURVES_CAPTION),
    ]


def pairs_table(measures: Measures) -> Table:
    """One row a pair: counts, and the largest error of all checks over seeds."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["pairs"].items():
        worst = spread(one["pairs"][name][key] for one in measures for key in ERRORS if key in first).high
        known = first.get("known_as")
        size = f"{first['sizes'][0]} to {first['sizes'][1]}"
        counts = [first["dim"], first.get("characters"), first.get("molien")]
        rows.append([name, size, *counts, f"{first['known']}: {known}" if known else None, f"{worst:.0e}"])
    columns = ("pair", "size", "maps", "characters", "Molien", "closed form", "largest error")
    return Table("Maps that commute", columns, rows, "a dash: no exact rule is known, or no closed form")


def draw_basis() -> Figure:
    """The fifteen maps between 4 x 4 matrices that commute with S_4."""
    matrices = tensor_power(Defining(symmetric(4)), 2)
    basis = intertwiners(matrices, matrices).basis()
    figure = new_figure(8.2, 5)
    for element, axes in zip(basis, figure.subplots(3, 5).flat, strict=True):
        axes.imshow((element != 0).to(element).numpy(), cmap="Blues", vmin=0, vmax=1.3)
        axes.set_xticks([])
        axes.set_yticks([])
        for line in (3.5, 7.5, 11.5):
            axes.axhline(line, color="#d1d5db", linewidth=0.6)
            axes.axvline(line, color="#d1d5db", linewidth=0.6)
    return figure


def times_table(measures: Measures) -> Table:
    """One row a space: median milliseconds over seeds."""
    rows: list[list[Cell]] = []
    for number, one in enumerate(measures[0]["timings"]):
        all_seeds = [m["timings"][number] for m in measures]
        milliseconds = (1e3 * spread(each[key] for each in all_seeds).value for key in ("seconds", "first"))
        rows.append([one["family"], one["size"], one["n"], one["dim"], *milliseconds])
    columns = ("family", "n", "dimension of V", "maps", "ms", "ms, first in this process")
    note = "CPU time; group and representation are made anew every time"
    return Table("Solving Hom(V, V), cold", columns, rows, note)


def draw_times(measures: Measures) -> Figure:
    """Time against n_in n_out, both logarithmic."""
    figure = new_figure(6.4, 3.6)
    axes = style_axes(figure.subplots(), x="entries of a map, n_in n_out", y="CPU milliseconds")
    log_scale(axes, "xy")
    first = measures[0]["timings"]
    for colour, family in zip(COLOURS, dict.fromkeys(one["family"] for one in first), strict=False):
        places = [k for k, one in enumerate(first) if one["family"] == family]
        times = [1e3 * spread(m["timings"][k]["seconds"] for m in measures).value for k in places]
        draw_curves(axes, [first[k]["n"] ** 2 for k in places], {family: times}, (colour,))
    axes.legend(fontsize=8, frameon=False)
    return figure


def curves_table(measures: Measures) -> Table:
    """One row a task, number of samples and network: median error and spread over seeds."""
    rows: list[list[Cell]] = []
    for number, cell in enumerate(measures[0]["curves"]):
        for name, one in cell["networks"].items():
            error = spread(m["curves"][number]["networks"][name]["error"] for m in measures)
            defect = spread(m["curves"][number]["networks"][name]["defect"] for m in measures)
            ends = f"{error.low:.3g} … {error.high:.3g}"
            rows.append([cell["task"], cell["samples"], name, one["parameters"], error.value, ends, defect.value])
    columns = ("task", "samples", "network", "parameters", "error", "spread", "defect")
    return Table("Errors on held-out samples", columns, rows, "mean square over the targets' variance; over seeds")


def draw_errors(measures: Measures) -> Figure:
    """Errors against the number of training samples, median and range over seeds."""
    tasks = list(dict.fromkeys(cell["task"] for cell in measures[0]["curves"]))
    figure = new_figure(4.2 * len(tasks), 3.6)
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        style_axes(axes, title=task, x="training samples", y="error" if axes is panels[0] else "")
        cells = [[m["curves"][k] for m in measures] for k, c in enumerate(measures[0]["curves"]) if c["task"] == task]
        samples, networks = [cell[0]["samples"] for cell in cells], cells[0][0]["networks"]
        errors = {name: [[one["networks"][name]["error"] for one in cell] for cell in cells] for name in networks}
        draw_curves(axes, samples, errors)
        log_scale(axes)
        mark_sizes(axes, samples)
    share_legend(figure, panels, columns=2)
    return figure


_COUNTS = (
    "Every space is solved, then counted again in ways that share nothing with the solution: by characters, by "
    "Molien's series, and by closed forms. The largest error is over: projecting twice, symmetry of the projector, the "
    "average over the group made without a basis, random maps on random elements, both algorithms where both apply, "
    "and the scalar products of the basis."
)
_BASIS = "Where a group only permutes entries, a basis of all equivariant maps is a partition of the pairs of entries."
_BASIS_CAPTION = (
    "The fifteen maps from 4 x 4 matrices to 4 x 4 matrices that commute with S_4: rows are output entries, columns "
    "input entries. Together they cover the square once."
)
_TIMES = (
    "Times of this machine, for nothing but to be seen. Permutations grow with the number of entries, the others with "
    "one eigendecomposition of a representation."
)
_TIMES_CAPTION = "CPU time of cold solutions against the number of entries of a map, both axes logarithmic."
_LEARNING = (
    "Each network learns from the same samples with the same number of steps, at the best of the same learning rates, "
    "chosen on validation samples. Matrices: Sinkhorn's scaling, rows and columns in no order. Flows: accelerations of "
    "smooth periodic flows, which turn with the grid. Plain networks of equal width cost as much to run and have many "
    "more parameters: moved samples bring them near the equivariant network and sometimes below it, but they do not "
    "make them equivariant. The mean of the targets and a linear map are fitted in closed form, the map with the best "
    "of several ridges."
)
_CURVES_CAPTION = (
    "Errors on held-out samples against training samples: medians over seeds, shaded from least to greatest."
)
