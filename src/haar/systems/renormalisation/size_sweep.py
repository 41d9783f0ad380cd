"""How the effect depends on size: hidden units, variables of a block, training vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from haar.report import Table
from haar.report.drawing import new_figure, style_axes
from haar.report.table import Cell
from haar.systems.renormalisation.options import Options

Measures = Sequence[Mapping[str, Any]]

AXES: Mapping[str, str] = {"width": "hidden units", "inputs": "variables of a block", "samples": "training vectors"}
"""What a sweep varies, one at a time, and what figures call it."""

#: A law far from the training law, where constraints show.
FAR = "gauss x3"
_FLOOR = 1e-32  # errors below it are rounding
_LEAST = 1e-300  # in place of an error of 0, as a divisor


def sweep_cells(preset: Options) -> list[tuple[str, str, dict[str, int]]]:
    """Every (activation, family, sizes) of a sweep, each once; the centre is the preset's own size.

    Args:
        preset: Its ``sweep`` has ``networks`` and values for `AXES`.

    Example:
        >>> from dataclasses import replace
        >>> from haar.systems.experiment import options
        >>> from haar.systems.renormalisation.options import Sweep
        >>> from haar.systems.renormalisation.presets import QUICK
        >>> preset = replace(options(Options, QUICK), sweep=Sweep(networks=(("relu", "free"),), width=(8, 16)))
        >>> [sizes for _, _, sizes in sweep_cells(preset)]
        [{'width': 8, 'inputs': 4, 'samples': 512}, {'width': 16, 'inputs': 4, 'samples': 512}]
    """
    centre: dict[str, int] = {axis: getattr(preset, axis) for axis in AXES}
    found: list[tuple[str, str, dict[str, int]]] = []
    for activation, family in preset.sweep.networks:
        for axis in AXES:
            for value in getattr(preset.sweep, axis):
                cell = (activation, family, centre | {axis: value})
                if cell not in found:
                    found.append(cell)
    return found


def cell_name(activation: str, family: str, sizes: Mapping[str, int]) -> str:
    """The name of a cell in the measures.

    Example:
        >>> cell_name("relu", "free", {"width": 4, "inputs": 2, "samples": 8})
        'relu free width 4 inputs 2 samples 8'
    """
    return " ".join([activation, family, *(f"{axis} {sizes[axis]}" for axis in AXES)])


def size_table(measures: Measures) -> Table:
    """One row a size: median errors of every family on `FAR`, dead networks, and what each constraint costs."""
    series = _series(measures)
    names = list(dict.fromkeys(name for name, *_ in series))
    constrained = [name for name in names if not name.endswith(" free")]
    columns = ("varied", "size", *names, *(f"{name.split()[-1]} / free" for name in constrained), "dead")
    by_size: dict[tuple[str, int], dict[str, tuple[np.ndarray, int]]] = {}
    for name, axis, size, errors, dead in series:
        by_size.setdefault((axis, size), {})[name] = (errors, dead)
    rows = [[AXES[axis], size, *_cells(here, names, constrained)] for (axis, size), here in by_size.items()]
    count = sum(len(one["seeds"]) for one in measures)
    note = f"medians over {count} networks of every size; NMSE on 3 x N(0,1); dead: of {count}"
    return Table("Errors by size", columns, rows, note)


def _cells(here: Mapping[str, tuple[np.ndarray, int]], names: Sequence[str], constrained: Sequence[str]) -> list[Cell]:
    """Medians of all networks of one size, each over that of the free one, and who died."""
    middle = {name: float(np.median(errors)) for name, (errors, _) in here.items()}
    deaths = ", ".join(f"{name.split()[-1]} {dead}" for name, (_, dead) in here.items() if dead) or "none"
    return [*map(middle.get, names), *(_cost(middle, name) for name in constrained), deaths]


def _cost(middle: Mapping[str, float], name: str) -> float | None:
    free = f"{name.split(maxsplit=1)[0]} free"
    return middle[name] / max(middle[free], _LEAST) if free in middle and name in middle else None


def draw_sizes(measures: Measures, colours: Mapping[str, str]) -> Figure:
    """Errors against every size that is swept: median and quartiles over networks.

    Args:
        measures: The measures of all seeds.
        colours: One for every family.
    """
    series = _series(measures)
    figure = new_figure(9, 3.2)
    places = figure.subplots(1, len(AXES), sharey=True)
    for place, (axis, words) in zip(places, AXES.items(), strict=True):
        style_axes(place, x=words, y="NMSE on 3 x N(0,1)" if place is places[0] else "")
        place.set_xscale("log", base=2)
        place.set_yscale("log")
        ticks = sorted({value for _, along, value, *_ in series if along == axis})
        for name in dict.fromkeys(name for name, *_ in series):
            line = sorted(
                (value, *_quartiles(errors)) for one, along, value, errors, _ in series if (one, along) == (name, axis)
            )
            if line:
                value, low, middle, high = map(list, zip(*line, strict=True))
                colour = colours[name.split()[-1]]
                place.plot(value, middle, "o-", color=colour, markersize=4, linewidth=1.3, label=name)
                place.fill_between(value, low, high, color=colour, alpha=0.15, linewidth=0)
        place.set_xticks(ticks, [str(tick) for tick in ticks])
        place.minorticks_off()
    handles, labels = places[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside lower center", ncols=max(len(labels), 1))
    return figure


def _quartiles(errors: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(np.maximum(errors, _FLOOR), [25, 50, 75], method="nearest")
    return float(low), float(middle), float(high)


def _series(measures: Measures) -> list[tuple[str, str, int, np.ndarray, int]]:
    """(network, axis, size, errors of all networks, dead ones); the centre of the sweep stands on every axis."""
    cells = measures[0].get("sweep", {})
    found = []
    for key, cell in cells.items():
        at = list(cell["laws"]).index(FAR)
        errors = np.array([row[at] for one in measures for row in one["sweep"][key]["nmse"]], dtype=float)
        errors = np.where(np.isfinite(errors), errors, np.inf)
        dead = sum(bool(flag) for one in measures for flag in one["sweep"][key]["dead"])
        name, sizes, centre = f"{cell['activation']} {cell['family']}", cell["sizes"], cell["centre"]
        along = [axis for axis in AXES if all(sizes[other] == centre[other] for other in AXES if other != axis)]
        found += [(name, axis, int(sizes[axis]), errors, dead) for axis in along]
    return sorted(found, key=lambda one: (list(AXES).index(one[1]), one[2]))
