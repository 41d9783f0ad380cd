"""Shares of variance and loadings, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from haar.report.drawing import COLOURS, draw_curves, log_scale, new_figure, style_axes

#: Eigenvalues that are drawn at most.
_MOST = 20
#: Names that are written beside loadings at most.
_NAMED = 40


def draw_variance(eigenvalues: Float[np.ndarray, " m"], taken: int) -> Figure:
    """Shares of the variance, and where factors end.

    Args:
        eigenvalues: Falling.
        taken: Number of factors.
    """
    figure = new_figure(6.0, 3.2)
    axes = style_axes(figure.subplots(), x="component", y="share of the variance")
    shares = eigenvalues / eigenvalues.sum()
    shown = shares[shares > np.finfo(float).eps][: max(_MOST, taken + 1)]
    draw_curves(axes, range(1, len(shown) + 1), {"components": list(shown)})
    axes.axvline(taken + 0.5, color=COLOURS[1], linestyle="--", linewidth=1, label=f"{taken} taken")
    log_scale(axes, "y")
    axes.legend(fontsize=8, frameon=False)
    return figure


def draw_loadings(loadings: Float[np.ndarray, "p k"], names: Sequence[str]) -> Figure:
    """Loadings of every factor as a picture, red for positive and blue for negative ones.

    Args:
        loadings: A column for each factor.
        names: Of the rows.
    """
    columns, k = loadings.shape
    figure = new_figure(1.6 + 0.7 * k, max(2.4, min(9.0, 0.16 * columns + 1)))
    axes = figure.subplots()
    size = float(np.abs(loadings).max()) or 1.0
    shown = axes.imshow(loadings, cmap="RdBu_r", vmin=-size, vmax=size, aspect="auto", interpolation="nearest")
    axes.set_xticks(range(k), [f"{place + 1}" for place in range(k)], fontsize=8)
    axes.set_xlabel("factor", fontsize=9)
    step = -(-columns // _NAMED)
    axes.set_yticks(range(0, columns, step), list(names)[::step], fontsize=6)
    figure.colorbar(shown, ax=axes, shrink=0.8)
    return figure
