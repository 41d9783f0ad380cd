"""Entries that a permutation group exchanges, with and without signs."""

import pytest
import torch

from haar.actions.representation import Entries
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, from_permutations, permutation_group

TURN = [2, 3, 1, 0]  # +x -> +y -> -x -> -y


def test_signs_come_from_pairs_of_points():
    rep = Entries(from_permutations([TURN]), [0, 2], [1, 3])
    matrices = rep.matrix(torch.arange(4))
    for g in range(4):
        assert torch.equal(matrices[g], torch.linalg.matrix_power(matrices[1], g))
    assert matrices[1].tolist() == [[0, -1], [1, 0]]
    rep.check()


def test_listed_and_implicit_groups_act_alike():
    rows = [[1, 2, 0, 3, 4], [1, 0, 2, 3, 4]]
    listed, implicit = from_permutations(rows), permutation_group(rows)
    x = torch.randn(5, dtype=torch.float64)
    for g, row in zip(listed.generators(), implicit.generators(), strict=True):
        assert torch.equal(Entries(listed, range(5)).act(g, x), Entries(implicit, range(5)).act(row, x))
        assert torch.equal(Entries(implicit, range(5)).act(row, x)[row], x)


@pytest.mark.parametrize(
    ("points", "negatives", "words"),
    [
        ([0, 2], None, "points: expected entries that the group keeps"),
        ([0, 1], [2, 3], "points: expected entries that the group keeps"),
        ([0, 0], None, "points: expected different points"),
        ([0, 4], None, "points: expected different points below 4"),
    ],
)
def test_entries_that_are_none_are_refused(points, negatives, words):
    with pytest.raises(ArgumentError, match=words):
        Entries(from_permutations([TURN]), points, negatives)


def test_other_groups_and_numbers_are_refused():
    with pytest.raises(ShapeError, match="negatives: expected one for each of 2 points"):
        Entries(from_permutations([TURN]), [0, 2], [1])
    with pytest.raises(ArgumentError, match="group: expected a group that permutes points"):
        Entries(SO(3), [0, 1, 2])
