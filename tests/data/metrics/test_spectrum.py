from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.metrics import energy_spectrum
from haar.errors import ArgumentError, ShapeError


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 1000), st.booleans())
def test_the_energy_is_half_the_mean_square(space, seed, own_lengths):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((2, *space), generator=generator, dtype=torch.float64)
    lengths = [1.0 + 0.5 * axis for axis in range(len(space))] if own_lengths else None
    wave, energy = energy_spectrum(x, dim=len(space), lengths=lengths)
    assert energy.shape == (2, len(wave))
    over = tuple(range(1, x.ndim))
    assert torch.allclose(energy.sum(-1), x.square().mean(over) / 2, rtol=1e-12)
    assert torch.allclose(energy[:, 0], x.mean(over).square() / 2, rtol=1e-10, atol=1e-15)
    assert bool((energy >= 0).all())


def test_against_a_loop_over_wave_vectors():
    x = np.random.default_rng(0).normal(size=(6, 8))
    lengths = (1.5, 2.0)
    power = np.abs(np.fft.fft2(x) / x.size) ** 2 / 2
    expected = {}
    for i, j in np.ndindex(6, 8):
        k = [((n + m // 2) % m - m // 2) * 2 * math.pi / side for n, m, side in ((i, 6, 1.5), (j, 8, 2.0))]
        shell = math.floor(math.hypot(*k) / (2 * math.pi / 2.0) + 0.5)
        expected[shell] = expected.get(shell, 0.0) + power[i, j]
    wave, energy = energy_spectrum(torch.from_numpy(x), dim=2, lengths=lengths)
    assert np.allclose(energy.numpy(), [expected.get(shell, 0.0) for shell in range(len(wave))], rtol=1e-12, atol=1e-18)
    assert np.allclose(wave.numpy(), np.arange(len(wave)) * math.pi)


@pytest.mark.parametrize("mode", [(0, 0), (3, 0), (0, 5), (3, 4), (8, 8)])
def test_a_plane_wave_has_one_shell(mode):
    n = 16
    grid = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    phase = 2 * torch.pi * (mode[0] * grid[0] + mode[1] * grid[1]).double() / n
    _, energy = energy_spectrum(torch.cos(phase), dim=2)
    shell = round(math.hypot(*mode))
    assert int(energy.argmax()) == shell
    assert float(energy[shell]) == pytest.approx(float(energy.sum()), rel=1e-12)


def test_turned_fields_have_the_same_spectrum():
    x = torch.randn((3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, expected = energy_spectrum(x, dim=2)
    for turned in (x.rot90(1, (1, 2)), x.flip(1), x.roll((3, 1), (1, 2))):
        assert torch.allclose(energy_spectrum(turned, dim=2)[1], expected, rtol=1e-11, atol=1e-16)


def test_without_lengths_the_points_are_equally_spaced():
    x = torch.randn((8, 16), generator=torch.Generator().manual_seed(0))
    wave, energy = energy_spectrum(x, dim=2)
    other_wave, other = energy_spectrum(x, dim=2, lengths=(0.5, 1.0))
    assert torch.equal(wave, other_wave)
    assert torch.equal(energy, other)


@pytest.mark.usefixtures("unchecked_annotations")
def test_complex_fields_are_refused():
    with pytest.raises(ArgumentError, match=r"x: expected real values, got torch.complex64; add the spectra"):
        energy_spectrum(torch.zeros(4, dtype=torch.complex64), dim=1)


def test_wrong_input_is_refused():
    with pytest.raises(ArgumentError, match="dim: expected 1, 2 or 3 space dimensions, got 0"):
        energy_spectrum(torch.zeros(4), dim=0)
    with pytest.raises(ShapeError, match=r"x: expected at least 2 space axes, got \(4,\)"):
        energy_spectrum(torch.zeros(4), dim=2)
    for lengths in ([1.0], [1.0, 0.0], [1.0, math.inf]):
        with pytest.raises(ArgumentError, match="lengths: expected 2 positive numbers"):
            energy_spectrum(torch.zeros(4, 4), dim=2, lengths=lengths)
