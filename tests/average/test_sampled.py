"""Random draws: what they draw, evenly, and from where."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.average import Draw, Sampled
from haar.errors import ArgumentError
from haar.groups import SO, SU2, O, SignGroup, SymmetricGroup, cyclic, dihedral, grid_group, symmetric

D4 = dihedral(4)
C4 = D4.subgroup([1], "C4")


@given(m=st.integers(1, 8), seed=st.integers(0, 1000))
def test_without_replacement_draws_distinct_elements(m, seed):
    chosen = Sampled(m, seed=seed).weighted(D4)
    assert len(set(chosen.elements.tolist())) == m
    assert chosen.draw == Draw(population=8)
    assert (chosen.error == "exact") == (m == 8)


@given(seed=st.integers(0, 1000))
def test_stratified_draws_take_equally_many_from_each_coset(seed):
    chosen = Sampled(4, draw="stratified", subgroup=C4, seed=seed).weighted(D4)
    assert Counter(g // 4 for g in chosen.elements.tolist()) == {0: 2, 1: 2}
    assert len(set(chosen.elements.tolist())) == 4
    assert chosen.draw == Draw(strata=2, population=4)


def test_one_random_shift_for_every_element_of_a_point_group():
    G = grid_group(D4, (8, 8), step=2)
    shifts = G.subgroup([int(G.element(0, (2, 0))), int(G.element(0, (0, 2)))])
    chosen = Sampled(8, draw="stratified", subgroup=shifts).weighted(G)
    assert sorted(G.point_of(chosen.elements).tolist()) == list(range(8))


@given(m=st.sampled_from([2, 4, 6, 8]), seed=st.integers(0, 1000))
def test_antithetic_draws_are_pairs_with_the_half_turn(m, seed):
    chosen = Sampled(m, draw="antithetic", seed=seed).weighted(D4)
    pairs = chosen.elements.reshape(-1, 2)
    assert torch.equal(pairs[:, 1], D4.compose(pairs[:, 0], torch.tensor(2)))
    assert len(set(chosen.elements.tolist())) == m
    assert chosen.draw == Draw(unit=2, population=4)


@pytest.mark.parametrize("group", [SO(2), O(3), SU2(), SO(4)])
def test_antithetic_pairs_of_lie_groups_are_inversions(group):
    elements = Sampled(6, draw="antithetic").weighted(group).elements
    assert torch.equal(elements[1::2], -elements[::2])
    assert torch.allclose(elements[0] @ elements[0].T, group.identity(), atol=1e-12)


@pytest.mark.parametrize("group", [SymmetricGroup(12), SignGroup(40)])
def test_groups_too_large_to_list_are_drawn_without_replacement(group):
    chosen = Sampled(50).weighted(group)
    assert len({tuple(g.tolist()) for g in chosen.elements}) == 50
    assert chosen.draw == Draw(population=group.order)


def test_a_small_implicit_group_is_drawn_without_replacement():
    chosen = Sampled(8).weighted(SignGroup(3))
    assert len({tuple(g.tolist()) for g in chosen.elements}) == 8


@pytest.mark.parametrize("draw", ["iid", "without", "antithetic"])
def test_draws_are_seeded_and_leave_the_global_state_alone(draw):
    state = torch.get_rng_state()
    first, again, other = (Sampled(4, draw=draw, seed=seed).weighted(SO(2)).elements for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("draw", ["iid", "without", "antithetic"])
def test_every_element_is_drawn_equally_often(draw):
    drawn = torch.cat([Sampled(4, draw=draw, seed=seed).weighted(D4).elements for seed in range(400)])
    counts = torch.bincount(drawn, minlength=8)
    assert float(((counts - 200.0) ** 2 / 200).sum()) < 40  # chi-squared with 7 degrees of freedom


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ArgumentError, match="m: expected at least 1, got 0"):
        Sampled(0).weighted(D4)
    with pytest.raises(ArgumentError, match="draw: expected one of iid, without, stratified, antithetic, got 'sobol'"):
        Sampled(2, draw="sobol").weighted(D4)
    with pytest.raises(ArgumentError, match="m: expected at most 8, the order of D4, got 9; use the full orbit"):
        Sampled(9).weighted(D4)
    with pytest.raises(ArgumentError, match="m: expected at most 8"):
        Sampled(16, draw="stratified", subgroup=C4).weighted(D4)
    with pytest.raises(ArgumentError, match="m: expected at most 8"):
        Sampled(10, draw="antithetic").weighted(D4)
    with pytest.raises(ArgumentError, match="m: expected a multiple of the 2 cosets, got 3"):
        Sampled(3, draw="stratified", subgroup=C4).weighted(D4)
    with pytest.raises(ArgumentError, match="subgroup: expected a subgroup of D4 for stratified draws, got None"):
        Sampled(2, draw="stratified").weighted(D4)
    with pytest.raises(ArgumentError, match="subgroup: expected a subgroup of S3 for stratified draws"):
        Sampled(2, draw="stratified", subgroup=C4).weighted(symmetric(3))
    with pytest.raises(ArgumentError, match="m: expected an even number for antithetic pairs, got 3"):
        Sampled(3, draw="antithetic").weighted(D4)
    for group in (cyclic(3), SO(3)):
        with pytest.raises(ArgumentError, match="draw: expected a group with a central element of order 2"):
            Sampled(2, draw="antithetic").weighted(group)


def test_a_draw_says_whether_it_is_the_whole_group():
    assert Sampled(8, draw="stratified", subgroup=C4).weighted(D4).error == "exact"
    assert Sampled(8, draw="antithetic").weighted(D4).error == "exact"
    for how in (
        Sampled(7),
        Sampled(8, draw="iid"),
        Sampled(4, draw="stratified", subgroup=C4),
        Sampled(6, draw="antithetic"),
    ):
        assert how.weighted(D4).error == "sampled: see haar.average.standard_error"
    assert Sampled(4) == Sampled(4, draw="without", subgroup=None, seed=0)
    assert Sampled(3, draw="iid").weighted(D4).draw == Draw()
    assert Sampled(3).weighted(SO(2)).draw == Draw()
    assert Sampled(4, draw="antithetic").weighted(SO(2)).draw == Draw(unit=2)
    weights = Sampled(5).weighted(D4).weights
    assert torch.allclose(weights, torch.full((5,), 0.2, dtype=weights.dtype))


def test_antithetic_pairs_of_an_enumerated_group_need_a_central_involution():
    """Of C6 the half turn is 3; a mirror of D4 commutes with too little to be taken."""
    pairs = Sampled(6, draw="antithetic").weighted(cyclic(6)).elements.reshape(-1, 2)
    assert bool(((pairs[:, 1] - pairs[:, 0]) % 6 == 3).all())
    with pytest.raises(ArgumentError, match="antithetic pairs, got S3"):
        Sampled(2, draw="antithetic").weighted(symmetric(3))
