"""Representations through homomorphisms: element by element, on groups in which h is not its inverse."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import (
    Defining,
    Determinant,
    FromFactor,
    Harmonic,
    PullBack,
    Spin,
    Trivial,
    exterior_power,
    symmetric_power,
    tensor_power,
)
from haar.errors import ArgumentError
from haar.groups import SO, SU2, O, dihedral, octahedral, product, sign, symmetric

S, PRODUCT = SO(3), product(SO(2), symmetric(3))


def test_every_element_has_the_matrix_of_its_image():
    group = symmetric(4)
    subgroup = next(h for h in group.subgroups() if h.order == 6)
    small = Defining(group).restrict(subgroup)
    for place, element in enumerate(subgroup.embedding.tolist()):
        assert torch.equal(small.matrix(torch.tensor(place)), Defining(group).matrix(torch.tensor(element)))
    whole = product(group, sign(1))
    large = Defining(group).pull_back(whole, 0)
    for g in group.elements():
        assert torch.equal(large.matrix(whole.join([g, torch.tensor(1)])), Defining(group).matrix(g))
    cube = octahedral()
    turned = PullBack(Defining(SO(3)), cube, cube.defining_matrix)
    assert torch.equal(turned.matrix(cube.elements()), cube.defining_matrix(cube.elements()))


def test_the_algebra_of_a_product_is_that_of_its_lie_factors_in_their_order():
    turns, space, points = SO(2), SO(3), symmetric(3)
    whole = product(turns, points, space)
    flat, solid = Defining(turns).pull_back(whole, 0), Defining(space).pull_back(whole, 2)
    assert torch.equal(flat.algebra(), torch.cat([turns.algebra, torch.zeros(3, 2, 2, dtype=torch.float64)]))
    assert torch.equal(solid.algebra(), torch.cat([torch.zeros(1, 3, 3, dtype=torch.float64), space.algebra]))
    assert not Defining(points).pull_back(whole, 1).algebra().any()
    assert len(Defining(points).pull_back(whole, 1).algebra()) == 4
    nested = product(whole, turns)
    outer = Defining(turns).pull_back(nested, 1).algebra()
    assert outer.shape == (5, 2, 2)
    assert torch.equal(outer[4:], turns.algebra)
    assert torch.equal(solid.pull_back(nested, 0).algebra()[:4], solid.algebra())
    with pytest.raises(ArgumentError, match="expected a representation of a Lie group"):
        Defining(points).pull_back(product(points, sign(1)), 0).algebra()


@pytest.mark.parametrize(
    ("rep", "degree"),
    [
        (tensor_power(Defining(SO(3)), 2), 2),
        (tensor_power(Defining(SO(3)), 3), 3),
        (Harmonic(S, 2) + Harmonic(S, 5) + Trivial(S), 5),
        (Harmonic(S, 2) @ Harmonic(S, 5), 7),
        (symmetric_power(Defining(SO(2)), 3), 3),
        (symmetric_power(symmetric_power(Defining(SO(2)), 2), 2), 4),
        (symmetric_power(Trivial(S, 2), 3), 0),
        (exterior_power(Harmonic(S, 2), 2), 4),
        (Determinant(Defining(O(3))), 0),
        (Spin(SU2(), 1.5), 3),
        (Defining(dihedral(5)) * 2, 0),
        (Defining(PRODUCT.factors[0]).pull_back(PRODUCT, 0), 1),
        (Defining(PRODUCT.factors[1]).pull_back(PRODUCT, 1), 0),
        (PullBack(tensor_power(Defining(S), 2), octahedral(), octahedral().defining_matrix), 0),
        (PullBack(Defining(SO(2)), SO(2), lambda g: g @ g), None),
        (PullBack(Defining(SO(2)), SO(2), lambda g: g @ g, degree=2), 2),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_degrees(rep, degree):
    assert rep.degree == degree


@pytest.mark.parametrize("factor", [0, 1])
def test_places_are_those_of_the_factor(factor):
    group = dihedral(4)
    whole = product(group, sign(1)) if factor == 0 else product(sign(1), group)
    assert Defining(group).pull_back(whole, factor).name == "defining(D4)"
    for wrong in (1 - factor, 2):
        with pytest.raises(ArgumentError, match=f"factor: expected the place of D4 in .*, got {wrong}"):
            Defining(group).pull_back(whole, wrong)
    with pytest.raises(ArgumentError, match="factor: expected at least 0, got -1"):
        Defining(group).pull_back(whole, -1)


@pytest.mark.usefixtures("unchecked_annotations")
def test_a_group_that_is_no_product_has_no_factors():
    with pytest.raises(ArgumentError, match="product: expected a product of groups, got D4"):
        FromFactor(Defining(dihedral(4)), dihedral(4), 0)


@pytest.mark.parametrize("rep", [Defining(symmetric(4)), Defining(dihedral(5)), Harmonic(SO(3), 2)], ids=repr)
def test_what_is_seen_through_a_homomorphism_acts_as_what_is_behind_it(rep):
    """Each of its answers by itself: an element, and not its inverse."""
    whole = product(rep.group, sign(1))
    far = rep.pull_back(whole, 0)
    g = rep.group.sample(5, torch.Generator().manual_seed(2))
    h = whole.join([g, torch.tensor(1)])
    assert far.is_signed_permutation == rep.is_signed_permutation
    assert torch.equal(far.matrix(h), rep.matrix(g))
    assert torch.equal(far.character(h), rep.character(g))
    if rep.is_signed_permutation:
        for one, other in zip(far.signed_permutation(h), rep.signed_permutation(g), strict=True):
            assert torch.equal(one, other)
