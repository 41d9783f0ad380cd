"""Dyson's hierarchical model: its map against quadrature, its fixed points and exponents."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from haar.errors import ArgumentError, HaarError
from haar.systems.renormalisation.block import eigenvalue
from haar.systems.renormalisation.hierarchical import HierarchicalModel, gaussian_eigenvalue


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


class Moments:
    """The same map another way: even moments of the block spin, the weight as a power series, 64-bit mantissas."""

    def __init__(self, c, terms=40):
        binomials = [[math.comb(2 * n, 2 * k) for k in range(n + 1)] for n in range(terms + 1)]
        self.binomials = [np.array(row, dtype=np.longdouble) for row in binomials]
        self.factorials = np.array([math.factorial(j) for j in range(terms + 1)], dtype=np.longdouble)
        self.shrink = (np.longdouble(c) / 4) ** np.arange(terms + 1)
        self.terms = terms

    def step(self, mu, beta):
        sums = [row @ (mu[: n + 1] * mu[n::-1]) for n, row in enumerate(self.binomials)]
        sums = self.shrink * np.array(sums, dtype=np.longdouble)
        weight = (np.longdouble(beta) / 2) ** np.arange(self.terms + 1) / self.factorials
        new = np.array([weight[: self.terms + 1 - n] @ sums[n:] for n in range(self.terms + 1)])
        return new / new[0]

    def orders(self, beta):
        """Whether the block spin's variance grows without bound, from spins +-1."""
        mu = self.step(np.ones(self.terms + 1, dtype=np.longdouble), beta)
        first = mu[1]
        for _ in range(300):
            mu = self.step(mu, beta)
            if not 0.1 < mu[1] / first < 2:
                return bool(mu[1] > first)
        raise AssertionError("undecided")


def test_the_critical_temperature_by_moments_in_higher_precision(critical):
    model, _, beta, _ = critical
    other = Moments(np.longdouble(2) ** (np.longdouble(1) / 3))
    assert model.critical_beta() == beta
    assert not other.orders(np.longdouble(beta) * (1 - np.longdouble(1e-12)))
    assert other.orders(np.longdouble(beta) * (1 + np.longdouble(1e-12)))


def test_the_spectrum_of_the_fixed_point_by_densities_on_a_grid(critical):
    """The map as it is defined, on the density of the block spin: cosine transforms, Newton, eigenvalues."""
    model, series, _, values = critical
    reach, points, beta = 4.6, 240, 1.0  # beta only sets the unit of the field
    m, k = (np.arange(points) + 0.5) * reach / points, (np.arange(2 * points) + 0.5) * 0.125
    there = np.cos(np.outer(math.sqrt(model.c) / 2 * k, m)) * 2 * (reach / points)
    back = np.cos(np.outer(m, k)) * 0.125 / math.pi * np.exp(beta * m**2 / 2)[:, None]
    width = 2 * reach / points

    def step(p):
        return back @ np.square(there @ p)

    def normed(p):
        return p / (width * p.sum())

    def flow(r):
        """Where exp(-r m^2 - m^4 / 2) goes, and where on the way it moved least."""
        p, spreads, kept = normed(np.exp(-r * m**2 - m**4 / 2)), [], []
        for _ in range(80):
            p = normed(step(p))
            spreads.append(width * (p * m**2).sum())
            kept.append(p)
            if len(spreads) > 4 and not 0.3 < spreads[-1] / spreads[3] < 2:
                break
        return spreads[-1] > spreads[3], kept[int(np.argmin(np.abs(np.diff(spreads))))]

    low, high = -3.0, 3.0
    for _ in range(45):
        middle = (low + high) / 2
        grows, p = flow(middle)
        low, high = (middle, high) if grows else (low, middle)
    for _ in range(6):
        image = step(p)
        size, slope = width * image.sum(), back @ (2 * (there @ p)[:, None] * there)
        whole = slope / size - np.outer(image, width * slope.sum(0)) / size**2
        p = p - np.linalg.solve(whole - np.eye(points), image / size - p)
    size = width * step(p).sum()
    found = np.sort(np.linalg.eigvals(back @ (2 * (there @ p)[:, None] * there) / size).real)[::-1]
    assert found[0] == pytest.approx(2.0, abs=1e-6)  # the norm: the map is quadratic
    assert found[1:4].tolist() == pytest.approx(values[:3].tolist(), abs=2e-6)
    torch.testing.assert_close(model.step(series, critical[2]), series, rtol=0, atol=1e-12)


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
        HierarchicalModel(5.0, 20).fixed_point()
