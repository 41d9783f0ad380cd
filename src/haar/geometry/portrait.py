"""The geometry of a latent space in one report: lengths, volumes, curvature, geodesics, and the symmetries it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.geometry.curvature import check_points, scalar_curvature, volume
from haar.geometry.derivatives import Field
from haar.geometry.embedded import at_once, embedded
from haar.geometry.geodesic import Geodesics, geodesic_between
from haar.geometry.isometry import IsometryDefect, Maps, isometry_defect
from haar.geometry.killing import KillingFields, Motions, killing_fields
from haar.geometry.portrait_panels import FRAMES_CAPTION, MANY_CAPTION, draw_frames, draw_many
from haar.geometry.pullback import Pullback
from haar.geometry.relaxed import straight_lengths
from haar.geometry.smooth import check_settled
from haar.report import Report, Section, Table
from haar.report.drawing import AVERAGED, BASE, WARNING, new_figure, style_axes
from haar.report.table import Cell
from haar.watch import Unwatched, Watch

#: Points a side of the maps that are drawn, and of the ellipses.
_MAP, _ELLIPSES = 48, 9
#: Steps of a geodesic of a large decoder, and outputs beyond which one of two coordinates counts as large.
_CHAIN, _MANY_OUTPUTS = 32, 256


@dataclass(frozen=True)
class Portrait(Report):
    """What a metric says of a space, at points of it.

    Attributes:
        metric: The metric.
        points: The points.
        volumes: Volume element at each.
        curvatures: Scalar curvature at each.
        killing: Motions that leave the metric alone.
        geodesics: Between the pairs that were asked for; None without any.
        straight: Lengths of the straight lines between them.
        isometry: How far given maps are from isometries; None without any.
    """

    metric: Field = field(repr=False)
    points: Tensor
    volumes: Tensor
    curvatures: Tensor
    killing: KillingFields
    geodesics: Geodesics | None = None
    straight: Tensor | None = None
    isometry: IsometryDefect | None = None

    kind = "portrait"
    title = "The geometry of a space"

    @property
    def summary(self) -> str:
        """What stands out, in a few sentences."""
        low, high = float(self.curvatures.min()), float(self.curvatures.max())
        stretch = float(self.volumes.max() / self.volumes.min())
        told = [
            f"Scalar curvature between {low:.3g} and {high:.3g}; volumes differ by a factor of {stretch:.3g}.",
            f"{self.killing.number} of {len(self.killing.rates)} motions leave the geometry alone"
            + (f" (the first: {self.killing.told(0)})." if self.killing.number else "."),
        ]
        if self.geodesics is not None and self.straight is not None:
            gain = float((self.geodesics.lengths / self.straight).min())
            told.append(f"Geodesics are down to {gain:.3f} of the length of the straight lines.")
        if self.isometry is not None:
            told.append(f"{str(self.isometry).capitalize()}.")
        return " ".join(told)

    def contents(self) -> dict[str, Any]:
        """Volumes, curvatures, motions, lengths, defects."""
        found: dict[str, Any] = {
            "points": self.points,
            "volumes": self.volumes,
            "curvatures": self.curvatures,
            "killing": self.killing.to_dict(),
        }
        if self.geodesics is not None:
            found |= {"lengths": self.geodesics.lengths, "straight": self.straight}
        if self.isometry is not None:
            found["isometry"] = self.isometry.to_dict()
        return found

    def sections(self) -> Sequence[Section]:
        """Maps, distances, motions, given maps."""
        size = self.points.shape[-1]
        figure = self._draw() if size == 2 else self._draw_many() if size > 2 else None
        caption = _CAPTION if size == 2 else MANY_CAPTION if size > 2 else ""
        told = [Section("Curvature and volume", _MAPS, self._quantities(), figure, caption)]
        if self.geodesics is not None and self.straight is not None:
            lines = zip(self.geodesics.lengths.tolist(), self.straight.tolist(), strict=True)
            rows: list[list[Cell]] = [[k, length, line, length / line] for k, (length, line) in enumerate(lines)]
            lost = int((~self.geodesics.arrived).sum())
            note = f"{lost} still falling when the search ended: their lengths are upper bounds" if lost else ""
            table = Table("Distances", ("pair", "geodesic", "straight", "ratio"), rows, note)
            frames = draw_frames(self.metric, self.geodesics.points[0])
            told.append(Section("Distances", "", table, frames, FRAMES_CAPTION if frames is not None else ""))
        motions: list[list[Cell]] = [
            [f"{rate:.2e}", self.killing.told(k)] for k, rate in enumerate(self.killing.rates.tolist())
        ]
        told.append(Section("Motions", _MOTIONS, Table("Motions by the rate of change", ("rate", "motion"), motions)))
        if self.isometry is not None:
            maps: list[list[Cell]] = [[name, defect] for name, defect in self.isometry.of_map.items()]
            told.append(Section("Maps", "", Table("Isometry defect", ("map", "defect"), maps)))
        return told

    def draw(self, axes: Axes) -> None:
        """Ellipses of equal length, and geodesics, of two coordinates."""
        if self.points.shape[-1] != 2:
            raise ArgumentError("ax", expected="points of two coordinates", got=self.points.shape[-1])
        grid = _grid(self.points, _ELLIPSES)
        size = float((self.points.amax(0) - self.points.amin(0)).min()) / (2.6 * _ELLIPSES)
        angle = torch.linspace(0, 2 * torch.pi, 48, dtype=self.points.dtype)
        circle = torch.stack([angle.cos(), angle.sin()])
        with torch.no_grad():
            factors = torch.linalg.cholesky(torch.linalg.inv(self.metric(grid)))
        factors = factors / factors.det().abs().median().sqrt()
        for point, factor in zip(grid, factors, strict=True):
            ellipse = point[:, None] + size * factor @ circle
            axes.plot(ellipse[0].numpy(), ellipse[1].numpy(), color=BASE, linewidth=0.8)
        for path in self.geodesics.points if self.geodesics is not None else ():
            axes.plot(path[:, 0].numpy(), path[:, 1].numpy(), color=AVERAGED, linewidth=1.8)
            ends = torch.stack([path[0], path[-1]])
            axes.plot(ends[:, 0].numpy(), ends[:, 1].numpy(), color=WARNING, linestyle="--", linewidth=1)

    def _draw_many(self) -> Figure:
        return draw_many(self.metric, self.points, self.volumes, self.curvatures, self.geodesics)

    def _draw(self) -> Figure:
        figure = new_figure(10.5, 3.4)
        panels = figure.subplots(1, 3)
        low, high = self.points.amin(0).tolist(), self.points.amax(0).tolist()
        style_axes(panels[0], title="Ellipses of equal length, geodesics", x="z0", y="z1").grid(visible=False)
        self.draw(panels[0])
        grid = _grid(self.points, _MAP)
        with torch.no_grad():
            drawn = {
                "Volume element": volume(self.metric, grid),
                "Scalar curvature": scalar_curvature(self.metric, grid),
            }
        for axes, (name, values) in zip(panels[1:], drawn.items(), strict=True):
            style_axes(axes, title=name, x="z0").grid(visible=False)
            reach = float(values.abs().quantile(0.98)) or 1.0
            signed = name != "Volume element"
            image = axes.imshow(
                values.reshape(_MAP, _MAP).T.numpy(),
                origin="lower",
                extent=(low[0], high[0], low[1], high[1]),
                aspect="auto",
                cmap="RdBu_r" if signed else "viridis",
                vmin=-reach if signed else 0.0,
                vmax=reach,
            )
            figure.colorbar(image, ax=axes)
        return figure

    def _quantities(self) -> Table:
        rows: list[list[Cell]] = []
        for name, values in (("scalar curvature", self.curvatures), ("volume element", self.volumes)):
            rows.append([name, *(float(values.quantile(q)) for q in (0.0, 0.5, 1.0))])
        return Table("Over the points", ("quantity", "least", "median", "greatest"), rows)


_MAPS = "By exact derivatives at the points that were given."
_CAPTION = "Geodesics (solid) beside straight lines (dashed); long ellipses lie where a step says little."
_MOTIONS = "Combinations of motions by how fast they change lengths, for a motion by the size of the cloud of points."


def portrait(
    metric: Field,
    z: Float[Tensor, "n d"],
    *,
    pairs: tuple[Tensor, Tensor] | None = None,
    maps: Maps | None = None,
    motions: Motions | Mapping[str, Any] | Sequence[Tensor] = "affine",
    tolerance: float = 1e-6,
    watch: Watch = Unwatched(),
) -> Portrait:
    """The geometry that a metric, or a decoder by its `Pullback`, gives a space: one report.

    Decoders of more than two dimensions or of many outputs have their geodesics by relaxation (see `geodesic_between`),
    and are asked a few points at a time, so that memory stays bounded.

    Args:
        metric: As for `christoffel`.
        z: Points of the space, such as the codes of data.
        pairs: Where geodesics begin and end, ``(m, d)`` each.
        maps: Maps that ought to be isometries, as for `isometry_defect`.
        motions: What Killing fields are looked for among, as for `killing_fields`.
        tolerance: Rate up to which a motion is called one.
        watch: Told of the progress, which takes a while for a large decoder.

    Raises:
        ArgumentError: As for `scalar_curvature`, `geodesic_between` and `isometry_defect`.
        ShapeError: If pairs do not fit.

    Example:
        >>> from haar.geometry.spaces import half_plane
        >>> found = portrait(half_plane, torch.rand(30, 2, dtype=torch.float64) + 0.5)
        >>> found.killing.number, round(float(found.curvatures.mean()), 6)
        (2, -2.0)
    """
    points = check_points(z)
    check_settled(metric)
    if pairs is not None and len(pairs) != 2:
        raise ShapeError("pairs", expected="two tensors of points", got=f"{len(pairs)}")
    with torch.no_grad():
        curvatures = _told_of(scalar_curvature, metric, points, watch, "curvature")
        volumes = _told_of(volume, metric, points, watch, "volume")
        geodesics = straight = None
        if pairs is not None and embedded(metric) and _large(metric, points):
            geodesics = geodesic_between(metric, *pairs, steps=_CHAIN, by="relaxation", keep=True, watch=watch)
            straight = straight_lengths(metric, *pairs)
        elif pairs is not None:
            geodesics = geodesic_between(metric, *pairs)
            straight = _straight(metric, *pairs)
        with watch.stage("motions", 1) as tell:
            killing = killing_fields(metric, points, motions, tolerance=tolerance)
            tell()
        isometry = None if maps is None else isometry_defect(metric, maps, points)
    return Portrait(metric, points.detach(), volumes, curvatures, killing, geodesics, straight, isometry)


def _large(metric: Pullback, points: Tensor) -> bool:
    return points.shape[-1] > 2 or metric.flat(points[:1]).numel() > _MANY_OUTPUTS


def _told_of(
    verb: Callable[[Field, Tensor], Tensor], metric: Field, points: Tensor, watch: Watch, title: str
) -> Tensor:
    """What a verb says of points, a part of them at a time where a decoder is large."""
    size = points.shape[-1]
    most = at_once(metric, points, 2 * size * (size + 1)) if embedded(metric) else len(points)
    parts = points.split(most)
    with watch.stage(title, len(parts)) as tell:
        found = []
        for part in parts:
            found.append(verb(metric, part))
            tell()
    return torch.cat(found)


def _straight(metric: Field, start: Tensor, end: Tensor, steps: int = 200) -> Tensor:
    """Lengths of straight lines, by the midpoint rule."""
    shares = (torch.arange(steps, dtype=start.dtype) + 0.5)[:, None, None] / steps
    way = end - start
    g = metric((start + shares * way).flatten(0, 1)).unflatten(0, (steps, len(start)))
    return torch.einsum("snij,ni,nj->sn", g, way, way).sqrt().mean(0)


def _grid(points: Tensor, side: int) -> Tensor:
    low, high = points.amin(0), points.amax(0)
    share = (torch.arange(side, dtype=points.dtype) + 0.5) / side
    return low + torch.cartesian_prod(share, share) * (high - low)
