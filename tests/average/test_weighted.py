"""Weighted sets: full orbits, given elements, coset representatives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.average import Cosets, Given, Orbit
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, cyclic, dihedral, hyperoctahedral, symmetric

GROUPS = [cyclic(6), dihedral(4), symmetric(4), hyperoctahedral(2)]


@given(group=st.sampled_from(GROUPS))
def test_an_orbit_is_every_element_once(group):
    chosen = Orbit().weighted(group)
    assert chosen.elements.tolist() == list(range(group.order))
    assert float(chosen.weights.sum()) == pytest.approx(1, abs=1e-15)
    assert chosen.error == "exact"


@given(group=st.sampled_from(GROUPS), data=st.data())
def test_coset_representatives_cover_the_group_once(group, data):
    subgroup = data.draw(st.sampled_from(group.subgroups()))
    chosen = Cosets(subgroup).weighted(group)
    assert len(chosen) * subgroup.order == group.order
    products = group.compose(subgroup.embedding[:, None], chosen.elements[None, :])
    assert sorted(products.flatten().tolist()) == list(range(group.order))


@given(group=st.sampled_from(GROUPS), data=st.data())
def test_a_given_subgroup_is_recognised(group, data):
    subgroup = data.draw(st.sampled_from(group.subgroups()))
    known = "exact" if subgroup.order == group.order else f"exact under a subgroup of {subgroup.order} elements"
    assert Given(subgroup.embedding).weighted(group).error == known


def test_given_weights_are_normalised():
    chosen = Given([0, 3], [1.0, 3.0]).weighted(cyclic(6))
    assert chosen.weights.tolist() == [0.25, 0.75]
    assert chosen.error == "a chosen set: no statement"
    assert Given([0, 3, 3]).weighted(cyclic(6)).error == "a chosen set: no statement"


def test_given_matrices_are_elements_of_a_lie_group():
    rotations = SO(3).sample(4, torch.Generator().manual_seed(0))
    assert len(Given(rotations).weighted(SO(3))) == 4


def test_given_elements_must_be_of_the_group():
    with pytest.raises(ShapeError, match=r"elements: expected \(m, 3, 3\) of SO\(3\)"):
        Given(torch.eye(3)).weighted(SO(3))
    with pytest.raises(ShapeError, match=r"elements: expected \(m\) of C6, got \(0,\)"):
        Given([]).weighted(cyclic(6))
    with pytest.raises(ArgumentError, match=r"elements: expected elements 0..5 of C6, got \[6\]"):
        Given([6]).weighted(cyclic(6))


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("inf")], [1.0, float("nan")]])
def test_weights_must_fit(weights):
    with pytest.raises(ArgumentError, match="weights: expected 2 finite weights, none negative, not all 0"):
        Given([0, 1], weights).weighted(cyclic(6))


def test_large_and_continuous_groups_have_no_full_orbit():
    with pytest.raises(ArgumentError, match=r"how: expected a finite group of at most 5 elements.*got C6: 6 elements"):
        Orbit(limit=5).weighted(cyclic(6))
    with pytest.raises(ArgumentError, match=r"got SO\(3\): a Lie group; use how=\"sampled\""):
        Orbit().weighted(SO(3))


def test_cosets_need_a_subgroup_of_the_group():
    with pytest.raises(ArgumentError, match="subgroup: expected a subgroup of C6"):
        Cosets(cyclic(12).subgroup([2])).weighted(cyclic(6))
