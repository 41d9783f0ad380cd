"""The stated standard error: unbiased, proved by listing every draw that could have been made."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch

from haar.actions import Defining, Symmetry, Vector
from haar.average import (
    Design,
    Draw,
    Given,
    How,
    MeanWithError,
    Quadrature,
    Sampled,
    WeightedSet,
    average,
    expected_excess,
    standard_error,
)
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral

DOUBLE = torch.float64
X = torch.tensor([[0.3, -1.1], [0.7, 0.2]], dtype=DOUBLE)


def model(x):
    return (x * torch.tensor([1.0, 2.0], dtype=DOUBLE)).exp()


def symmetry_of(group):
    return Symmetry(group, Vector(Defining(group)), Vector(Defining(group)))


@dataclass(frozen=True)
class Drawn(How):
    """One particular outcome of a random draw."""

    elements: tuple[int, ...]
    draw: Draw

    def weighted(self, group):
        del group
        weights = torch.full((len(self.elements),), 1 / len(self.elements), dtype=DOUBLE)
        return WeightedSet(torch.tensor(self.elements), weights, "sampled", self.draw)


def outcomes(kind, m):
    """Every outcome of a draw from D3 or D4, all equally likely."""
    if kind == "without":
        return dihedral(3), [Drawn(s, Draw(population=6)) for s in itertools.combinations(range(6), m)]
    if kind == "iid":
        return dihedral(3), [Drawn(s, Draw()) for s in itertools.product(range(6), repeat=m)]
    if kind == "stratified":
        halves = [list(itertools.combinations(range(k, k + 3), m // 2)) for k in (0, 3)]
        return dihedral(3), [Drawn(a + b, Draw(strata=2, population=3)) for a, b in itertools.product(*halves)]
    pairs = [(k, (k + 2) % 4) for k in (0, 1)] + [(4 + k, 4 + (k + 2) % 4) for k in (0, 1)]
    chosen = itertools.combinations(pairs, m // 2)
    return dihedral(4), [Drawn(sum(c, ()), Draw(unit=2, population=4)) for c in chosen]


@pytest.mark.parametrize(
    ("kind", "m"), [("without", 2), ("without", 5), ("iid", 2), ("stratified", 4), ("antithetic", 4)]
)
def test_the_squared_standard_error_is_the_mean_squared_error_on_average(kind, m):
    group, draws = outcomes(kind, m)
    symmetry = symmetry_of(group)
    exact = average(model, symmetry)(X)
    squared, stated, mean = [], [], []
    for draw in draws:
        estimate = standard_error(average(model, symmetry, draw, micro_batch=m, check=False), X)
        squared.append((estimate.mean - exact).square())
        stated.append(estimate.standard_error.square())
        mean.append(estimate.mean)
    torch.testing.assert_close(torch.stack(mean).mean(0), exact, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(torch.stack(stated).mean(0), torch.stack(squared).mean(0), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", ["without", "iid"])
def test_the_expected_excess_is_an_identity_over_all_draws(kind, m):
    if kind == "iid" and m > 3:
        m = 3
    group, draws = outcomes(kind, m)
    symmetry = symmetry_of(group)
    full = standard_error(average(model, symmetry), X)
    orbit = average(model, symmetry).stacked(X)
    squared = [(orbit[list(draw.elements)].mean(0) - full.mean).square().mean() for draw in draws]
    expected = expected_excess(float(full.orbit_variance.mean()), m, 6 if kind == "without" else None)
    assert float(torch.stack(squared).mean()) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_sampled_orbit_variance_is_unbiased():
    group, draws = outcomes("without", 3)
    symmetry = symmetry_of(group)
    found = [standard_error(average(model, symmetry, d, micro_batch=3, check=False), X).orbit_variance for d in draws]
    exact = standard_error(average(model, symmetry), X).orbit_variance
    torch.testing.assert_close(torch.stack(found).mean(0), exact, rtol=1e-12, atol=1e-12)


def test_a_full_orbit_has_no_error():
    symmetry = symmetry_of(dihedral(3))
    for averaged in (average(model, symmetry), average(model, symmetry, Sampled(6))):
        estimate = standard_error(averaged, X)
        assert isinstance(estimate, MeanWithError)
        torch.testing.assert_close(estimate.mean, averaged(X), rtol=1e-12, atol=1e-12)
        assert float(estimate.standard_error.abs().max()) == 0


def test_one_draw_has_no_variance_but_a_whole_group_of_one_has():
    with pytest.raises(ArgumentError, match="averaged: expected at least two draws in every stratum"):
        standard_error(average(model, symmetry_of(dihedral(3)), Sampled(1)), X)
    single = standard_error(average(model, symmetry_of(cyclic(1)), Sampled(1)), X)
    assert float(single.standard_error.abs().max()) == 0


def test_two_draws_in_every_stratum_are_needed():
    group = dihedral(3)
    how = Sampled(2, draw="stratified", subgroup=group.subgroup([1]))
    with pytest.raises(ArgumentError, match=r"at least two draws in every stratum.*got 1; draw more elements"):
        standard_error(average(model, symmetry_of(group), how), X)


def test_the_error_covers_the_truth_as_often_as_it_should():
    """Rotations of the plane, drawn with replacement: about 95 % within two standard errors."""
    symmetry = symmetry_of(SO(2))
    exact = average(model, symmetry, Quadrature(40))(X)
    inside = []
    for seed in range(20):
        estimate = standard_error(average(model, symmetry, Sampled(20, "iid", seed=seed), micro_batch=20), X)
        inside.append((estimate.mean - exact).abs() < 2 * estimate.standard_error)
    share = float(torch.stack(inside).double().mean())
    assert 0.85 < share <= 1


def test_sets_that_were_not_drawn_have_no_standard_error():
    symmetry = symmetry_of(dihedral(3))
    with pytest.raises(
        ArgumentError, match=r"averaged: expected a full orbit or a random draw.*compare with a finer rule"
    ):
        standard_error(average(model, symmetry, Given([0, 1])), X)
    with pytest.raises(ArgumentError, match="got exact up to degree 2"):
        standard_error(average(torch.exp, symmetry_of(SO(3)), Design(2)), torch.ones(1, 3, dtype=DOUBLE))


def test_windows_have_no_standard_error():
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    averaged = average(torch.exp, symmetry, Sampled(4), window=torch.ones(4, 4))
    with pytest.raises(ArgumentError, match=r"averaged: expected a random draw .* without window, got a window"):
        standard_error(averaged, torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize(("m", "order"), [(0, None), (9, 8)])
def test_the_excess_needs_a_possible_number(m, order):
    with pytest.raises(ArgumentError, match="m: expected 1 to the group's order"):
        expected_excess(1.0, m, order)
