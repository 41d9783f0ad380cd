"""Symmetric groups of few points: a list comes only when it is needed, and is the one that closure gives."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch

from haar.actions.representation import Defining, Trivial, tensor_power
from haar.groups import from_permutations, symmetric
from haar.intertwiners import intertwiners
from haar.intertwiners.orbits import pair_orbits


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_same_elements_as_by_closure(n):
    group = symmetric(n)
    rows = [[1, 0, *range(2, n)], [*range(1, n), 0]][: n - 1]
    listed = from_permutations(rows, limit=math.factorial(n))
    everything = group.elements()
    assert group.order == len(everything) == listed.order
    assert torch.equal(group.defining_matrix(everything), listed.defining_matrix(everything))
    assert torch.equal(group.table, listed.table)
    assert torch.equal(group.generators(), listed.generators())


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize(("k", "l"), [(0, 1), (1, 1), (2, 1), (1, 2), (2, 2)])
def test_maps_without_a_list_are_those_of_the_orbits(n, k, l):
    group = symmetric(n)
    reps = [tensor_power(Defining(group), degree) if degree else Trivial(group) for degree in (k, l)]
    found = intertwiners(*reps).structure
    assert "_products" not in group.__dict__
    searched = pair_orbits(*reps)
    assert "_products" in group.__dict__
    for name in ("label", "sign", "sizes"):
        assert torch.equal(getattr(found, name), getattr(searched, name))


@pytest.mark.parametrize("used", [False, True])
def test_copies(used):
    group = symmetric(3)
    if used:
        group.elements()
    for twin in (copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
        assert torch.equal(twin.table, group.table)
        assert twin.name == "S3"


def test_what_it_does_not_have_is_said_plainly():
    with pytest.raises(AttributeError, match="nothing"):
        _ = symmetric(3).nothing
