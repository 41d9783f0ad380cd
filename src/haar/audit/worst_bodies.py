"""The worst sample where it is no field: vectors as bars, clouds with arrows, graphs with coloured nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from torch import Tensor

from haar.actions import Action
from haar.actions.points import Bilinear
from haar.report.drawing import AVERAGED, BASE, INK, WARNING, figure_of, new_figure, style_axes

#: Outputs, bars, points and edges beyond which nothing is seen any more.
_MOST_ROWS, _MOST_BARS, _MOST_POINTS, _MOST_EDGES = 6, 24, 2000, 8000
#: Part of the width of a cloud that the longest arrow takes; names of elements longer than this are told below.
_LONGEST, _LONG_NAME = 0.3, 8


@dataclass(frozen=True)
class Body:
    """What stands where: points in the plane that shows most of them, or nodes of a graph, and what joins them.

    Attributes:
        places: In the plane of the picture.
        plane: Two directions of space, for arrows; None where there is no space.
        edges: Pairs of points.
    """

    places: np.ndarray
    plane: np.ndarray | None
    edges: np.ndarray


def body_of(inputs: Sequence[Tensor]) -> Body | None:
    """The cloud or graph among the inputs of one sample.

    Args:
        inputs: Positions ``(n, 2 or 3)``, edges ``(2, e)`` of whole numbers, and whatever else.
    """
    edges = next(filter(_is_edges, inputs), None)
    pairs = np.zeros((0, 2), dtype=int) if edges is None else edges.T.numpy()[:_MOST_EDGES]
    clouds = [x for x in inputs if x.is_floating_point() and x.ndim == 2 and 2 <= len(x) <= _MOST_POINTS]
    cloud = next((x for x in clouds if x.shape[1] in (2, 3)), None)
    if cloud is not None:
        return _of_cloud(cloud.double().numpy(), pairs)
    if edges is None:
        return None
    count = max([len(x) for x in clouds] + [int(pairs.max(initial=-1)) + 1])
    if not 2 <= count <= _MOST_POINTS:
        return None
    return _of_graph(count, pairs)


def _is_edges(x: Tensor) -> bool:
    return not x.is_floating_point() and x.ndim == 2 and len(x) == 2


def _of_cloud(at: np.ndarray, pairs: np.ndarray) -> Body:
    """Points in the plane in which they are spread most."""
    plane = np.eye(2) if at.shape[1] == 2 else np.linalg.svd(at - at.mean(0), full_matrices=False)[2][:2]
    fit = not len(pairs) or pairs.max() < len(at)
    return Body((at - at.mean(0)) @ plane.T, plane, pairs if fit else pairs[:0])


def _of_graph(count: int, pairs: np.ndarray) -> Body:
    """Nodes by the first eigenvectors of the Laplacian."""
    weights = np.zeros((count, count))
    weights[pairs[:, 0], pairs[:, 1]] = weights[pairs[:, 1], pairs[:, 0]] = 1.0
    vectors = np.linalg.eigh(np.diag(weights.sum(1)) - weights)[1]
    return Body(np.resize(vectors[:, 1:3], (count, 2)) if count > 2 else np.eye(2), None, pairs)


def bodies_figure(
    inputs: Sequence[Tensor],
    outputs: Sequence[tuple[str, Action, Tensor, Tensor]],
    element: str,
) -> Figure:
    """Input, f(x), back-turned f(g x) and their difference, one row an output.

    Args:
        inputs: Of one sample.
        outputs: Name, action, f(x) and back-turned f(g x) of every output.
        element: Name of the element.
    """
    rows = outputs[:_MOST_ROWS]
    body = body_of(inputs)
    figure = new_figure(11.5, 2.6 * len(rows) + 0.3)
    grid = figure.subplots(len(rows), 4, squeeze=False)
    short = element if len(element) <= _LONG_NAME else "g"
    for axes, (name, action, base, moved) in zip(grid.tolist(), rows, strict=True):
        a, b = (_real(x) for x in (base, moved))
        titles = (f"input{', ' + name if name else ''}", "f(x)", f"f({short} x), moved back", "difference")
        for panel, title in zip(axes, titles, strict=True):
            style_axes(panel, title=title)
            panel.title.set_fontsize(9)
        if isinstance(action, Bilinear) and a.ndim >= 2:
            _given(axes[0], inputs, body)
            _matrices(axes[1:], *(x.reshape(-1, *x.shape[-2:])[0] for x in (a, b)))
        elif body is not None and body.plane is not None and a.shape == (len(body.places), body.plane.shape[1]):
            _given(axes[0], inputs, body)
            _arrows(axes[1:], body, a, b)
        elif body is not None and a.ndim in (1, 2) and len(a) == len(body.places):
            _given(axes[0], inputs, body)
            _nodes(axes[1:], body, a.reshape(len(a), -1), b.reshape(len(b), -1))
        else:
            _given(axes[0], inputs, body)
            _bars(axes[1:], a.ravel(), b.ravel())
    return figure


def _real(x: Tensor) -> np.ndarray:
    """In float64; of complex numbers both parts."""
    return np.asarray((torch.view_as_real(x) if x.is_complex() else x).double())


def _given(axes: Axes, inputs: Sequence[Tensor], body: Body | None) -> None:
    """The input itself."""
    if body is not None:
        _skeleton(axes, body)
        axes.scatter(body.places[:, 0], body.places[:, 1], s=_size(body), color=AVERAGED, zorder=3)
        return
    x = next((one for one in inputs if one.is_floating_point() or one.is_complex()), inputs[0])
    _bar(axes, _real(x).ravel(), AVERAGED)


def _skeleton(axes: Axes, body: Body) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.22)
    if len(body.edges):
        axes.add_collection(LineCollection(list(body.places[body.edges]), colors=BASE, linewidths=0.6, alpha=0.6))
    axes.scatter(body.places[:, 0], body.places[:, 1], s=_size(body), color=BASE, zorder=2)


def _size(body: Body) -> float:
    return max(3.0, 40.0 - 0.2 * len(body.places))


def _arrows(panels: Sequence[Axes], body: Body, a: np.ndarray, b: np.ndarray) -> None:
    """One vector a point, to one scale for both predictions and another for their difference."""
    plane = np.eye(2) if body.plane is None else body.plane
    width = float(np.ptp(body.places, axis=0).max()) or 1.0
    both = max(float(np.linalg.norm(x, axis=1).max()) for x in (a, b))
    gap = float(np.linalg.norm(b - a, axis=1).max())
    for axes, values, longest, colour in zip(
        panels, (a, b, b - a), (both, both, gap), (INK, INK, WARNING), strict=True
    ):
        _skeleton(axes, body)
        arrows = values @ plane.T * (_LONGEST * width / longest if longest > 0 else 1.0)
        axes.quiver(
            *body.places.T, *arrows.T, angles="xy", scale_units="xy", scale=1, color=colour, width=0.009, zorder=4
        )
        ends = body.places + arrows
        axes.update_datalim(ends)
        axes.autoscale_view()
        own = float(np.linalg.norm(values, axis=1).max())
        axes.set_title(f"{axes.get_title(loc='left')}: longest {own:.3g}", loc="left", fontsize=9, color=INK)


def _nodes(panels: Sequence[Axes], body: Body, a: np.ndarray, b: np.ndarray) -> None:
    """One number a node, of several their length."""
    one = a.shape[1] == 1
    shown = [x[:, 0] if one else np.linalg.norm(x, axis=1) for x in (a, b, b - a)]
    low, high = min(x.min() for x in shown[:2]), max(x.max() for x in shown[:2])
    top = float(np.abs(shown[2]).max()) or 1.0
    spans = ((low, high), (low, high), (-top if one else 0.0, top))
    maps = ("viridis", "viridis", "RdBu_r" if one else "inferno")
    for axes, values, (least, most), colours in zip(panels, shown, spans, maps, strict=True):
        _skeleton(axes, body)
        image = axes.scatter(
            body.places[:, 0],
            body.places[:, 1],
            c=values,
            s=_size(body),
            cmap=colours,
            vmin=least,
            vmax=most,
            edgecolors=BASE,
            zorder=3,
        )
        bar = figure_of(axes).colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18)
        bar.ax.tick_params(labelsize=7)


def _matrices(panels: Sequence[Axes], a: np.ndarray, b: np.ndarray) -> None:
    """Entries of a bilinear form, rows downwards."""
    both = float(max(np.abs(a).max(), np.abs(b).max())) or 1.0
    gap = float(np.abs(b - a).max()) or 1.0
    for axes, values, top in zip(panels, (a, b, b - a), (both, both, gap), strict=True):
        axes.grid(visible=False)
        axes.set_xticks([])
        axes.set_yticks([])
        image = axes.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top)
        figure_of(axes).colorbar(image, ax=axes, shrink=0.85, pad=0.03, aspect=18).ax.tick_params(labelsize=7)


def _bars(panels: Sequence[Axes], a: np.ndarray, b: np.ndarray) -> None:
    """Components side by side, both predictions on one scale."""
    for axes, values, colour in zip(panels, (a, b, b - a), (INK, INK, WARNING), strict=True):
        _bar(axes, values, colour)
        if values.size == 1:
            axes.set_title(f"{axes.get_title(loc='left')}: {values[0]:.6g}", loc="left", fontsize=9, color=INK)
    low, high = min(a.min(), b.min(), 0.0), max(a.max(), b.max(), 0.0)
    room = 0.06 * ((high - low) or 1.0)
    for axes in panels[:2]:
        axes.set_ylim(low - room, high + room)


def _bar(axes: Axes, values: np.ndarray, colour: str) -> None:
    some = values[:_MOST_BARS]
    axes.bar(np.arange(len(some)), some, color=colour, width=0.75)
    axes.axhline(0, color=BASE, linewidth=0.8)
    axes.set_xticks(range(len(some)) if len(some) <= 8 else [])
    if len(values) > len(some):
        axes.set_xlabel(f"the first {len(some)} of {len(values)}", fontsize=8)
