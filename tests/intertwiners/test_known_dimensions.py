"""Dimensions known from elsewhere: Bell numbers, Burnside, Clebsch and Gordan, elasticity, Schur, double cosets."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from space_checks import check_space

from haar.actions.representation import (
    Defining,
    Harmonic,
    Quotient,
    Regular,
    Representation,
    Space,
    Spin,
    Trivial,
    direct_sum,
    symmetric_power,
    tensor_power,
)
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    Group,
    O,
    cyclic,
    dicyclic,
    dihedral,
    from_matrices,
    from_permutations,
    octahedral,
    permutation_group,
    quaternion,
    symmetric,
)
from haar.intertwiners import hom_dimension, intertwiners, invariants


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=15)
def test_clebsch_gordan(one: list[int], other: list[int]) -> None:
    """Harmonics l1 x l2 hold every l from |l1 - l2| to l1 + l2 once."""
    group = SO(3)
    l1, l2 = one[0], other[0]
    left = Harmonic(group, l1) @ Harmonic(group, l2)
    for l in range(l1 + l2 + 2):
        wanted = int(abs(l1 - l2) <= l <= l1 + l2)
        assert hom_dimension(left, Harmonic(group, l)) == wanted
    sums = direct_sum([Harmonic(group, l) for l in one]), direct_sum([Harmonic(group, l) for l in other])
    assert intertwiners(*sums).dim == sum(a == b for a in one for b in other)


def test_clebsch_gordan_with_parity_and_spin() -> None:
    space = O(3)
    odd, even = Harmonic(space, 1), Harmonic(space, 1, parity=1)
    assert intertwiners(odd, even).dim == 0
    assert intertwiners(odd @ odd, even).dim == 1
    assert intertwiners(odd @ even, odd).dim == 1
    turns = SU2()
    half = Spin(turns, 0.5)
    assert intertwiners(half, half).dim == 4
    # over the real numbers the square of the quaternions holds spin 0 and spin 1 four times each
    assert intertwiners(half @ half, Spin(turns, 1)).dim == 4
    assert intertwiners(half @ half, Spin(turns, 0)).dim == 4
    assert intertwiners(half, Spin(turns, 1)).dim == 0
    assert intertwiners(Defining(turns), half).dim == 4


@pytest.mark.parametrize("n", [5, 6, 9])
def test_bell_numbers(n: int) -> None:
    """Maps V^k -> V^l commuting with S_n are counted by set partitions of k + l things, for n >= k + l."""
    group = symmetric(n)
    powers = [tensor_power(Defining(group), k) for k in range(4)]
    bell = [1, 1, 2, 5, 15, 52, 203]
    for k in range(4):
        for l in range(4):
            if k + l <= n and powers[k].dim * powers[l].dim <= 50_000:
                assert intertwiners(powers[k], powers[l]).dim == bell[k + l]


def test_burnside_counts_of_colourings() -> None:
    """Orbits of colourings of a necklace: maps from the trivial representation, counted by Burnside's lemma."""
    for n, colours in ((4, 3), (6, 2)):
        digits = torch.arange(colours**n)[:, None] // colours ** torch.arange(n) % colours
        weight = colours ** torch.arange(n)
        turned = (digits.roll(1, 1) * weight).sum(1)
        mirrored = (digits.flip(1) * weight).sum(1)
        group = permutation_group([turned.tolist(), mirrored.tolist()])
        turns = sum(colours ** math.gcd(k, n) for k in range(n))
        flips = n // 2 * (colours ** (n // 2) + colours ** (n // 2 + 1))
        assert intertwiners(Trivial(group), Defining(group)).dim == (turns + flips) // (2 * n)


@pytest.mark.parametrize(
    ("group", "rank"),
    [
        (SO(3), 2),
        (octahedral(), 3),
        (octahedral(full=True), 3),
        (from_matrices([dihedral(6).defining_matrix(torch.tensor(1))]), None),
        (cyclic(1), None),
    ],
    ids=lambda v: v.name if isinstance(v, Group) else "",
)
def test_elasticity_ranks(group: Group, rank: int | None) -> None:
    """Elastic tensors with major and minor symmetry: Sym^2 of Sym^2 of vectors."""
    if rank is not None:
        assert invariants(symmetric_power(symmetric_power(Defining(group), 2), 2)).shape[1] == rank
        return
    matrices = torch.zeros(group.order or 1, 3, 3, dtype=torch.float64)
    assert isinstance(group, FiniteGroup)
    matrices[:, :2, :2] = group.defining_matrix(group.elements())
    matrices[:, 2, 2] = 1
    axis = from_matrices(list(matrices))
    # about one axis: hexagonal 5; without symmetry: triclinic 21
    wanted = {6: 5, 1: 21}[axis.order]
    assert invariants(symmetric_power(symmetric_power(Defining(axis), 2), 2)).shape[1] == wanted


@pytest.mark.parametrize(
    ("rep", "end"),
    [
        (Defining(quaternion()), 4),
        (Defining(dicyclic(3)), 4),
        (Defining(SU2()), 4),
        (Spin(SU2(), 1.5), 4),
        (Defining(cyclic(5)), 2),
        (Defining(SO(2)), 2),
        (Harmonic(SO(2), 3), 2),
        (Defining(dihedral(5)), 1),
        (Harmonic(SO(3), 3), 1),
        (Spin(SU2(), 2), 1),
    ],
    ids=repr,
)
def test_schur_types(rep: Representation, end: int, generator: torch.Generator) -> None:
    space = intertwiners(rep, rep, route="isotypic")
    assert space.dim == end
    check_space(space, generator)
    two = intertwiners(rep * 2, rep * 3, route="isotypic")
    assert two.dim == 6 * end
    check_space(two, generator)


def test_quaternionic_parameters_multiply_like_quaternions(generator: torch.Generator) -> None:
    """Maps between copies compose as matrices over the quaternions: the space is closed under products."""
    rep = Defining(quaternion()) * 2
    space = intertwiners(rep, rep, route="isotypic")
    a, b = torch.randn(2, space.dim, generator=generator, dtype=torch.float64)
    assert space.contains(space.from_parameters(a) @ space.from_parameters(b))
    norms = [
        float(torch.linalg.svdvals(intertwiners(Defining(g), Defining(g)).from_parameters(a[:4])).std())
        for g in [rep.group]
    ]
    assert max(norms) < 1e-12  # every quaternion is a multiple of a rotation


def test_branching_adds_up() -> None:
    """Maps for a subgroup contain the maps for the group, and their number is the count by restricted characters."""
    group = octahedral(full=True)
    rep = tensor_power(Defining(group), 2)
    whole = intertwiners(rep, rep)
    for gens in (group.generators()[:1], group.generators()[:2]):
        subgroup = group.subgroup(gens)
        small = rep.restrict(subgroup)
        space = intertwiners(small, small)
        elements = subgroup.include(subgroup.elements())
        assert space.dim == round(float((rep.character(elements) ** 2).mean()))
        assert space.dim > whole.dim
        for W in whole.basis():
            assert space.contains(W)


def test_maps_on_a_quotient_are_double_cosets() -> None:
    group = symmetric(5)
    assert isinstance(group, FiniteGroup)
    subgroup = group.subgroup(group.generators()[:1])
    rep = Quotient(subgroup)
    doubles = set()
    for g in range(group.order):
        left = group.compose(subgroup.embedding, torch.tensor(g))
        doubles.add(frozenset(group.compose(left[:, None], subgroup.embedding[None, :]).flatten().tolist()))
    assert intertwiners(rep, rep).dim == len(doubles)


def test_regular_representation_of_a_large_cyclic_group() -> None:
    group = cyclic(128)
    rep = Regular(group)
    space = intertwiners(rep, rep)
    assert space.dim == 128
    W = space.from_parameters(torch.randn(128, dtype=torch.float64))
    # what commutes with shifts is circulant
    assert torch.equal(W.roll((1, 1), (0, 1)), W)


def test_invariants(generator: torch.Generator) -> None:
    group = SO(3)
    fixed = invariants(tensor_power(Defining(group), 2))
    torch.testing.assert_close(fixed.squeeze().abs(), torch.eye(3, dtype=torch.float64).flatten() / 3**0.5)
    assert invariants(Defining(group)).shape == (3, 0)
    points = symmetric(8)
    assert invariants(Defining(points) * 3).shape == (24, 3)
    square = dihedral(4)
    mixed = Regular(square) + Space(square) + 2 * Defining(square) + Regular(square)
    part_by_part, at_once = invariants(mixed), intertwiners(Trivial(square), mixed).basis().squeeze(-1).T
    assert torch.equal(part_by_part, at_once)


def test_larger_groups_from_generators() -> None:
    """The cube's corners under a group given by permutations of its corners; and the same group as matrices."""
    corners = torch.tensor([[x, y, z] for x in (1.0, -1) for y in (1.0, -1) for z in (1.0, -1)], dtype=torch.float64)
    cube = octahedral(full=True)
    images = torch.einsum("gij,cj->gci", cube.defining_matrix(cube.generators()), corners)
    rows = (images[:, :, None] - corners).abs().sum(-1).argmin(-1)
    group = from_permutations(rows, "corners")
    assert group.order == 48
    rep = Defining(group)
    # distances between corners: 0, 1, sqrt 2, sqrt 3
    assert intertwiners(rep, rep).dim == 4
