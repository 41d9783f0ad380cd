"""The report of a geometry: every number is that of the verb it comes from."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from geometry_metrics import points
from matplotlib.figure import Figure

from haar.errors import ArgumentError, ShapeError
from haar.geometry import Pullback, embedded, isometry_defect, portrait
from haar.geometry.spaces import half_plane


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
