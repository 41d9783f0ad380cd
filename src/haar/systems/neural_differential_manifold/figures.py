"""Pictures of learned metrics: ellipses, curvature, errors, the spectrum of motions, geodesics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure

from haar.geometry import Pullback
from haar.report.drawing import AVERAGED, BASE, WARNING, draw_bars, draw_curves, log_scale, new_figure, style_axes
from haar.systems.neural_differential_manifold.disc import AFTER, AUGMENTED, CONSTANT, PLAIN, WITHIN
from haar.systems.neural_differential_manifold.exactness import globe

Measures = Sequence[Mapping[str, Any]]
WAYS = (CONSTANT, PLAIN, AUGMENTED, AFTER, WITHIN)


def draw_sphere(measures: Measures) -> Figure:
    """Curvature and error of the metric learned on the sphere, by the weight of the penalty."""
    figure = new_figure(8.4, 3.2)
    left, right = figure.subplots(1, 2)
    rows = list(zip(*(one["sphere"]["learned"] for one in measures), strict=True))
    names = [f"{row[0]['penalty']:g}" for row in rows]
    style_axes(left, title="Scalar curvature", x="weight of the penalty", y="mean over the patch")
    draw_bars(left, names, {"learned": [[one["curvature"] for one in row] for row in rows]}, [AVERAGED])
    left.axhline(2, color=WARNING, linewidth=1, linestyle="--", label="true: 2")
    left.legend(fontsize=8, frameon=False)
    style_axes(right, title="Relative error of the metric", x="weight of the penalty", y="error")
    draw_bars(right, names, {"learned": [[one["error"] for one in row] for row in rows]}, [AVERAGED])
    right.axhline(measures[0]["sphere"]["constant"]["error"], color=BASE, linewidth=1, linestyle="--", label="constant")
    right.legend(fontsize=8, frameon=False)
    return figure


def draw_disc(measures: Measures) -> Figure:
    """Errors against the number of observations, and how far each metric is from having the rotation."""
    figure = new_figure(9.0, 3.4)
    left, right = figure.subplots(1, 2)
    cells = list(zip(*(one["disc"] for one in measures), strict=True))
    counts = [row[0]["observations"] for row in cells]
    style_axes(left, title="Error on the disc", x="observed lengths", y="relative error")
    draw_curves(left, counts, {way: [[one["errors"][way] for one in row] for row in cells] for way in WAYS})
    left.set_xscale("log")
    left.set_xticks(counts, [str(count) for count in counts])
    left.minorticks_off()
    left.legend(fontsize=7, frameon=False)
    style_axes(right, title="Rate at which a rotation changes the metric", y="rate (0: a Killing field)")
    last = cells[-1]
    draw_bars(
        right, list(WAYS), {"found": [[one["rates"][way] for one in last] for way in WAYS]}, [AVERAGED], slanted=True
    )
    log_scale(right, "y")
    return figure


def draw_geodesics(measures: Measures) -> Figure:
    """Geodesics of a decoder's latent space beside straight lines, with ellipses of equal length."""
    metric = Pullback(globe)
    figure = new_figure(7.2, 3.6)
    axes = style_axes(
        figure.subplots(), title="Latent space of a sphere's decoder", x="longitude", y="angle from the pole"
    )
    angle = torch.linspace(0, 2 * torch.pi, 60, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()])
    grid = torch.cartesian_prod(torch.linspace(0.3, 2.8, 6).double(), torch.linspace(-1.5, 1.5, 9).double())
    with torch.no_grad():
        factors = torch.linalg.cholesky(torch.linalg.inv(metric(grid)))
    for point, factor in zip(grid, factors, strict=True):
        ellipse = point[:, None] + 0.07 * factor @ circle
        axes.plot(ellipse[1].numpy(), ellipse[0].numpy(), color=BASE, linewidth=0.8)
    for k, told in enumerate(measures[0]["decoder"]["paths"]):
        path = torch.tensor(told, dtype=torch.float64)
        axes.plot(
            path[:, 1].numpy(), path[:, 0].numpy(), color=AVERAGED, linewidth=1.8, label="geodesic" if not k else None
        )
        ends_of = torch.stack([path[0], path[-1]])
        label = "straight line" if not k else None
        axes.plot(ends_of[:, 1].numpy(), ends_of[:, 0].numpy(), color=WARNING, linestyle="--", linewidth=1, label=label)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
