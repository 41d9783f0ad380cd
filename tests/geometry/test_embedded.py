"""Curvature of a decoder by the equation of Gauss, beside that of its metric and beside closed forms."""

from __future__ import annotations

import pytest
import torch
from geometry_metrics import points
from torch import nn

from haar.errors import ArgumentError
from haar.geometry import Pullback, embedded, killing_fields, scalar_curvature, volume


def _decoder(size):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(size, 12), nn.Tanh(), nn.Linear(12, 9)).double()


@pytest.mark.parametrize("size", [2, 3])
def test_the_curvature_is_that_of_the_metric(size):
    metric, z = Pullback(_decoder(size)), points(5, size)
    torch.testing.assert_close(scalar_curvature(metric, z), scalar_curvature(metric.forward, z), rtol=1e-9, atol=1e-9)


def test_a_sphere_of_many_dimensions():
    """The part of a sphere in R^(d+1) above the plane: S = d (d - 1)."""
    z = points(4, 9, low=-0.2, high=0.2)

    def cap(z):
        return torch.cat([z, (1 - z.square().sum(-1, keepdim=True)).sqrt()], -1)

    torch.testing.assert_close(scalar_curvature(Pullback(cap), z), torch.full((4,), 72.0).double())


def test_parts_change_nothing(monkeypatch):
    metric, z = Pullback(_decoder(2)), points(11, 2)
    whole = scalar_curvature(metric, z), volume(metric, z), killing_fields(metric, z).rates
    monkeypatch.setattr(embedded, "_NUMBERS", 1000)
    parts = scalar_curvature(metric, z), volume(metric, z), killing_fields(metric, z).rates
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_too_many_dimensions_are_refused():
    with pytest.raises(ArgumentError, match=r"z: expected at most 32 coordinates.* got 33; volume\(\)"):
        scalar_curvature(Pullback(lambda z: z), points(2, 33))
