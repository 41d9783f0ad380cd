"""The 32 crystal classes: orders, names, what contains what, refusals."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups.crystal import POINT_GROUPS, crystal_group, find_point_group, motion, turn

#: Elements by determinant and trace: how many turns and mirrors of each kind, from the International Tables.
KINDS = {
    "2/m": {(1, 3): 1, (1, -1): 1, (-1, 1): 1, (-1, -3): 1},
    "-4": {(1, 3): 1, (1, -1): 1, (-1, -1): 2},
    "-6": {(1, 3): 1, (1, 0): 2, (-1, 1): 1, (-1, -2): 2},
    "3m": {(1, 3): 1, (1, 0): 2, (-1, 1): 3},
    "-42m": {(1, 3): 1, (1, -1): 3, (-1, 1): 2, (-1, -1): 2},
    "-43m": {(1, 3): 1, (1, 0): 8, (1, -1): 3, (-1, 1): 6, (-1, -1): 6},
    "m-3": {(1, 3): 1, (1, 0): 8, (1, -1): 3, (-1, -3): 1, (-1, 0): 8, (-1, 1): 3},
}


def test_there_are_32_with_names_of_their_own():
    assert len(POINT_GROUPS) == 32
    assert (
        len({point.international for point in POINT_GROUPS}) == len({point.schoenflies for point in POINT_GROUPS}) == 32
    )
    assert sum(point.centred for point in POINT_GROUPS) == 11


@pytest.mark.parametrize("point", POINT_GROUPS, ids=lambda point: point.international)
def test_orders_and_matrices(point):
    group = crystal_group(point.schoenflies)
    assert group is crystal_group(point.international)
    assert group.order == point.order
    matrices = group.defining_matrix(group.elements())
    assert torch.allclose(matrices @ matrices.mT, torch.eye(3, dtype=torch.float64).expand_as(matrices), atol=1e-12)
    inversion = bool((matrices + torch.eye(3, dtype=torch.float64)).abs().amax((1, 2)).lt(1e-9).any())
    assert inversion == point.centred


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_elements_are_those_of_the_tables(name):
    group = crystal_group(name)
    matrices = group.defining_matrix(group.elements())
    kinds = list(
        zip(
            torch.linalg.det(matrices).round().int().tolist(),
            matrices.diagonal(dim1=1, dim2=2).sum(-1).round().int().tolist(),
            strict=True,
        )
    )
    assert {kind: kinds.count(kind) for kind in kinds} == KINDS[name]


def test_main_axes_lie_where_tensors_are_tabled():
    for name, axis in (("2", 1), ("4", 2), ("6", 2), ("3", 2)):
        group = crystal_group(name)
        matrix = group.defining_matrix(group.generators()[0])
        assert matrix[axis, axis] == pytest.approx(1.0)
    assert motion("-2x").diagonal().tolist() == [-1.0, 1.0, 1.0]
    assert turn((0.0, 0.0, 1.0), torch.pi / 2) @ torch.tensor([1.0, 0, 0], dtype=torch.float64) == pytest.approx(
        [0, 1, 0], abs=1e-15
    )


def test_other_names_and_refusals():
    assert find_point_group("C3i").international == "-3"
    assert find_point_group("-62m").schoenflies == "D3h"
    with pytest.raises(
        ArgumentError, match=r"group: expected a crystal point group .* got 'm-3mm'; did you mean m-3m\?"
    ):
        find_point_group("m-3mm")
