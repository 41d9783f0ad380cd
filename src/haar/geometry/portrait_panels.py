"""Pictures of spaces of more than two coordinates, and of what is decoded along a geodesic."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.geometry.derivatives import Field
from haar.geometry.embedded import embedded, in_parts
from haar.geometry.geodesic import Geodesics
from haar.report.drawing import AVERAGED, BASE, WARNING, new_figure, style_axes

#: Images of a row, and points whose metric is drawn.
_FRAMES, _MOST_POINTS = 8, 200

MANY_CAPTION = (
    "Left: how far a step of one unit goes along each direction, the metric's own at every point (median and range). "
    "Middle: the points along the two directions that stretch most on average; geodesics (solid) beside straight lines "
    "(dashed). Right: the points' scalar curvature, but for the outermost two per cent on each side."
)
FRAMES_CAPTION = "Decoded at equal steps between the first pair: along the straight line, and along the geodesic."


def draw_many(
    metric: Field, points: Tensor, volumes: Tensor, curvatures: Tensor, geodesics: Geodesics | None
) -> Figure:
    """Stretch by direction, the points along two of them with their volumes and paths, and the curvature."""
    figure = new_figure(10.5, 3.4)
    left, middle, right = figure.subplots(1, 3)
    g = _metrics(metric, points[:_MOST_POINTS])
    stretch = torch.linalg.eigvalsh(g.double()).clamp(min=0).sqrt().flip(-1)
    place = list(range(1, stretch.shape[-1] + 1))
    style_axes(left, title="Stretch by direction", x="direction")
    left.fill_between(place, stretch.amin(0).tolist(), stretch.amax(0).tolist(), color=BASE, alpha=0.25, linewidth=0)
    left.plot(place, stretch.median(0).values.tolist(), color=BASE, marker="o", markersize=3)
    left.set_yscale("log")
    left.set_xticks(place if len(place) <= 10 else place[:: len(place) // 8])
    style_axes(middle, title="Volume element", x="most stretched direction", y="second").grid(visible=False)
    onto = torch.linalg.eigh(g.double().mean(0)).eigenvectors[:, [-1, -2]].to(points)
    x, y = (points @ onto).T.tolist()
    figure.colorbar(middle.scatter(x, y, c=volumes.tolist(), s=12, cmap="viridis", norm="log"), ax=middle)
    for path in geodesics.points @ onto if geodesics is not None else ():
        _path(middle, path)
    style_axes(right, title="Scalar curvature", y="points")
    low, high = (float(curvatures.double().quantile(share)) for share in (0.02, 0.98))
    inside = [value for value in curvatures.tolist() if low <= value <= high]
    right.hist(inside, bins=min(30, max(5, len(inside) // 5)), color=BASE)
    return figure


def _metrics(metric: Field, points: Tensor) -> Tensor:
    with torch.no_grad():
        return in_parts(metric, metric, points, 2 * points.shape[-1]) if embedded(metric) else metric(points)


def _path(axes: Axes, path: Tensor) -> None:
    x, y = path.T.tolist()
    axes.plot(x, y, color=AVERAGED, linewidth=1.8)
    axes.plot([x[0], x[-1]], [y[0], y[-1]], color=WARNING, linestyle="--", linewidth=1)


def draw_frames(metric: Field, path: Tensor) -> Figure | None:
    """Decoded images along a straight line and along a geodesic between its ends; None where no images are decoded."""
    if not embedded(metric):
        return None
    rows = []
    with torch.no_grad():
        share = torch.linspace(0, 1, _FRAMES, dtype=path.dtype, device=path.device)[:, None]
        steps = (share[:, 0] * (len(path) - 1)).round().long()
        for points in (path[0] + share * (path[-1] - path[0]), path[steps]):
            made = metric.decoder(points)
            if made.ndim != 4 or made.shape[1] not in (1, 3):
                return None
            rows.append(made.double().cpu())
    low, high = (float(torch.stack(rows).aminmax()[k]) for k in (0, 1))
    figure = new_figure(10.5, 2.9)
    panels = figure.subplots(2, _FRAMES)
    for row, images, name in zip(panels, rows, ("straight", "geodesic"), strict=True):
        for axes, image in zip(row, images, strict=True):
            shown = ((image - low) / max(high - low, 1e-12)).movedim(0, -1).squeeze(-1)
            axes.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(name)
    return figure
