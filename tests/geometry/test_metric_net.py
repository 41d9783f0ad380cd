"""MetricNet, charts and the penalty: definite, invertible, with the determinants that they say."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import moved, points, strong
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.geometry import CouplingChart, MetricNet, geometric_penalty, log_volume_spread, pulled_back, scalar_curvature
from haar.geometry.spaces import flat, half_plane, sphere


@settings(deadline=None, max_examples=15)
@given(dim=st.integers(1, 7), rank=st.sampled_from([None, 1]), seed=st.integers(0, 100))
def test_metrics_are_symmetric_to_the_bit_and_above_their_floor(dim, rank, seed):
    metric = MetricNet(dim, (8,), rank=rank, floor=1e-2, seed=seed, dtype=torch.float64)
    with torch.no_grad():
        metric.net[-1].weight.mul_(300)
    z = points(5, dim, seed, low=-2.0, high=2.0)
    g = metric(z).detach()
    assert torch.equal(g, g.mT)
    assert float(torch.linalg.eigvalsh(g).min()) >= 1e-2 * (1 - 1e-6)
    torch.testing.assert_close(metric.inverse(z).detach() @ g, torch.eye(dim).double().expand_as(g), rtol=0, atol=1e-7)
    torch.testing.assert_close(metric.log_volume(z).detach(), g.logdet() / 2, rtol=1e-9, atol=1e-9)


def test_it_begins_near_the_identity_and_depends_on_the_point():
    metric = MetricNet(3, dtype=torch.float64)
    z = points(4, 3).requires_grad_()
    g = metric(z)
    assert (g - torch.eye(3)).abs().max() < 0.1
    (slope,) = torch.autograd.grad(g.sum(), z)
    assert slope.abs().min() > 0


def test_seeds_and_ranks():
    one, same, other = (MetricNet(2, seed=s)(torch.zeros(1, 2)) for s in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert MetricNet(17).rank == 8
    assert MetricNet(16).rank is None
    with pytest.raises(ArgumentError, match="rank: expected at most the dimension 2, got 3"):
        MetricNet(2, rank=3)
    with pytest.raises(ArgumentError, match="floor: expected a number above 0"):
        MetricNet(2, floor=0.0)


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_charts_are_inverted_and_know_their_determinant(dim):
    chart, x = moved(CouplingChart(dim, seed=1).double()), points(5, dim, low=-1.0, high=1.0)
    y, log_det = chart.with_log_det(x)
    torch.testing.assert_close(chart.inverse(y), x, rtol=0, atol=1e-12)
    jacobians = torch.stack([torch.autograd.functional.jacobian(lambda p: chart(p[None])[0], one) for one in x])
    sign, expected = torch.linalg.slogdet(jacobians)
    assert (sign > 0).all()
    torch.testing.assert_close(log_det, expected, rtol=1e-10, atol=1e-12)
    if dim > 1:
        assert (jacobians.abs().amax(0) > 1e-3).sum() > dim  # coordinates are coupled


def test_a_chart_begins_as_the_identity():
    x = points(3, 4)
    assert torch.equal(CouplingChart(4).double()(x), x)


def test_the_penalty_by_hand():
    z = points(30, 2, low=0.5, high=1.5)
    spread = (-2 * z[:, 1].log()).var(correction=0)
    assert float(geometric_penalty(half_plane, z)) == pytest.approx(4 + float(spread), rel=1e-9)
    assert float(geometric_penalty(half_plane, z, volume=3.0)) == pytest.approx(4 + 3 * float(spread), rel=1e-9)
    assert float(log_volume_spread(half_plane, z)) == pytest.approx(float(spread), rel=1e-12)


def test_curvature_counts_at_equal_volume():
    def stretched(z):  # of the volume of the plane, and not flat
        a = (z[:, 0] * z[:, 1]).sin()
        return torch.diag_embed(torch.stack([a.exp(), (-a).exp()], -1))

    z = points(10, 2)
    assert float(log_volume_spread(stretched, z)) < 1e-20
    assert float(geometric_penalty(stretched, z)) > 1e-3
    assert float(geometric_penalty(flat, z)) == 0.0


def test_with_a_chart_the_penalty_is_that_of_what_is_pulled_back():
    chart, x = moved(CouplingChart(2, seed=2).double(), 1), points(6, 2, low=0.8, high=1.0)

    def whole(z):
        return pulled_back(sphere, chart, z)

    with torch.no_grad():
        spread = (whole(x).logdet() / 2).var(correction=0)
        expected = scalar_curvature(whole, x).square().mean() + spread
        torch.testing.assert_close(geometric_penalty(sphere, x, chart=chart), expected, rtol=1e-7, atol=0)
        torch.testing.assert_close(log_volume_spread(sphere, x, chart=chart), spread, rtol=1e-9, atol=0)


def test_the_penalty_reaches_the_metrics_weights():
    metric = strong(2)
    geometric_penalty(metric, points(4, 2)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in metric.net[0].parameters())


def test_a_weight_below_zero_is_refused():
    with pytest.raises(ArgumentError, match="volume: expected a number of at least 0, got -1"):
        geometric_penalty(flat, points(2, 2), volume=-1.0)


@pytest.mark.parametrize("rank", [None, 1])
def test_points_of_another_size_are_refused(rank):
    metric, chart = MetricNet(2, rank=rank), CouplingChart(2)
    for call in (metric, metric.inverse, metric.log_volume, chart):
        with pytest.raises(ShapeError, match=r"[xz]: expected points \(n, 2\), got \(4, 3\)"):
            call(torch.zeros(4, 3))
    with pytest.raises(ShapeError, match=r"y: expected points \(n, 2\), got \(4, 3\)"):
        chart.inverse(torch.zeros(4, 3))
