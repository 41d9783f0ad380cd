"""Tables and figures of the measures: functions, sharing, dynamics, equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from haar.report import Section, Table
from haar.report.drawing import COLOURS, draw_curves, log_scale, new_figure, share_legend, style_axes
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.kkan.claims import at_equal_steps, within

Measures = Sequence[Mapping[str, Any]]
_DRAWN = ("KKAN", "perceptron", "cKAN", "Fourier features 2", "SIREN 15")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section("Functions", _FUNCTIONS, functions_table(measures), draw_functions(measures), _CURVES),
        Section("Sharing a block", _SHARING, sharing_table(measures)),
        Section("Learning dynamics", _DYNAMICS, dynamics_table(measures), draw_dynamics(measures), _READINGS),
        Section("Equations", _EQUATIONS, equations_table(measures)),
    ]


def functions_table(measures: Measures) -> Table:
    """One row a network of each function: errors at equal steps, and at equal CPU time."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["regression"].items():
        seeds = [one["regression"][name] for one in measures]
        rows.append([name, "the mean", 0, spread(one["constant"] for one in seeds).value, None, None])
        for network, made in first["networks"].items():
            own = [one["networks"][network] for one in seeds]
            limits = [one["networks"]["KKAN"]["seconds"][-1] for one in seeds]
            steps = spread(map(at_equal_steps, own)).value
            pairs = list(zip(own, limits, strict=True))
            long_enough = all(one["seconds"][-1] >= limit for one, limit in pairs)
            timed = spread(within(one, limit) for one, limit in pairs).value if long_enough else None
            each = spread(1e3 * one["seconds"][-1] / one["steps"][-1] for one in own).value
            rows.append([name, network, made["parameters"], steps, timed, each])
    columns = ("function", "network", "parameters", "error, equal steps", "error, equal CPU time", "ms a step")
    note = (
        "median over seeds of relative errors in L2; equal time is that which KKAN took, and is told of networks that "
        "were fitted as long"
    )
    return Table("Errors", columns, rows, note)


def draw_functions(measures: Measures) -> Figure:
    """Errors against steps."""
    names = list(measures[0]["regression"])
    figure = new_figure(3.6 * len(names), 3.6)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        style_axes(axes, title=name, x="steps", y="relative error" if axes is panels[0] else "")
        networks = [one["regression"][name]["networks"] for one in measures]
        planned, steps = networks[0]["KKAN"]["planned"], networks[0]["KKAN"]["steps"]
        drawn = [k for k, step in enumerate(steps) if step <= planned]
        known = [key for key in _DRAWN if key in networks[0]]
        curves = {key: [[one[key]["errors"][k] for one in networks] for k in drawn] for key in known}
        draw_curves(axes, [steps[k] for k in drawn], curves, dict(zip(_DRAWN, COLOURS, strict=False)), style="-")
        log_scale(axes, "y")
    share_legend(figure, panels, columns=5)
    return figure


def sharing_table(measures: Measures) -> Table:
    """Blocks of their own, and one that is shared."""
    rows: list[list[Cell]] = []
    for name in ("unshared", "shared"):
        own = [one["symmetry"]["sharing"][name] for one in measures]
        errors = spread(one["error"] for one in own)
        moved = spread(one["moved"] for one in own).high
        rows.append([name, own[0]["parameters"], errors.value, f"{errors.low:.3g} … {errors.high:.3g}", f"{moved:.0e}"])
    columns = ("blocks", "parameters", "error", "spread", "change when coordinates are exchanged")
    return Table("One block for both coordinates", columns, rows, "median over seeds; the largest change")


def dynamics_table(measures: Measures) -> Table:
    """One row a reading of each network."""
    rows: list[list[Cell]] = []
    for name in ("KKAN", "perceptron"):
        own = [one["learning"]["dynamics"][name] for one in measures]
        for k, step in enumerate(own[0]["steps"]):
            values = (spread(one[key][k] for one in own).value for key in ("error", "signal", "complexity"))
            rows.append([name, step, *values])
    goal = spread(one["learning"]["dynamics"]["target"] for one in measures).value
    note = f"median over seeds; the function's own geometric complexity is {goal:.2f}"
    return Table("Readings", ("network", "step", "error", "signal to noise", "geometric complexity"), rows, note)


def draw_dynamics(measures: Measures) -> Figure:
    """Error, signal and complexity against steps."""
    titles = {"error": "relative error", "signal": "signal to noise", "complexity": "geometric complexity"}
    figure = new_figure(10.2, 3.4)
    panels = figure.subplots(1, 3)
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        style_axes(axes, title=title, x="steps")
        own = [one["learning"]["dynamics"] for one in measures]
        steps = own[0]["KKAN"]["steps"]
        curves = {
            name: [[one[name][key][k] for one in own] for k in range(len(steps))] for name in ("KKAN", "perceptron")
        }
        draw_curves(axes, steps, curves, style="-")
    share_legend(figure, panels, columns=2)
    return figure


def equations_table(measures: Measures) -> Table:
    """One row a network of each equation."""
    rows: list[list[Cell]] = []
    for name, networks in measures[0]["physics"].items():
        for network in networks:
            own = [one["physics"][name][network] for one in measures]
            rows.append([name, network, *(spread(one[kind] for one in own).value for kind in ("plain", "attention"))])
    columns = ("equation", "network", "error", "error with attention")
    return Table("Equations", columns, rows, "median over seeds of relative errors in L2 of the solution")


_FUNCTIONS = (
    "Functions of two coordinates, each a product of one function of either. A plain tanh perceptron on raw "
    "coordinates is no fair opponent: it does not learn high frequencies. Perceptrons on random Fourier features and "
    "sine networks do, once their frequencies are chosen, and their steps take about half the time of KKAN's."
)
_CURVES = "Errors on a grid; bands reach from the least seed to the greatest."
_SHARING = (
    "Both coordinates of the oscillatory function may be exchanged. One inner block for both has half the parameters, "
    "and the symmetry exactly."
)
_DYNAMICS = (
    "Meters read a fit as it goes on: signal to noise is |mean| / |deviation| of the gradients of eight parts of a "
    "batch, mean of five measurements; geometric complexity is the mean square of the slope."
)
_READINGS = "Bands reach from the least seed to the greatest. Whether signal falls and comes back is judged above."
_EQUATIONS = (
    "Solutions of boundary problems from residuals alone, conditions on the boundary built in. The tuned network "
    "has Fourier features; the odd KKAN is odd in each coordinate, as the solution of Helmholtz' equation is."
)
