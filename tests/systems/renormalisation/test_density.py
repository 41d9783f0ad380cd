"""The map on densities and characteristic functions."""

from __future__ import annotations

import math

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.moments.laws import Gamma, Normal, Rademacher, TwoBump
from haar.systems.renormalisation.density import GridDensity, characteristic_step, stable_characteristic

T = torch.linspace(-6, 6, 121, dtype=torch.float64)


@pytest.mark.parametrize("b", [2, 3, 4])
def test_the_normal_density_is_fixed(b):
    p = GridDensity.of(Normal(), points=2**12)
    torch.testing.assert_close(p.step(b).values, p.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("b", [2, 3])
def test_cumulants_of_a_smooth_density_obey_the_map(b):
    p = GridDensity.of(TwoBump(), points=2**12)
    for n, (before, after) in enumerate(zip(p.cumulants(6), p.step(b).cumulants(6), strict=True), start=1):
        assert float(after) == pytest.approx(b ** (1 - n / 2) * float(before), abs=1e-6 if n > 4 else 1e-9)
    assert float(p.cumulants(4)[3]) == pytest.approx(float(TwoBump().cumulant(4)), abs=1e-11)


@pytest.mark.parametrize("b", [2, 3, 5])
def test_tails_are_rounding_alone(b):
    """Where the density is far below rounding, what is left is the error of one sum: few units of 2^-53 of its peak."""
    far = GridDensity.of(TwoBump(), points=2**12).step(b)
    assert float(far.values[far.grid.abs() > 20].abs().max()) < 5e-16


def test_steps_compose():
    p = GridDensity.of(TwoBump(), points=2**12)
    torch.testing.assert_close(p.step(2).step(2).values, p.step(4).values, rtol=0, atol=1e-12)


def test_a_sum_of_gammas_is_a_gamma():
    shape, b = 6, 2
    p = GridDensity.of(Gamma(shape, shape**-0.5), points=2**13).step(b)
    exact = Gamma(b * shape, (b * shape) ** -0.5).density(p.grid)
    torch.testing.assert_close(p.values, exact, rtol=0, atol=1e-9)


def test_other_indices_dilate_otherwise():
    p = GridDensity.of(Normal(), points=2**12)
    wide = p.step(2, index=4.0)
    assert float(wide.cumulants(2)[1]) == pytest.approx(2 ** (1 - 2 / 4.0), abs=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("b", [2, 7])
def test_stable_laws_are_fixed_for_their_own_index(alpha, b):
    mapped = characteristic_step(lambda t: stable_characteristic(t, alpha), b, index=alpha)
    torch.testing.assert_close(mapped(T), stable_characteristic(T, alpha), rtol=1e-14, atol=1e-15)
    other = characteristic_step(lambda t: stable_characteristic(t, alpha), b, index=0.7 * alpha)
    assert float((other(T) - stable_characteristic(T, alpha)).abs().max()) > 1e-2


@pytest.mark.parametrize("power", [2.0, 3.0, 4.0])
def test_a_perturbation_of_a_stable_law_grows_with_its_eigenvalue(power):
    alpha, b, small = 1.5, 3, 1e-6

    def perturbed(t):
        return torch.exp(-t.abs().pow(alpha) + small * t.abs().pow(power))

    t = torch.linspace(0.5, 2, 20, dtype=torch.float64)
    mapped = characteristic_step(perturbed, b, index=alpha)(t)
    grown = (mapped.log() + t.pow(alpha)) / (small * t.pow(power))
    torch.testing.assert_close(grown, torch.full_like(t, b ** (1 - power / alpha)), rtol=1e-6, atol=1e-8)


def test_the_cosine_of_signs_becomes_normal():
    phi = characteristic_step(torch.cos, 2**20)
    torch.testing.assert_close(phi(T), torch.exp(-0.5 * T.square()), rtol=0, atol=1e-6)


def test_complex_characteristic_functions():
    def exponential(t):
        return torch.exp(-1j * t) / (1 - 1j * t)

    mapped = characteristic_step(exponential, 2)(T)
    torch.testing.assert_close(mapped, exponential(T / math.sqrt(2)) ** 2, rtol=1e-13, atol=1e-15)


def test_refusals():
    with pytest.raises(ShapeError, match="values: expected an even number of points, got 3"):
        GridDensity(torch.ones(3, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="reach: expected a length > 0"):
        GridDensity(torch.ones(4, dtype=torch.float64), -1.0)
    with pytest.raises(ArgumentError, match="law: expected a law with a density, got rademacher"):
        GridDensity.of(Rademacher())
    with pytest.raises(ArgumentError, match="alpha: expected an index in"):
        stable_characteristic(T, 2.5)
    with pytest.raises(ArgumentError, match="b: expected at least one copy"):
        characteristic_step(torch.cos, 0)
