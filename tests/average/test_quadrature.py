"""Rules for Lie groups: exact up to their degree and not beyond, quasi-random points that fill the group."""

from __future__ import annotations

import pytest
import torch
from scipy.special import eval_legendre

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import Design, Quadrature, QuasiRandom, Sampled, average
from haar.errors import ArgumentError
from haar.groups import SO, SU2, O, cyclic, dihedral

DOUBLE = torch.float64


def invariant_average(group, how, function, x):
    """A function of vectors, averaged."""
    return average(function, Symmetry(group, Vector(Defining(group)), Invariant(group)), how, micro_batch=64)(x)


def harmonic(m):
    """cos(m angle) of a vector of the plane."""
    return lambda x: torch.cos(m * torch.atan2(x[:, 1], x[:, 0]))


def legendre(degree):
    """P_l(x . e) with a generic e: a polynomial of degree l on the sphere, with average 0."""
    e = torch.tensor([0.36, 0.48, 0.8], dtype=DOUBLE)
    return lambda x: torch.from_numpy(eval_legendre(degree, (x @ e).numpy()))


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("degree", [0, 1, 4, 7])
def test_equispaced_angles_are_exact_below_their_number(degree, seed):
    x = torch.tensor([[1.0, 0.3], [-0.2, 0.5]], dtype=DOUBLE)
    for m in range(1, degree + 1):
        y = invariant_average(SO(2), Quadrature(degree, seed), harmonic(m), x)
        torch.testing.assert_close(y, torch.zeros_like(y), rtol=0, atol=1e-12)
    n = degree + 1
    aliased = invariant_average(SO(2), Quadrature(degree), harmonic(n), x)
    torch.testing.assert_close(aliased, harmonic(n)(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("strength", "size"), [(2, 12), (3, 24), (5, 60)])
@pytest.mark.parametrize("seed", [None, 5])
def test_designs_are_exact_up_to_their_strength_and_not_beyond(strength, size, seed):
    x = torch.nn.functional.normalize(torch.tensor([[0.1, 0.2, 0.7], [0.5, -0.4, 0.1]], dtype=DOUBLE), dim=1)
    how = Design(strength, seed)
    assert len(how.weighted(SO(3))) == size
    for degree in range(1, strength + 1):
        y = invariant_average(SO(3), how, legendre(degree), x)
        torch.testing.assert_close(y, torch.zeros_like(y), rtol=0, atol=1e-12)
    beyond = invariant_average(SO(3), how, legendre(strength + 1), x)
    assert float(beyond.abs().max()) > 1e-5


@pytest.mark.parametrize("group", [SO(3), O(3)])
def test_the_product_rule_is_exact_up_to_its_degree(group):
    x = torch.nn.functional.normalize(torch.tensor([[0.1, 0.2, 0.7]], dtype=DOUBLE), dim=1)
    for degree in range(1, 6):
        y = invariant_average(group, Quadrature(5), legendre(degree), x)
        torch.testing.assert_close(y, torch.zeros_like(y), rtol=0, atol=1e-12)


def test_a_random_turn_makes_a_rule_unbiased():
    """The harmonic that the rule aliases averages to zero over random turns."""
    x = torch.tensor([[1.0, 0.0]], dtype=DOUBLE)
    errors = torch.cat([invariant_average(SO(2), Quadrature(2, seed), harmonic(3), x) for seed in range(100)])
    assert float(errors.abs().max()) > 0.9
    assert abs(float(errors.mean())) < 4 / (2 * 100) ** 0.5


@pytest.mark.parametrize("group", [SO(3), SU2()])
def test_quasi_random_points_fill_the_group_better_than_random_ones(group):
    """The mean of all matrices, whose Haar average is 0."""

    def far(how):
        return float(how.weighted(group).elements.mean(0).norm())

    quasi = sum(far(QuasiRandom(256, seed)) for seed in range(5))
    random = sum(far(Sampled(256, "iid", seed=seed)) for seed in range(5))
    assert quasi < random / 4
    elements = QuasiRandom(64).weighted(group).elements
    assert torch.allclose(elements @ elements.transpose(1, 2), group.identity().expand_as(elements), atol=1e-12)


def test_quasi_random_angles_and_enumerated_elements():
    turns = QuasiRandom(8).weighted(SO(2)).elements
    angles = torch.atan2(turns[:, 1, 0], turns[:, 0, 0]).sort().values
    assert float(angles.diff().max()) < 2 * 2 * torch.pi / 8
    chosen = QuasiRandom(8, seed=2).weighted(dihedral(4)).elements
    assert sorted(chosen.tolist()) == list(range(8))


def test_quasi_random_points_are_seeded_and_leave_the_global_state_alone():
    state = torch.get_rng_state()
    first, again, other = (QuasiRandom(8, seed).weighted(SO(3)).elements for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_squared_error_of_random_rotations_falls_as_one_over_m():
    x = torch.tensor([1.0, 0.0, 0.0], dtype=DOUBLE)

    def squared(m):
        draws = [Sampled(m, "iid", seed=seed).weighted(SO(3)).elements @ x for seed in range(300)]
        return float(torch.stack([legendre(2)(d).mean() for d in draws]).square().mean())

    ratio = squared(4) / squared(64)
    assert 16 / 1.35 < ratio < 16 * 1.35


def test_rules_name_the_groups_they_know():
    with pytest.raises(ArgumentError, match='how: expected a Lie group for a quadrature, got C3; use how="orbit"'):
        Quadrature(3).weighted(cyclic(3))
    with pytest.raises(ArgumentError, match="degree: expected 0 or more, got -1"):
        Quadrature(-1).weighted(SO(2))
    with pytest.raises(ArgumentError, match=r"how: expected SO\(3\) for a rotation design, got SO\(2\)"):
        Design(3).weighted(SO(2))
    with pytest.raises(ArgumentError, match="strength: expected 1 to 5, got 6"):
        Design(6).weighted(SO(3))
    with pytest.raises(ArgumentError, match=r"how: expected SO\(2\), SO\(3\), SU\(2\) or an enumerated group"):
        QuasiRandom(8).weighted(SO(4))
    with pytest.raises(ArgumentError, match="m >= 1, got C3, m = 0"):
        QuasiRandom(0).weighted(cyclic(3))


def test_rules_say_how_exact_they_are():
    assert Quadrature(4).weighted(SO(2)).error == "exact up to degree 4; compare with degree 8"
    assert Design(4).weighted(SO(3)).error == "exact up to degree 4"
    assert QuasiRandom(4).weighted(SO(3)).error == "quasi-random: compare two seeds"
    assert [len(Design(strength).weighted(SO(3))) for strength in range(1, 6)] == [12, 12, 24, 60, 60]


def test_a_turned_rule_is_one_rule_turned_as_a_whole():
    """From the left, by one element of its seed."""
    plain, turned, other = (Design(2, seed).weighted(SO(3)).elements for seed in (None, 4, 5))
    turn = turned[0] @ plain[0].T
    assert torch.allclose(turn @ plain, turned, atol=1e-12)
    assert not torch.allclose(turned, other, atol=1e-3)
    assert torch.allclose(turned, SO(3).sample(1, torch.Generator().manual_seed(4)) @ plain, atol=1e-12)


@pytest.mark.parametrize(("group", "real"), [(SO(2), True), (SO(3), True), (SU2(), False)])
def test_quasi_random_points_have_the_second_moments_of_the_group(group, real):
    """The mean of |entry|^2 is 1 / n for every entry, and that of a product of two distinct real ones 0."""
    elements = QuasiRandom(512).weighted(group).elements
    if not real:  # a quaternion's matrix, by its first column
        elements = elements[..., :1]
    n = elements.shape[-2]
    flat = elements.flatten(1)
    moments = (flat.T @ flat) / len(flat)
    assert torch.allclose(moments.diagonal(), torch.full((flat.shape[1],), 1 / n, dtype=DOUBLE), atol=0.02)
    if n > 2:
        assert float((moments - moments.diagonal().diag()).abs().max()) < 0.02


def test_one_point_is_enough_and_enumerated_elements_are_evenly_hit():
    assert len(QuasiRandom(1).weighted(SO(3))) == 1
    hit = torch.bincount(QuasiRandom(96).weighted(cyclic(3)).elements, minlength=3)
    assert hit.tolist() == pytest.approx([32, 32, 32], abs=1)
    assert torch.equal(QuasiRandom(8).weighted(SO(2)).elements, QuasiRandom(8, 0).weighted(SO(2)).elements)
