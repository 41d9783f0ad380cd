"""Metrics that are no value a point, or hide their slopes, are refused; a decoder's geodesics are its metric's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.geometry import Pullback, christoffel, geodesic, scalar_curvature
from haar.geometry.spaces import sphere

Z = torch.linspace(0.3, 1.4, 12, dtype=torch.float64).view(6, 2)


def bowl(z):
    return torch.diag_embed(1 + z**2 + z.sum(-1, keepdim=True) ** 2)


@pytest.mark.parametrize("compute", [christoffel, scalar_curvature, lambda g, z: geodesic(g, z, 0.1 * z)])
@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (lambda z: bowl(z.detach()), "the slope 0 at .* where differences say"),
        (torch.inference_mode()(bowl), "the slope 0 at .* where differences say"),
        (lambda z: bowl(z - z.mean(0)), "expected values of each point alone, got one that changes by"),
        (lambda z: torch.eye(2, dtype=z.dtype), "expected a value for every point"),
        (lambda z: torch.from_numpy(bowl(z).numpy()), "no numpy within it"),
    ],
)
def test_what_is_no_function_of_points_is_refused(compute, metric, message):
    with pytest.raises(ArgumentError, match=message):
        compute(metric, Z)


def test_metrics_without_recorded_gradients_are_as_good():
    torch.testing.assert_close(scalar_curvature(torch.no_grad()(bowl), Z), scalar_curvature(bowl, Z))


def test_a_domain_of_another_shape_is_refused():
    with pytest.raises(ArgumentError, match=r"inside: expected a function to booleans \(6,\)"):
        geodesic(sphere, Z, 0.1 * Z, inside=lambda z: z < 3, steps=2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_geodesics_of_a_decoder_are_those_of_its_metric(dtype):
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Unflatten(1, (2, 4)), nn.Linear(4, 3)).to(dtype)
    metric, z = Pullback(decoder), Z.to(dtype)
    v = z.flip(1) - 0.5
    fast, slow = (geodesic(g, z, v, steps=8) for g in (metric, metric.forward))
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(fast.points, slow.points, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(fast.lengths, slow.lengths, rtol=tolerance, atol=tolerance)


def test_attention_has_curvature():
    torch.manual_seed(0)
    lift = nn.Linear(2, 24, dtype=torch.float64)

    def decoder(z):
        return nn.functional.scaled_dot_product_attention(*lift(z).unflatten(1, (3, 2, 4)).unbind(1))

    def by_hand(z):
        q, k, v = lift(z).unflatten(1, (3, 2, 4)).unbind(1)
        return (q @ k.mT / 2).softmax(-1) @ v

    curved = [scalar_curvature(Pullback(one), Z).detach() for one in (decoder, by_hand)]
    torch.testing.assert_close(curved[0], curved[1], rtol=1e-8, atol=1e-8)


def test_a_decoder_of_another_precision_is_refused():
    with pytest.raises(ArgumentError, match="numbers of one precision"):
        scalar_curvature(Pullback(nn.Linear(2, 3)), Z)
