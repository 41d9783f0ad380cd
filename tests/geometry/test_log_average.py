"""The average of logarithms where eigenvalues are equal, as those of conformal metrics and of new networks are."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import points, strong

from haar.actions import Defining
from haar.errors import ArgumentError, ShapeError
from haar.geometry import LogAveraged, MetricNet, geometric_penalty, scalar_curvature
from haar.geometry.spaces import flat
from haar.groups import cyclic, octahedral

TURNS = Defining(cyclic(4))


def globe(z):
    """The unit sphere by stereographic projection: a multiple of the identity at every point."""
    return (4 / (1 + z.square().sum(1)) ** 2)[:, None, None] * torch.eye(2, dtype=z.dtype)


def by_eigenvalues(metric, rep, z):
    copies = []
    for g in rep.group.elements():
        r = rep.matrix(g).double()
        values, vectors = torch.linalg.eigh(r.T @ metric(z @ r.T) @ r)
        copies.append((vectors * values.log()[:, None]) @ vectors.mT)
    values, vectors = torch.linalg.eigh(torch.stack(copies).mean(0))
    return (vectors * values.exp()[:, None]) @ vectors.mT


@torch.no_grad()
@pytest.mark.parametrize("scale", [1.0, 60.0, 300.0])
def test_it_is_the_mean_of_logarithms_by_eigenvalues(scale):
    rep = Defining(octahedral())
    metric, z = strong(3, scale=scale), points(7, 3, low=-1.0, high=1.0)
    expected = by_eigenvalues(metric, rep, z)
    torch.testing.assert_close(LogAveraged(metric, rep)(z), expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


def test_eight_powers_of_ten_between_eigenvalues():
    stretched = torch.diag(torch.tensor([1e-4, 1e4], dtype=torch.float64))
    made = LogAveraged(lambda z: stretched.expand(len(z), 2, 2), TURNS)(points(2, 2))
    torch.testing.assert_close(made, torch.eye(2, dtype=torch.float64).expand(2, 2, 2), rtol=0, atol=1e-9)


def test_the_sphere_averaged_is_the_sphere_and_has_its_curvature():
    z = points(5, 2, low=-1.0, high=1.0)
    averaged = LogAveraged(globe, TURNS)
    torch.testing.assert_close(averaged(z), globe(z), rtol=1e-13, atol=0)
    torch.testing.assert_close(scalar_curvature(averaged, z), torch.full((5,), 2.0, dtype=torch.float64))
    assert float(scalar_curvature(LogAveraged(flat, TURNS), z).abs().max()) == 0


def test_gradients_are_those_of_differences_at_the_identity():
    z = points(3, 2)

    def averaged(g):
        return LogAveraged(lambda moved: g.repeat(len(moved) // len(g), 1, 1), TURNS)(z)

    one = torch.eye(2, dtype=torch.float64).repeat(3, 1, 1).requires_grad_()
    symmetric = lambda g: averaged((g + g.mT) / 2)  # noqa: E731
    assert torch.autograd.gradcheck(symmetric, one)
    assert torch.autograd.gradgradcheck(symmetric, one)


def test_a_network_that_is_the_same_everywhere_can_be_trained():
    metric = MetricNet(2, dtype=torch.float64)
    with torch.no_grad():
        for parameter in metric.net[-1].parameters():
            parameter.zero_()
    z = points(4, 2)
    (geometric_penalty(LogAveraged(metric, TURNS), z) + LogAveraged(metric, TURNS)(z).square().sum()).backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in metric.parameters())
    assert float(metric.net[-1].bias.grad.abs().max()) > 0.1


def test_what_has_no_logarithm_is_refused():
    saddle = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    with pytest.raises(ArgumentError, match="metric: expected positive definite values, got the eigenvalue -1"):
        LogAveraged(lambda z: saddle.expand(len(z), 2, 2), TURNS)(points(3, 2))
    with pytest.raises(ShapeError, match=r"z: expected points \(n, 2\), got \(3, 4\)"):
        LogAveraged(flat, TURNS)(points(3, 4))
    assert LogAveraged(MetricNet(2, dtype=torch.float64), TURNS)(points(0, 2)).shape == (0, 2, 2)
