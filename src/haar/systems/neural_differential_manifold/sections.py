"""Tables and figures of the measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haar.report import Section, Table
from haar.report.table import Cell
from haar.statistics import spread
from haar.systems.neural_differential_manifold.figures import WAYS, draw_disc, draw_geodesics, draw_sphere

Measures = Sequence[Mapping[str, Any]]


def told(measures: Measures) -> list[Section]:
    """All sections."""
    return [
        Section(
            "What a symmetry is worth to a learned metric",
            _DISC,
            disc_table(measures),
            draw_disc(measures),
            _DISC_CAPTION,
        ),
        Section(
            "A metric learned on the sphere", _SPHERE, sphere_table(measures), draw_sphere(measures), _SPHERE_CAPTION
        ),
        Section("Geodesics of a decoder", _DECODER, figure=draw_geodesics(measures), caption=_DECODER_CAPTION),
        Section("Known spaces", _SPACES, spaces_table(measures)),
        Section("Two charts", _CHARTS, charts_table(measures)),
    ]


def disc_table(measures: Measures) -> Table:
    """One row a number of observations and way to learn."""
    rows: list[list[Cell]] = []
    for k, first in enumerate(measures[0]["disc"]):
        for way in WAYS:
            cells = [one["disc"][k] for one in measures]
            error = spread(cell["errors"][way] for cell in cells)
            row = [error.value, error.low, error.high, spread(cell["defects"][way] for cell in cells).value]
            rows.append([first["observations"], way, *row])
    columns = ("observed lengths", "metric", "error", "least", "greatest", "defect under rotations")
    return Table("The hyperbolic disc", columns, rows, "relative Frobenius error on whole orbits; median over seeds")


def sphere_table(measures: Measures) -> Table:
    """One row a weight of the penalty."""
    constant = spread(one["sphere"]["constant"]["error"] for one in measures).value
    rows: list[list[Cell]] = [["constant metric", constant, 0.0, 0.0]]
    for k, first in enumerate(measures[0]["sphere"]["learned"]):
        cells = [one["sphere"]["learned"][k] for one in measures]
        values = [spread(cell[key] for cell in cells).value for key in ("error", "curvature", "spread")]
        rows.append([f"penalty {first['penalty']:g}", *values])
    return Table("The sphere, whose curvature is 2", ("metric", "error", "mean curvature", "spread over points"), rows)


def spaces_table(measures: Measures) -> Table:
    """One row a space: the greatest error over seeds, motions found and known."""
    rows: list[list[Cell]] = []
    for name, first in measures[0]["spaces"].items():
        worst = spread(one["spaces"][name]["error"] for one in measures).high
        rows.append([name, f"{worst:.0e}", first.get("motions"), first.get("known")])
    return Table("Known spaces", ("space", "error of the curvature", "affine motions found", "known"), rows)


def charts_table(measures: Measures) -> Table:
    """What becomes of the gap between two charts when a step is halved."""
    rows: list[list[Cell]] = []
    for way in ("natural", "plain"):
        found = spread(pair[way] for one in measures for pair in one["charts"])
        rows.append([f"{way} gradient", found.value, found.low, found.high])
    return Table("Fall of the gap", ("step", "median", "least", "greatest"), rows)


_DISC = (
    "A metric is learned from noisy lengths of short displacements in the hyperbolic disc, whose geometry every "
    "rotation leaves alone. Averaging the learned metric over eight rotations cannot raise its error on whole orbits "
    "(the error splits exactly); averaging within training costs eight times the forward passes. Augmentation turns "
    "the data instead, at no cost. From few lengths a plain network is worse than a metric that is the same "
    "everywhere. All begin at lengths of the observed size; without that, a constant metric is what training has "
    "reached by its end."
)
_DISC_CAPTION = "Left: median over seeds, with the range. Right: the least rate of the rotation found in each metric."
_SPHERE = (
    "A price on curvature is paid: the learned geometry goes flat, and away from the lengths that were observed. "
    "Without it the curvature of the sphere is found from lengths alone, up to the noise of two derivatives."
)
_SPHERE_CAPTION = "Bars: median over seeds; dots: seeds."
_DECODER = "What decoded lengths say of a latent space: geodesics keep away from where the decoder stretches."
_DECODER_CAPTION = (
    "Ellipses: displacements of equal decoded length. Rotations of the sphere are the only motions found."
)
_SPACES = "Scalar curvature by exact derivatives, and affine motions that leave each metric alone, by one linear solve."
_CHARTS = "One step of optimisation taken in two charts of one space, compared where both lead."
