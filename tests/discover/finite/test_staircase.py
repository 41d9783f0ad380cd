from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.discover import discover
from haar.discover.finite.staircase import apart
from haar.groups import cyclic, dihedral, sign

GROUPS = [cyclic(4), cyclic(6), dihedral(3), dihedral(4), sign(3)]


def by_all_subgroups(group, defects, rounding):
    """The same by trying every subgroup."""
    found = set()
    for subgroup in group.subgroups():
        members = subgroup.embedding.numpy()
        left = np.setdiff1d(np.arange(group.order), members)
        if 1 < subgroup.order < group.order and defects[left].min() >= max(2 * defects[members].max(), rounding):
            found.add(tuple(members.tolist()))
    return found


@given(st.sampled_from(GROUPS), st.data())
def test_a_gap_among_defects_is_found_as_by_trying_every_subgroup(group, data):
    if data.draw(st.booleans()):
        inside = set(data.draw(st.sampled_from(list(group.subgroups()))).embedding.tolist())
    else:
        inside = set(data.draw(st.lists(st.integers(0, group.order - 1), max_size=group.order)))
    low, high = data.draw(st.floats(0, 1)), data.draw(st.floats(0, 3))
    defects = np.array([low * (1 + g) / group.order if g in inside else high * (1 + g) for g in range(group.order)])
    defects[0] = 0.0
    found = {tuple(group.closure(torch.from_numpy(g)).tolist()) for g in apart(group, defects, 1e-9)}
    assert found == by_all_subgroups(group, defects, 1e-9)


@pytest.mark.parametrize(("worse", "told"), [(1.99, False), (2.0, True)])
def test_what_is_outside_is_twice_as_bad(worse, told):
    found = apart(cyclic(4), np.array([0.0, worse, 1.0, 3.0]), 1e-9)
    assert [g.tolist() for g in found] == ([[2]] if told else [])


@pytest.mark.parametrize(("outside", "told"), [(0.99e-9, False), (1e-9, True)])
def test_differences_within_rounding_are_none(outside, told):
    found = apart(cyclic(4), np.array([0.0, outside, 1e-16, outside]), 1e-9)
    assert bool(found) is told


def test_changes_of_sign_of_many_entries_take_no_lattice():
    """{1, -1}^6 has 2,825 subgroups, and rounding is smaller in some than in others."""
    weight = torch.linspace(1, 2, 6, dtype=torch.float64)
    x = torch.randn(252, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = discover(lambda x: (weight * x.square()).sum(-1, keepdim=True).sin(), x)
    assert {step.name for step in found.staircase} == {"so(6)", " x ".join(6 * ["sign"])}
