"""Permutation groups by Schreier-Sims, against sympy."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.combinatorics import Permutation
from sympy.combinatorics import PermutationGroup as Oracle

from haar.errors import ArgumentError
from haar.groups import PermutationGroup, permutation_group


def generators(n: int) -> st.SearchStrategy[list[list[int]]]:
    return st.lists(st.permutations(range(n)), min_size=1, max_size=3)


@given(st.integers(2, 9).flatmap(generators), st.integers(0, 2**20))
@settings(max_examples=40)
def test_order_and_membership_agree_with_sympy(rows: list[list[int]], seed: int) -> None:
    group = permutation_group(rows)
    oracle = Oracle([Permutation(row) for row in rows])
    assert group.order == oracle.order()
    draw = torch.Generator().manual_seed(seed)
    inside = group.sample(5, draw)
    assert bool(group.contains(inside).all())
    anywhere = torch.rand(6, len(rows[0]), generator=draw).argsort(-1)
    assert group.contains(anywhere).tolist() == [oracle.contains(Permutation(row)) for row in anywhere.tolist()]


def test_sampling_is_uniform() -> None:
    group = permutation_group([[1, 2, 3, 0], [2, 1, 0, 3]])  # the dihedral group of a square
    assert group.order == 8
    rows = group.sample(4000, torch.Generator().manual_seed(3))
    counts = torch.unique(rows, dim=0, return_counts=True)[1]
    assert len(counts) == 8
    # chi-squared with 7 degrees of freedom: above 24.3 once in a thousand draws
    assert float(((counts - 500) ** 2 / 500).sum()) < 24.3


def test_every_element_is_one_product_of_the_transversals() -> None:
    group = permutation_group([[1, 2, 0, 3, 4], [0, 1, 3, 4, 2]])
    rows = torch.arange(5)[None]
    for part in group.transversals():
        rows = group.compose(rows[:, None], part[None]).reshape(-1, 5)
    assert len(rows) == group.order == 60
    assert len(rows.unique(dim=0)) == 60
    assert group.base[0] == 0


def test_mathieu_group() -> None:
    group = PermutationGroup([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], [0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7]], "M11")
    assert group.order == 7920


def test_the_trivial_group() -> None:
    group = permutation_group([[0, 1, 2]])
    assert group.order == 1
    assert group.sample(2).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert group.contains(torch.tensor([[0, 1, 2], [1, 0, 2]])).tolist() == [True, False]


def test_refusal() -> None:
    with pytest.raises(ArgumentError, match=r"rows that are permutations of 0\.\.n-1"):
        permutation_group([[0, 2, 2]])


def test_points_that_nothing_moves_are_no_part_of_the_base() -> None:
    group = permutation_group([[0, 2, 1, 3], [0, 1, 3, 2]])
    assert group.order == 6
    assert 0 not in group.base
    assert group.sample(20, torch.Generator().manual_seed(0))[:, 0].tolist() == [0] * 20
    assert group.contains(torch.tensor([[0, 3, 2, 1], [1, 0, 2, 3]])).tolist() == [True, False]
