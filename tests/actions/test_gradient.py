"""Derivatives along an axis: spectral ones exact on waves, differences exact on parabolas."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions.fourier import multiply_modes
from haar.actions.gradient import gradient
from haar.errors import ShapeError


@pytest.mark.parametrize("n", [7, 8])
def test_spectral_derivatives_of_waves_are_exact(n):
    places = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    for k in range(n // 2 if n % 2 == 0 else n // 2 + 1):
        slope = gradient((k * places).sin()[:, None].expand(n, 3), -2, spectral=True)
        assert torch.allclose(slope[:, 1], 2 * math.pi / n * k * (k * places).cos(), atol=1e-13)
    complex_wave = gradient(torch.exp(2j * places), -1, spectral=True)
    assert torch.allclose(complex_wave, 2 * math.pi / n * 2j * torch.exp(2j * places), atol=1e-13)


def test_the_highest_mode_of_an_even_axis_has_no_slope():
    assert float(gradient(torch.tensor([1.0, -1.0, 1.0, -1.0]), -1, spectral=True).abs().max()) < 1e-6
    assert multiply_modes(torch.tensor([1.0, -1.0]), -1, lambda k: 0j * k, 3.0).tolist() == [3.0, -3.0]


@pytest.mark.parametrize("n", [5, 6, 9])
def test_differences_are_exact_on_quartics(n):
    places = torch.arange(n, dtype=torch.float64)
    quartic = (places**4 - 3 * places**2 + places)[:, None].expand(n, 2)
    assert torch.allclose(gradient(quartic, -2)[:, 1], 4 * places**3 - 6 * places + 1, atol=1e-10, rtol=0)


def test_differences_are_of_fourth_order():
    errors = []
    for n in (20, 40):
        x = torch.linspace(0, 1, n + 1, dtype=torch.float64)
        errors.append(float((gradient(x.exp(), -1) * n - x.exp()).abs().max()))
    assert 12 < errors[0] / errors[1] < 20


def test_too_few_values_are_refused():
    with pytest.raises(ShapeError, match="x: expected at least 5 values along an axis to take differences, got 4"):
        gradient(torch.zeros(2, 4), -1)
