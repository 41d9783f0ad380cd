"""Geodesics against great circles and half circles; order, conservation, ends, and what leaves the chart."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import points, wavy

from haar.errors import ArgumentError, ShapeError
from haar.geometry import geodesic, geodesic_between
from haar.geometry.spaces import flat, half_plane, poincare_disc, sphere

START = torch.tensor([[torch.pi / 2, 0.0]], dtype=torch.float64)
SLANTED = torch.tensor([[1.0, 1.0]], dtype=torch.float64) * 2**0.5  # 45 degrees, length 2


def embedded(z):
    theta, phi = z.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], -1)


def off_the_great_circle(steps):
    end = geodesic(sphere, START, SLANTED, steps=steps).points[:, -1]
    tangent = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64) / 2**0.5
    expected = torch.tensor(2.0).double().cos() * embedded(START)[0] + torch.tensor(2.0).double().sin() * tangent
    return float((embedded(end)[0] - expected).norm())


def test_the_great_circle_is_reached_to_fourth_order():
    misses = [off_the_great_circle(steps) for steps in (50, 100, 200)]
    assert misses[2] < 3e-10
    assert 14 < misses[0] / misses[1] < 18
    assert 14 < misses[1] / misses[2] < 18


def test_speed_and_clairauts_constant_stay():
    found = geodesic(sphere, START, SLANTED, steps=400)
    assert float(found.speed_drift) < 1e-10
    clairaut = found.points[0, :, 0].sin() ** 2 * found.velocities[0, :, 1]
    assert float((clairaut - clairaut[0]).abs().max()) < 1e-10
    assert float(found.lengths) == pytest.approx(2.0, abs=1e-12)


def test_scaling_the_metric_leaves_geodesics_and_scales_lengths():
    z, v = points(3, 2), points(3, 2, seed=1)
    one, other = geodesic(wavy, z, v, steps=20), geodesic(lambda z: 9 * wavy(z), z, v, steps=20)
    torch.testing.assert_close(one.points, other.points, rtol=0, atol=1e-12)
    torch.testing.assert_close(3 * one.lengths, other.lengths, rtol=1e-12, atol=0)


def test_geodesics_of_flat_space_are_straight():
    found = geodesic(flat, torch.zeros(1, 3), torch.tensor([[1.0, 2.0, 3.0]]), steps=4)
    torch.testing.assert_close(found.points[0], torch.arange(5)[:, None] / 4 * torch.tensor([1.0, 2.0, 3.0]))
    assert found.left.tolist() == [-1]
    assert found.arrived.tolist() == [True]


def test_distances_in_the_half_plane_are_those_of_the_closed_form():
    z, end = points(20, 2, low=0.3, high=2.0), points(20, 2, seed=1, low=0.3, high=2.0)
    found = geodesic_between(half_plane, z, end)
    expected = (1 + (z - end).square().sum(-1) / (2 * z[:, 1] * end[:, 1])).acosh()
    torch.testing.assert_close(found.lengths, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(found.points[:, -1], end, rtol=0, atol=1e-6)
    assert found.arrived.all()


def test_far_ends_are_approached_in_stages():
    z = torch.tensor([[-0.9, 0.0], [0.1, 0.1]], dtype=torch.float64)
    end = torch.tensor([[0.6, 0.6], [0.2, 0.1]], dtype=torch.float64)
    found = geodesic_between(poincare_disc, z, end, steps=24)
    gap = (z - end).square().sum(-1)
    expected = (1 + 2 * gap / ((1 - z.square().sum(-1)) * (1 - end.square().sum(-1)))).acosh()
    torch.testing.assert_close(found.lengths, expected, rtol=1e-3, atol=0)


def test_what_leaves_the_chart_is_told_or_kept():
    z, v = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).double(), torch.tensor([[0.0, 0.1], [3.0, 0.0]]).double()

    def above(z):
        return z[:, 1] > 0.5

    with pytest.raises(ArgumentError, match=r"1 of 2 leave the chart, the first from \(0, 1\) in step \d+; shorten"):
        geodesic(half_plane, z, v, inside=above)
    found = geodesic(half_plane, z, v, inside=above, keep=True)
    left = int(found.left[1])
    assert found.left[0] == -1
    assert 1 < left < 100
    assert found.points[1, :left].isfinite().all()
    assert (found.points[1, :left, 1] > 0.5).all()
    assert found.points[1, left:].isnan().all()
    assert found.points[0].isfinite().all()
    assert "1 left the chart" in str(found)


def test_a_metric_that_ends_is_a_chart_that_ends():
    def disc(z):
        return torch.diag_embed((1 - z.square().sum(-1, keepdim=True)).expand_as(z))

    z = torch.zeros(1, 2, dtype=torch.float64)
    with pytest.raises(ArgumentError, match="leave the chart"):
        geodesic(disc, z, torch.tensor([[3.0, 0.0]], dtype=torch.float64))


def test_ends_that_are_not_reached_are_told_or_kept():
    z, end = torch.tensor([[0.0, 1.0]]).double(), torch.tensor([[2.0, 1.0]]).double()

    def low(z):
        return z[:, 1] < 1.01  # the geodesic rises above

    found = geodesic_between(half_plane, z, end, inside=low, keep=True, steps=12)
    assert int(found.left[0]) > 0
    assert found.arrived.tolist() == [False]
    cut = torch.tensor([[0.0, 1.0], [0.0, 0.5]]).double()

    def holed(z):  # no metric on a strip between the two
        inside = ((z[:, 1] > 0.8) | (z[:, 1] < 0.7)).to(z.dtype)
        return half_plane(z) * (2 * inside - 1)[:, None, None]

    with pytest.raises(ArgumentError, match=r"1 of 1 not reached, the first from \(0, 1\) to \(0, 0.5\); take more"):
        geodesic_between(holed, cut[:1], cut[1:])


@pytest.mark.usefixtures("unchecked_annotations")
def test_points_and_velocities_must_fit():
    with pytest.raises(
        ShapeError, match=r"velocity: expected \(1, 2\) of torch.float64, got \(1, 2\) of torch.float32"
    ):
        geodesic(sphere, START, SLANTED.float())
    with pytest.raises(ShapeError, match=r"end: expected \(1, 2\)"):
        geodesic_between(sphere, START, START.expand(2, 2))


def test_near_points_far_from_the_origin_are_joined_in_single_precision():
    start, end = torch.tensor([[1.085, 1.069]]), torch.tensor([[1.017, 1.087]])
    found = geodesic_between(sphere, start, end)
    exact = geodesic_between(sphere, start.double(), end.double())
    assert bool(found.arrived.all())
    torch.testing.assert_close(found.lengths.double(), exact.lengths, rtol=2e-3, atol=0)
