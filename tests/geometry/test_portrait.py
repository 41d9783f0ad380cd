"""The report of a geometry: every number is that of the verb it comes from."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from geometry_metrics import points
from matplotlib.figure import Figure

from haar.errors import ArgumentError, ShapeError
from haar.geometry import Pullback, embedded, geodesic, isometry_defect, portrait
from haar.geometry.spaces import half_plane
from haar.report.drawing import AVERAGED, BASE, WARNING


def cells(z, side):
    """Middles of the cells of a square grid over the points."""
    steps = [(k + 0.5) / side for k in range(side)]
    low, high = z.amin(0), z.amax(0)
    return torch.stack([low + torch.tensor([a, b], dtype=torch.float64) * (high - low) for a in steps for b in steps])


def mirrored(z):
    return z * torch.tensor([-1.0, 1.0], dtype=z.dtype)


def test_it_tells_what_the_verbs_find():
    z = points(40, 2, low=0.5, high=1.5)
    ends = torch.tensor([[0.0, 1.0]]).double(), torch.tensor([[0.0, 2.0]]).double()
    found = portrait(half_plane, z, pairs=ends, maps=mirrored)
    torch.testing.assert_close(found.volumes, z[:, 1] ** -2)
    torch.testing.assert_close(found.curvatures, torch.full((40,), -2.0).double(), rtol=0, atol=1e-10)
    assert found.killing.number == 2
    assert float(found.geodesics.lengths) == pytest.approx(0.6931471805599453, rel=1e-6)
    assert float(found.straight) == pytest.approx(0.6931471805599453, rel=1e-5)  # straight up is a geodesic
    assert found.isometry == isometry_defect(half_plane, mirrored, z)
    assert "2 of 6 motions leave the geometry alone" in found.summary
    assert found.to_dict()["killing"]["number"] == 2
    assert [section.title for section in found.sections()] == ["Curvature and volume", "Distances", "Motions", "Maps"]
    assert len(found.figure().axes) == 5  # three panels and two colour bars


def test_other_dimensions_have_another_picture_and_lines_none():
    found = portrait(half_plane, points(30, 3))
    assert [section.figure is not None for section in found.sections()] == [True, False]
    with pytest.raises(ArgumentError, match="ax: expected points of two coordinates, got 3"):
        found.figure(ax=Figure().subplots())
    line = portrait(lambda z: z[..., None] ** 2, points(30, 1, low=0.5, high=1.0))
    assert [section.figure for section in line.sections()] == [None, None]


def test_decoders_of_images_are_asked_in_parts_and_drawn_along_the_way(monkeypatch):
    """A paraboloid over the first two of eight coordinates, written as an image: its geometry is known."""
    monkeypatch.setattr(embedded, "_NUMBERS", 2**12)

    def decoder(z):
        return torch.cat([z, z[:, :1] ** 2 + z[:, 1:2] ** 2], 1).view(len(z), 1, 3, 3)

    stages, z = [], points(20, 8)

    class Watched:
        @contextmanager
        def stage(self, title, total):
            done = []
            yield lambda: done.append(1)
            stages.append((title, total, len(done)))

    found = portrait(Pullback(decoder), z, pairs=(z[:2], z[2:4]), motions="translations", watch=Watched())
    steep = 1 + 4 * z[:, :2].square().sum(-1)
    torch.testing.assert_close(found.volumes, steep.sqrt())
    torch.testing.assert_close(found.curvatures, 8 / steep**2, rtol=1e-9, atol=1e-9)
    assert found.killing.number == 6  # the flat coordinates
    assert bool(found.geodesics.arrived.all())
    assert bool((found.geodesics.lengths <= found.straight).all())
    assert [name for name, *_ in stages] == ["curvature", "volume", "geodesics", "motions"]
    assert all(total == done for _, total, done in stages)
    assert stages[0][1] > 1
    distances = found.sections()[1]
    assert len(distances.figure.axes) == 16


@pytest.mark.usefixtures("unchecked_annotations")
def test_pairs_are_two():
    with pytest.raises(ShapeError, match="pairs: expected two tensors of points, got 1"):
        portrait(half_plane, points(10, 2), pairs=(points(1, 2),))


def test_tables_have_the_numbers():
    z = points(40, 2, low=0.5, high=1.5)
    starts, ends = torch.tensor([[0.0, 1.0], [-0.5, 1.0]]).double(), torch.tensor([[0.0, 2.0], [0.5, 1.0]]).double()
    found = portrait(half_plane, z, pairs=(starts, ends), maps=[mirrored, torch.neg])
    quantities, distances, motions, maps = (section.table for section in found.sections())
    least, middle, most = (float((z[:, 1] ** -2).quantile(q)) for q in (0.0, 0.5, 1.0))
    assert quantities.rows[1] == ["volume element", *(pytest.approx(v) for v in (least, middle, most))]
    assert quantities.rows[0][1:] == pytest.approx([-2.0] * 3)
    lengths, straight = found.geodesics.lengths.tolist(), found.straight.tolist()
    assert distances.rows == [[k, lengths[k], straight[k], lengths[k] / straight[k]] for k in range(2)]
    assert straight[1] == pytest.approx(1.0, rel=1e-12)  # at height 1 lengths are those of the plane
    assert motions.rows == [
        [f"{rate:.2e}", found.killing.told(k)] for k, rate in enumerate(found.killing.rates.tolist())
    ]
    assert maps.rows == [[name, defect] for name, defect in found.isometry.of_map.items()]
    stretch = float(found.volumes.max() / found.volumes.min())
    assert found.summary == (
        f"Scalar curvature between -2 and -2; volumes differ by a factor of {stretch:.3g}. 2 of 6 motions leave the "
        f"geometry alone (the first: {found.killing.told(0)}). Geodesics are down to "
        f"{min(a / b for a, b in zip(lengths, straight, strict=True)):.3f} of the length of the straight lines. "
        f"{str(found.isometry).capitalize()}."
    )
    told = found.to_dict()
    assert told["lengths"] == lengths
    assert told["straight"] == straight
    assert told["isometry"] == found.isometry.to_dict()
    plain = portrait(half_plane, z).to_dict()
    assert not {"lengths", "straight", "isometry"} & set(plain)


def test_pictures_have_ellipses_of_one_length_geodesics_and_maps():
    z = points(30, 2, low=0.5, high=1.5)
    along = geodesic(half_plane, torch.tensor([[0.6, 0.7]]).double(), torch.tensor([[0.5, 0.3]]).double(), steps=3)
    found = replace(portrait(half_plane, z), geodesics=along)
    figure = found.figure()
    drawn, *maps = figure.axes[:3]
    *ellipses, path, straight = drawn.lines
    assert len(ellipses) == 81
    sizes = []
    for ellipse in ellipses:
        around = torch.from_numpy(np.stack(ellipse.get_data(), -1))
        middle = (around.amax(0) + around.amin(0)) / 2
        g = half_plane(middle[None])[0]
        way = around - middle
        lengths = torch.einsum("ni,ij,nj->n", way, g, way).sqrt()
        assert float(lengths.max() / lengths.min()) == pytest.approx(1.0, rel=0.02)
        sizes.append(float(lengths.mean()))
        assert (ellipse.get_color(), ellipse.get_linewidth(), len(around)) == (BASE, 0.8, 48)
    assert max(sizes) / min(sizes) == pytest.approx(1.0, rel=1e-2)
    spread = float((z.amax(0) - z.amin(0)).min())
    inner = half_plane(cells(z, 9))[:, 0, 0].rsqrt()  # an ellipse of length one is a circle of this radius
    assert sizes[0] == pytest.approx(spread / (2.6 * 9) / float(inner.median()), rel=0.02)
    np.testing.assert_allclose(np.stack(path.get_data(), -1), along.points[0])
    np.testing.assert_allclose(np.stack(straight.get_data(), -1), along.points[0, [0, -1]])
    assert (path.get_color(), path.get_linewidth()) == (AVERAGED, 1.8)
    assert (straight.get_color(), straight.get_linestyle(), straight.get_linewidth()) == (WARNING, "--", 1)
    low, high = z.amin(0).tolist(), z.amax(0).tolist()
    for axes, name, colours in zip(maps, ("Volume element", "Scalar curvature"), ("viridis", "RdBu_r"), strict=True):
        (image,) = axes.images
        heights = cells(z, 48)[:, 1]
        values = heights**-2 if name == "Volume element" else -2 * torch.ones_like(heights)
        np.testing.assert_allclose(image.get_array(), values.reshape(48, 48).T, rtol=1e-9)
        assert image.get_extent() == [low[0], high[0], low[1], high[1]]
        reach = float(values.abs().quantile(0.98))
        assert image.get_clim() == pytest.approx((0.0 if name == "Volume element" else -reach, reach))
        assert (image.get_cmap().name, image.origin, axes.get_title(loc="left")) == (colours, "lower", name)
    assert figure.get_size_inches().tolist() == pytest.approx([10.5, 3.4])
    assert [axes.get_xlabel() for axes in figure.axes[:3]] == ["z0"] * 3
    assert drawn.get_ylabel() == "z1"
