"""Tables and figures of the measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.structural_equations.figures import (
    COLUMNS,
    TITLES,
    draw_bilinear,
    draw_curves_of,
    draw_errors,
    draw_plane,
)
from haar.systems.structural_equations.line import AVERAGED, LAST, REGRESSION

Measures = Sequence[Mapping[str, Any]]
_ERRORS = ("median", "least", "greatest")


def told(measures: Measures) -> list[Section]:
    """All sections."""
    sold = [Section("Sales at prices that are set", _DEMAND, demand_table(measures))] if _sold(measures) else []
    return [
        Section("Structural functions", _LINE, line_table(measures), draw_curves_of(measures), _LINE_CAPTION),
        Section("Their errors", _FAILED, failed_table(measures), draw_errors(measures), _ERRORS_CAPTION),
        Section("The sine, again", _SINE, sine_table(measures)),
        Section("Symmetric players", _PLANE, plane_table(measures), draw_plane(measures), _ERRORS_CAPTION),
        Section("Schooling and wages", _WAGES, wages_table(measures)),
        *sold,
        Section("Four ways of taking a turn", _MODES, figure=draw_bilinear(measures), caption=_MODES_CAPTION),
        Section("A Bellman equation", _CHAIN, chain_table(measures)),
    ]


def _cells(numbers: Iterable[float]) -> list[Cell]:
    found = spread(numbers)
    return [found.value, found.low, found.high]


def _all(measures: Measures, part: str, key: str, way: str) -> list[float]:
    return [error for one in measures for error in one[part][key]["errors"][way]]


def line_table(measures: Measures) -> Table:
    """One row a function and way to find it."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["functions"].items():
        rows += [[TITLES[name], way, *_cells(_all(measures, "functions", name, way))] for way in first["errors"]]
    note = "mean squared error against the true function on |x| < 3; median and range over data sets"
    return Table("Functions of one regressor", ("function", "found by", *_ERRORS), rows, note)


def failed(measures: Measures, part: str, key: str) -> tuple[int, int]:
    """How many games are no better than the regression of the same data, and how many there are."""
    games, regressions = (_all(measures, part, key, way) for way in (AVERAGED, REGRESSION))
    return sum(one >= other for one, other in zip(games, regressions, strict=True)), len(games)


def failed_table(measures: Measures) -> Table:
    """Games that are no better than a regression."""
    rows: list[list[Cell]] = []
    for name in measures[0]["functions"]:
        count, games = failed(measures, "functions", name)
        rows.append([TITLES[name], count, games])
    return Table("Games that failed", ("function", "no better than the regression", "games"), rows)


def sine_table(measures: Measures) -> Table:
    """The sine at other widths and first weights."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["sine"].items():
        rows += [[name, way, *_cells(_all(measures, "sine", name, way))] for way in first["errors"]]
        count, games = failed(measures, "sine", name)
        rows.append([name, "games that failed", f"{count} of {games}", None, None])
    return Table("g = sin x", ("networks", "found by", *_ERRORS), rows)


def plane_table(measures: Measures) -> Table:
    """One row a number of rows and way."""
    rows: list[list[Cell]] = []
    for size in measures[0]["plane"]:
        rows += [[size, way, *_cells(_all(measures, "plane", size, way))] for way in COLUMNS]
    return Table("An invariant function of the plane", ("data", "found by", *_ERRORS), rows)


def wages_table(measures: Measures) -> Table:
    """What a year of schooling adds to the logarithm of the wage."""
    rows: list[list[Cell]] = []
    for name, one in measures[0]["wages"].items():
        pieces = " or ".join(f"[{low:.3f}, {high:.3f}]" for low, high in one["set"]) or "empty"
        numbers = [one["least squares"], one["two stages"], one["f"], one["effective"]]
        rows.append([name, one["rows"], *numbers, pieces])
    columns = ("data", "rows", "least squares", "linear saddle", "first-stage F", "effective F", "Anderson-Rubin set")
    return Table("A year of schooling", columns, rows, "a first-stage F below 10 is called weak")


def _sold(measures: Measures) -> bool:
    """Whether the demand design was played; older runs are told as they are."""
    return bool(measures[0].get("demand"))


def demand_table(measures: Measures) -> Table:
    """One row a design and way."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["demand"].items():
        rows += [[name, way, *_cells(_all(measures, "demand", name, way))] for way in first["errors"]]
    note = "mean squared error on the grid of prices, times and kinds, over the variance of the truth; over seeds"
    return Table("The demand design", ("data", "found by", *_ERRORS), rows, note)


def chain_table(measures: Measures) -> Table:
    """Errors of Q on the chain."""
    names = {
        "exact": "the saddle, without noise",
        "learned": f"the game, from samples ({LAST.split(', ')[1]})",
        "constant": "mean reward for ever",
    }
    rows: list[list[Cell]] = [[words, *_cells(one["chain"][name] for one in measures)] for name, words in names.items()]
    return Table("Q of a policy, from transitions of another", ("found by", *_ERRORS), rows, "relative error")


_LINE = (
    "An error that X shares with Y makes the regression of Y on X wrong by construction, however well it is trained. "
    "The game finds the function from an instrument. On smooth functions polynomial two-stage least squares is simpler "
    "and better; on a kink the network wins, on a jump both are near each other."
)
_LINE_CAPTION = "The first data set of the first seed."
_FAILED = "A game has failed where the regression of the same data, as wide and as long trained, is nearer."
_ERRORS_CAPTION = "Bars: median; dots: data sets."
_SINE = "What the game finds on the sine depends on width and first weights: nothing is claimed of it."
_PLANE = (
    "Rotations leave the law of (X, Y, Z) alone, so the function is invariant, and so is the best answer to it. "
    "Players are averaged over quarter turns. Symmetry helps the regression as well, which is why it stands here too."
)
_WAGES = (
    "With linear players the saddle is two-stage least squares. Where instruments are weak its estimate leans towards "
    "the regression, and the Anderson-Rubin set holds all the same."
)
_DEMAND = (
    "The price of a ticket answers a shock of demand that is not seen, and the cost of fuel moves the price alone. The "
    "season and the kind of customer are seen. What the shock moves is small beside what season and kind do, so that "
    "the regression, wrong as it is, may be nearer than any instrument: nothing is claimed of it."
)
_MODES = "Plain simultaneous steps run away from the saddle of the simplest game; looking ahead and optimism do not."
_MODES_CAPTION = "min over x, max over y of x y, steps of 0.1."
_CHAIN = (
    "q(s, a) - discount q(s', a') = r on average, given (s, a): a structural equation in which the state and the "
    "action are their own instruments. One sample of the next state is enough."
)
