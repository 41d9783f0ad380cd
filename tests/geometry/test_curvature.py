"""Curvature against closed forms, against a plain loop by finite differences and sympy's words, and its refusals."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from geometry_metrics import points, strong, wavy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.geometry import (
    CouplingChart,
    Pullback,
    christoffel,
    isometry_defect,
    killing_fields,
    portrait,
    pulled_back,
    ricci,
    riemann,
    scalar_curvature,
    volume,
)
from haar.geometry.spaces import flat, half_plane, poincare_disc, sphere


def warped(dim, seed):
    chart = CouplingChart(dim, hidden=8, seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in chart.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return chart


@pytest.mark.parametrize(
    ("metric", "sectional"),
    [(sphere, 1.0), (half_plane, -1.0), (poincare_disc, -1.0)],
)
def test_spaces_of_constant_curvature(metric, sectional):
    for dim in (2,) if metric is sphere else (2, 3, 5):
        z = points(7, dim, high=0.4)
        torch.testing.assert_close(
            scalar_curvature(metric, z),
            torch.full((7,), sectional * dim * (dim - 1), dtype=torch.float64),
            rtol=0,
            atol=1e-10,
        )


def test_flat_space_has_none_of_it():
    z = points(3, 3)
    for tensor in (christoffel(flat, z), riemann(flat, z), ricci(flat, z), scalar_curvature(flat, z)):
        assert not tensor.any()
    assert volume(flat, z).tolist() == [1.0, 1.0, 1.0]


def test_a_line_has_no_curvature():
    z = points(4, 1)
    assert scalar_curvature(wavy, z).tolist() == [0.0] * 4
    assert not riemann(wavy, z).any()


@settings(deadline=None, max_examples=10)
@given(dim=st.sampled_from([2, 3]), seed=st.integers(0, 1000))
def test_charts_of_flat_space_are_flat_and_scalars_do_not_depend_on_the_chart(dim, seed):
    chart, x = warped(dim, seed), points(4, dim, seed, low=-0.5, high=0.5)

    def moved(metric):
        return lambda z: pulled_back(metric, chart, z)

    assert scalar_curvature(moved(flat), x).abs().max() < 1e-9
    with torch.no_grad():
        there = scalar_curvature(wavy, chart(x))
    torch.testing.assert_close(scalar_curvature(moved(wavy), x), there, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_against_loops_over_indices_with_derivatives_by_differences(dim):
    z0, h = points(1, dim)[0].numpy(), 1e-4

    def g(z):
        return wavy(torch.from_numpy(z)[None])[0].numpy()

    def gamma(z):
        slopes = np.stack([(g(z + h * e) - g(z - h * e)) / (2 * h) for e in np.eye(dim)], -1)
        raised, made = np.linalg.inv(g(z)), np.zeros((dim,) * 3)
        for k, i, j, m in np.ndindex(*(dim,) * 4):
            made[k, i, j] += raised[k, m] * (slopes[j, m, i] + slopes[i, m, j] - slopes[i, j, m]) / 2
        return made

    here = gamma(z0)
    change = np.stack([(gamma(z0 + h * e) - gamma(z0 - h * e)) / (2 * h) for e in np.eye(dim)], -1)
    curvature = np.zeros((dim,) * 4)
    for a, b, c, d in np.ndindex(*(dim,) * 4):
        curvature[a, b, c, d] = change[a, d, b, c] - change[a, c, b, d]
        curvature[a, b, c, d] += here[a, c] @ here[:, d, b] - here[a, d] @ here[:, c, b]
    z = torch.from_numpy(z0)[None]
    np.testing.assert_allclose(christoffel(wavy, z)[0], here, rtol=0, atol=1e-6)
    np.testing.assert_allclose(riemann(wavy, z)[0], curvature, rtol=0, atol=1e-5)
    expected = np.einsum("abad->bd", curvature)
    np.testing.assert_allclose(ricci(wavy, z)[0], expected, rtol=0, atol=1e-5)
    scalar = float(np.trace(np.linalg.inv(g(z0)) @ expected))
    assert float(scalar_curvature(wavy, z)[0]) == pytest.approx(scalar, abs=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_symmetries_of_the_riemann_tensor(dim):
    z = points(3, dim)
    low = torch.einsum("nae,nebcd->nabcd", wavy(z), riemann(wavy, z))
    torch.testing.assert_close(low, -low.transpose(1, 2), rtol=0, atol=1e-10)
    torch.testing.assert_close(low, -low.transpose(3, 4), rtol=0, atol=1e-10)
    torch.testing.assert_close(low, low.permute(0, 3, 4, 1, 2), rtol=0, atol=1e-10)
    cycled = low + low.permute(0, 1, 3, 4, 2) + low.permute(0, 1, 4, 2, 3)
    assert cycled.abs().max() < 1e-10


def test_ricci_of_a_surface_is_half_the_scalar_times_the_metric():
    z = points(5, 2)
    expected = scalar_curvature(wavy, z)[:, None, None] / 2 * wavy(z)
    torch.testing.assert_close(ricci(wavy, z), expected, rtol=1e-9, atol=1e-10)


def test_scaling_the_metric():
    z, c = points(4, 3), 7.0

    def scaled(z):
        return c * wavy(z)

    torch.testing.assert_close(christoffel(scaled, z), christoffel(wavy, z), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(scalar_curvature(scaled, z), scalar_curvature(wavy, z) / c, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(volume(scaled, z), volume(wavy, z) * c**1.5, rtol=1e-10, atol=1e-12)


def test_batches_longer_than_a_part_and_single_points_agree():
    z = points(9000, 2)
    together = scalar_curvature(wavy, z)
    assert together.shape == (9000,)
    apart = torch.cat([scalar_curvature(wavy, z[k : k + 1]) for k in (0, 8191, 8192, 8999)])
    torch.testing.assert_close(together[[0, 8191, 8192, 8999]], apart, rtol=1e-9, atol=1e-11)


def test_curvature_can_be_trained():
    metric, z = strong(2), points(3, 2)
    scalar_curvature(metric, z).square().mean().backward()
    weight = metric.net[0].weight
    assert weight.grad is not None
    h, at = 1e-6, (2, 1)
    with torch.no_grad():
        values = []
        for sign in (1, -1):
            weight[at] += sign * h
            values.append(float(scalar_curvature(metric, z).square().mean()))
            weight[at] -= sign * h
    assert float(weight.grad[at]) == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-4)


def test_single_precision_is_kept():
    z = points(3, 2).float()
    found = scalar_curvature(poincare_disc, z)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.full((3,), -2.0), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (lambda z: -flat(z), r"metric: expected positive definite values, got the eigenvalue -1 at point 0"),
        (
            lambda z: flat(z) + torch.tensor([[0.0, 0.1], [0.0, 0.0]]),
            "symmetric values, got entries that differ by 0.1",
        ),
        (lambda z: flat(z) / 0, "finite values, got NaN or infinity at point 0"),
        (lambda z: z, r"values of shape \(2, 2, 2\) at 2 points, got \(2, 2\)"),
    ],
)
def test_what_is_no_metric_is_refused(metric, message):
    for verb in (christoffel, scalar_curvature, volume):
        with pytest.raises(ArgumentError, match=message):
            verb(metric, points(2, 2))


def test_the_bad_point_and_its_eigenvalue_are_named():
    z = torch.tensor([[1.0, 1.0], [2.0, -3.0]], dtype=torch.float64)
    with pytest.raises(ArgumentError, match=r"the eigenvalue -3 at point 1, \(2, -3\)"):
        christoffel(torch.diag_embed, z)
    with pytest.raises(ArgumentError, match=r"the eigenvalue -4 at point 1"):
        christoffel(torch.diag_embed, torch.tensor([[1.0, 1.0, 1.0], [2.0, 1.0, -4.0]]))


def test_kinks_are_refused_by_layer_and_dimensions_by_number():
    net = nn.Sequential(nn.Linear(2, 4), nn.LeakyReLU(), nn.Linear(4, 4), nn.Unflatten(1, (2, 2))).double()
    for verb in (christoffel, riemann, ricci, scalar_curvature):
        with pytest.raises(ArgumentError, match="got leaky_relu in layer '1'; replace leaky_relu"):
            verb(net, points(2, 2))
    with pytest.raises(ArgumentError, match="relu in the function"):
        christoffel(lambda z: flat(z) + torch.relu(z[:, :1, None]), points(2, 2))
    with pytest.raises(ArgumentError, match=r"at most 6 coordinates.* got 7; volume\(\)"):
        scalar_curvature(flat, points(2, 7))
    assert christoffel(flat, points(2, 7)).shape == (2, 7, 7, 7)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("z", [torch.zeros(3), torch.zeros(0, 2), torch.zeros(2, 2, dtype=torch.int64), [[0.0, 1.0]]])
def test_points_are_a_batch_of_real_numbers(z):
    with pytest.raises(ShapeError, match=r"z: expected points \(n, d\) of real numbers"):
        christoffel(flat, z)


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(4), nn.Dropout(0.5)])
def test_layers_that_mix_points_or_draw_are_refused_in_training(layer):
    net = nn.Sequential(nn.Linear(2, 4), layer, nn.Tanh()).double().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    for verb in (scalar_curvature, volume, portrait, killing_fields, partial(isometry_defect, maps=torch.neg)):
        with pytest.raises(
            ArgumentError, match=rf"got {type(layer).__name__} in layer 'decoder.1', in training mode; call"
        ):
            verb(Pullback(net), z=points(3, 2))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert scalar_curvature(Pullback(net.eval()), points(3, 2)).isfinite().all()
