from __future__ import annotations

import math

import torch

from haar.data.generators.random_fields import random_field
from haar.data.solvers import PeriodicGrid


def test_a_field_is_band_limited_without_mean_and_normalised() -> None:
    grid = PeriodicGrid((24, 18), (2.0, 1.0))
    field = random_field(grid, lambda k: 1 / (1 + k), torch.Generator().manual_seed(0))
    torch.testing.assert_close(grid.band_limit(field), field, rtol=0, atol=1e-12)
    assert abs(field.mean()) < 1e-14
    assert abs(field.square().mean() - 1) < 1e-12


def test_the_law_is_white_noise_filtered() -> None:
    """Mean power of every mode over many fields, against the square of the amplitude."""
    grid = PeriodicGrid((12, 12), (2 * math.pi, 2 * math.pi))
    random = torch.Generator().manual_seed(0)
    fields = torch.stack([random_field(grid, lambda k: torch.exp(-k / 3), random) for _ in range(2000)])
    power = torch.fft.rfft2(fields).abs().square().mean(0)
    amplitude = torch.exp(2 * -(-grid.laplacian).sqrt() / 3)
    kept = grid.dealias & (grid.laplacian != 0)
    assert power[~kept].max() < 1e-20
    ratio = power[kept] / amplitude[kept]
    assert (ratio / ratio.mean() - 1).abs().max() < 0.3
    correlation = (power[1, 0] - power[0, 1]).abs() / power[0, 1]
    assert correlation < 0.1  # x and y are alike


def test_the_noise_does_not_depend_on_the_precision() -> None:
    single, double = (
        random_field(PeriodicGrid((16, 16), (1.0, 1.0), dtype), torch.ones_like, torch.Generator().manual_seed(3))
        for dtype in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)
