"""Tables and figures of the measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import AVERAGED, BASE, draw_bars, log_scale, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.discovery.published import PUBLISHED

Measures = Sequence[Mapping[str, Any]]


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Planted symmetries", _PLANTED, _planted(measures), _defects(measures), _DEFECTS),
        Section("Units, and the plain null space", _UNITS, _units(measures), _angles(measures), _ANGLES),
        Section("Bodies and fields", _BODIES, _bodies(measures)),
        Section("Trained networks, and what has no symmetry", _TRAINED, _trained(measures)),
        Section("Exchanges of eight inputs", "", _exchanges(measures)),
        Section("Samples alone", _LAWS, _laws(measures)),
        Section("Beside what others published", _OTHERS, _published(measures)),
    ]


def _at(*path: str) -> Callable[[Any], Any]:
    """What stands there in a seed's measures; None where the last name is missing."""
    return lambda measured: reduce(lambda part, name: part[name], path[:-1], measured).get(path[-1])


def _over(measures: Measures, of: Callable[[Any], Any]) -> list[Cell]:
    """Median and range over seeds."""
    known = [value for value in map(of, measures) if value is not None]
    if not known:
        return [None, None]
    found = spread(known)
    return [found.value, f"{found.low:.2g} … {found.high:.2g}"]


def _planted(measures: Measures) -> Table:
    rows: list[list[Cell]] = [
        [
            f"so(3) on four vectors, {name}",
            measures[0]["planted"][name]["name"],
            *_over(measures, _at("planted", name, "angle")),
            *_over(measures, _at("planted", name, "defect"))[:1],
            *_over(measures, _at("planted", name, "next"))[:1],
            *_over(measures, _at("planted", name, "seconds"))[:1],
        ]
        for name in measures[0]["planted"]
    ]
    rows += [
        [
            f"Lorentz, {name}",
            measures[0]["momenta"][name]["name"],
            *_over(measures, _at("momenta", name, "angle")),
            *_over(measures, _at("momenta", name, "defect"))[:1],
            None,
            None,
        ]
        for name in measures[0]["momenta"]
    ]
    rows.append(
        [
            "Lorentz, a trained network",
            measures[0]["momenta learned"]["name"] or "none",
            *_over(measures, _at("momenta learned", "angle")),
            *_over(measures, _at("momenta learned", "defect"))[:1],
            None,
            None,
        ]
    )
    columns = ("case", "found", "angle, degrees", "over seeds", "defect", "next", "s")
    return Table("Angles to what was planted", columns, rows)


def _defects(measures: Measures) -> Figure:
    figure = new_figure(7.5, 3.4)
    axes = style_axes(figure.subplots(), title="Defects with and without the symmetry", y="relative defect")
    names = list(measures[0]["planted"])
    floor = 1e-16
    series = {
        label: [[max(m["planted"][name][key], floor) for m in measures] for name in names]
        for label, key in (("third direction", "defect"), ("fourth direction", "next"))
    }
    draw_bars(axes, names, series, [AVERAGED, BASE])
    log_scale(axes)
    share_legend(figure, [axes])
    return figure


def _units(measures: Measures) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            "relative spectrum" if who == "ours" else "plain null space",
            *_over(measures, _at("units", name, who, "angle")),
            *_over(measures, _at("units", name, who, "gap")),
        ]
        for name in measures[0]["units"]
        for who in ("ours", "plain")
    ]
    columns = ("coordinates", "method", "angle, degrees", "over seeds", "gap", "over seeds")
    return Table("One function in three coordinates", columns, rows)


def _angles(measures: Measures) -> Figure:
    figure = new_figure(7.5, 3.2)
    axes = style_axes(figure.subplots(), title="Angle to the planted algebra", y="degrees")
    names = list(measures[0]["units"])
    series = {
        label: [[m["units"][name][who]["angle"] for m in measures] for name in names]
        for label, who in (("relative spectrum", "ours"), ("plain null space", "plain"))
    }
    draw_bars(axes, names, series, [AVERAGED, BASE])
    share_legend(figure, [axes])
    return figure


def _bodies(measures: Measures) -> Table:
    rows: list[list[Cell]] = [
        [
            f"{part}, {name}",
            case["expected"],
            *_over(measures, _at(part, name, "count"))[:1],
            *_over(measures, _at(part, name, "defect"))[:1],
            *_over(measures, _at(part, name, "next"))[:1],
        ]
        for part in ("two bodies", "kepler")
        for name, case in measures[0][part].items()
    ]
    rows.append(
        [
            "reaction and diffusion, e(2)",
            3,
            *_over(measures, _at("waves", "count"))[:1],
            *_over(measures, _at("waves", "translations"))[:1],
            *_over(measures, _at("waves", "gap"))[:1],
        ]
    )
    finite = "; ".join(sorted({", ".join(m["waves"]["finite"]) for m in measures}))
    layers = "; ".join(f"{name}: {', '.join(found) or 'none'}" for name, found in measures[0]["layers"].items())
    note = (
        "Of the reaction and diffusion step: defect of translations, and how many times worse the fourth direction is. "
        f"Finite: {finite}. Layers: {layers}."
    )
    return Table("Numbers of generators", ("case", "by theory", "found", "defect", "next"), rows, note)


def _trained(measures: Measures) -> Table:
    networks = [one for m in measures for one in m["rotations"]["networks"]]
    lie, finite = ([v for m in measures for v in m["controls"][key]] for key in ("lie", "finite"))
    known = [one for one in networks if "snapped_angle" in one]
    rows: list[list[Cell]] = [
        ["so(3) data", len(networks), sum(one["name"].startswith("so(3)") for one in networks)],
        ["no symmetry, continuous", len(lie), sum(lie)],
        ["no symmetry, signed permutations", len(finite), sum(finite)],
        ["ReLU and others: scalings, named apart", len(lie), sum(m["controls"]["scalings"] for m in measures)],
    ]
    angles = [spread([one[key] for one in known]).value if known else None for key in ("angle", "snapped_angle")]
    errors = spread([one["error"] for one in networks])
    note = f"Errors {errors.low:.2g} to {errors.high:.2g}"
    if known:
        note += f"; median angle {angles[0]:.2g} degrees as found, {angles[1]:.2g} snapped"
    return Table("Networks", ("kind", "networks", "said to have a symmetry"), rows, note)


def _exchanges(measures: Measures) -> Table:
    rows: list[list[Cell]] = []
    for number, m in enumerate(measures):
        for name, one in m["exchanges"].items():
            defects = ", ".join(f"{d:.2g}" for d in one["defects"])
            rows.append([number + 1, name, one["error"], ", ".join(one["steps"]) or "none", defects or None])
    columns = ("seed", "taught", "error", "found", "defects")
    return Table("Networks of eight inputs", columns, rows)


def _laws(measures: Measures) -> Table:
    rows: list[list[Cell]] = [
        [
            name,
            ", ".join(str(m["laws"][name]["accepted"]) for m in measures),
            sum(m["laws"][name]["gaussian"] for m in measures),
            *_over(measures, _at("laws", name, "angle")),
        ]
        for name in measures[0]["laws"]
    ]
    columns = ("law", "generators accepted, a seed", "told as Gaussian", "angle, degrees", "over seeds")
    return Table("Laws in six mixed coordinates", columns, rows)


def _published(measures: Measures) -> Table:
    rows: list[list[Cell]] = [list(row) for row in PUBLISHED]
    learned = [m["momenta learned"] for m in measures]
    rows.append(
        [
            "here",
            "generated events, a trained network",
            "1 - cosine of the metric",
            spread([one["metric"] for one in learned]).value,
            "run here",
            "nothing",
        ]
    )
    columns = ("method", "task", "what", "number", "source", "had to be told")
    note = "Other data and other tasks: theirs are real jets, ours generated events, which are easier. Not a ranking."
    return Table("Published numbers", columns, rows, note)


_PLANTED = (
    "Functions that are exactly symmetric, in double and single precision, and with a term that follows the axes. "
    "Nothing was told but that outputs move somehow (for momenta: that they do not)."
)
_DEFECTS = "Defects of the third and the fourth direction: medians over seeds, a dot a seed."
_UNITS = (
    "The same nearly symmetric function, its inputs as given, in units of 1 : 100, and mixed. The plain null space of "
    "LieGG and LieSD has to be told how many generators to take; the table shows in which coordinates it is as good. "
    "Angles are compared in the coordinates as given."
)
_ANGLES = "Angles to the planted algebra, medians over seeds: the relative spectrum does not see the units."
_BODIES = "Numbers of generators against theory. Kepler's four close only on energy shells, and the gate says so."
_TRAINED = (
    "Networks trained on so(3) data, and networks that have no symmetry: random ones, and ones trained on targets "
    "without structure. ReLU networks with modest biases are nearly homogeneous by construction, which is told apart."
)
_LAWS = "The weak form, without a density. Angles are to so(3) on both vectors of a frame."
_OTHERS = "What others published, or what was measured on the files that they published; marked with its source."
