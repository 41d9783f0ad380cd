"""The sign of one axis is a representation of every group that keeps the axis."""

from __future__ import annotations

import pytest
import torch

from haar.actions import AxisSign, Space
from haar.errors import ArgumentError
from haar.groups import axial, dihedral, grid_group, product, reflections, sign, symmetric


@pytest.mark.parametrize(
    ("group", "axis"),
    [
        (reflections(3), 1),
        (axial(2), 2),
        (grid_group(reflections(2), (4, 6)), 0),
        (product(reflections(2), sign(1)), 1),
        (dihedral(4).subgroup([2, 4]), 0),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_it_is_the_diagonal_entry_of_the_space(group, axis):
    rep = AxisSign(group, axis)
    rep.check()
    elements = group.elements()
    assert torch.equal(rep.matrix(elements)[:, 0, 0], Space(group).matrix(elements)[:, axis, axis])


def test_axes_that_are_exchanged_or_absent_are_refused():
    with pytest.raises(
        ArgumentError, match="axis: expected an axis that D4 exchanges with no other, got x; use a subgroup"
    ):
        AxisSign(dihedral(4), 0)
    with pytest.raises(ArgumentError, match="axis: expected 0 to 1, got 2"):
        AxisSign(reflections(2), 2)
    with pytest.raises(ArgumentError, match="group: expected a group that moves a grid, got S4"):
        AxisSign(symmetric(4), 0)
