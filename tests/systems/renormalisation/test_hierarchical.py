"""Dyson's hierarchical model: its map against quadrature, its fixed points and exponents."""

from __future__ import annotations

import math

import pytest
import torch

from haar.errors import ArgumentError, HaarError
from haar.systems.renormalisation.block import eigenvalue
from haar.systems.renormalisation.hierarchical import HierarchicalModel, gaussian_eigenvalue, susceptibility_exponent


@pytest.fixture(scope="module")
def critical():
    model = HierarchicalModel(3.0)
    series, beta = model.fixed_point()
    return model, series, beta, model.eigenvalues(series, beta)


def test_one_step_for_ising_spins_by_hand():
    model, beta = HierarchicalModel(3.0), 0.7
    # Two spins: m = 0 with weight 2, m = +-sqrt(c) with weight e^(beta c / 2) each.
    c = model.c
    weight = math.exp(0.5 * beta * c)
    made = model.step(model.ising(), beta)
    for n in range(1, 6):
        moment = 2 * weight * c**n / (2 + 2 * weight)
        assert made[n - 1].item() == pytest.approx((-1) ** n * moment / math.factorial(2 * n), rel=1e-10)


@pytest.mark.parametrize("dimension", [3.0, 4.0, 5.0])
def test_the_gaussian_fixed_point_and_its_spectrum(dimension):
    model = HierarchicalModel(dimension, 48)
    series = model.gaussian_fixed_point(0.8)
    torch.testing.assert_close(model.step(series, 0.8), series, rtol=1e-10, atol=1e-14)
    found = model.eigenvalues(series, 0.8)[:3].tolist()
    assert found == pytest.approx([gaussian_eigenvalue(n, model.c) for n in (2, 4, 6)], rel=2e-5)


def test_without_interaction_it_is_the_central_limit_theorem():
    assert [gaussian_eigenvalue(n, 2.0) for n in (2, 4, 6)] == [float(eigenvalue(n, 2)) for n in (2, 4, 6)]


def test_a_gaussian_stays_gaussian_with_the_recursion_of_precisions():
    model, beta, variance = HierarchicalModel(3.0, 16), 0.5, 0.6
    made = model.step(model.gaussian(variance), beta)
    precision = 2.0 / (variance * model.c) - beta
    torch.testing.assert_close(made, model.gaussian(1.0 / precision), rtol=1e-7, atol=1e-9)


def test_the_critical_temperature_and_the_exponents_of_the_literature(critical):
    # Values published by Meurice and co-workers for Ising spins on the three-dimensional hierarchical lattice.
    model, series, beta, values = critical
    assert beta == pytest.approx(1.17903017044627, abs=1e-12)
    assert values[0].item() == pytest.approx(1.42717247817759, abs=1e-10)
    assert values[1].item() == pytest.approx(0.859411649182006, abs=1e-9)
    assert susceptibility_exponent(values[0].item(), model.c) == pytest.approx(1.299140730159, abs=1e-10)
    torch.testing.assert_close(model.step(series, beta), series, rtol=0, atol=1e-12)


def test_truncation_does_not_matter(critical):
    _, _, beta, values = critical
    small = HierarchicalModel(3.0, 18)
    series, other = small.fixed_point()
    assert other == pytest.approx(beta, abs=1e-10)
    assert small.eigenvalues(series, other)[0].item() == pytest.approx(values[0].item(), abs=1e-8)


def test_refusals():
    with pytest.raises(ArgumentError, match="dimension: expected more than 2"):
        HierarchicalModel(2.0)
    with pytest.raises(ArgumentError, match="terms: expected at least 2, got 1"):
        HierarchicalModel(3.0, 1)
    with pytest.raises(ArgumentError, match="n: expected an even degree >= 0, got 3"):
        gaussian_eigenvalue(3, 1.5)
    with pytest.raises(HaarError, match="no transition in 0 < beta < 10"):
        HierarchicalModel(3.0, 8).critical_beta(HierarchicalModel(3.0, 8).gaussian(1e-3))
    with pytest.raises(HaarError, match="no non-Gaussian fixed point found for dimension 5"):
        HierarchicalModel(5.0, 24).fixed_point()
