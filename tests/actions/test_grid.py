"""Grids: motions of cells and nodes, axes whose ends points pass, checks that `Field` and `Keypoints` share."""

from __future__ import annotations

import pytest
import torch

from haar.actions.axes import FieldAxes, check_axis
from haar.actions.grid import Grid
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral, grid_group, reflections, symmetric


def test_a_reversal_about_a_node_is_a_flip_and_a_roll():
    group = reflections(2)
    elements = group.elements()
    cells, nodes = Grid(group), Grid(group, centring="node", periodic=(True, False))
    assert not cells.motion(elements).shift.any()
    assert torch.equal(nodes.motion(elements).shift[:, 0], (group.motion(elements).sign[:, 0] < 0).long())
    assert not nodes.motion(elements).shift[:, 1].any()
    mixed = Grid(group, centring=("cell", "node"))
    assert not mixed.motion(elements).shift[:, 0].any()
    assert torch.equal(mixed.motion(elements).shift[:, 1], (group.motion(elements).sign[:, 1] < 0).long())


@pytest.mark.parametrize(
    ("grid", "through"),
    [
        (Grid(dihedral(4)), [False, False]),
        (Grid(dihedral(4), centring="node"), [True, True]),
        (Grid(reflections(2), centring="node", periodic=(False, True)), [False, True]),
        (Grid(reflections(2), centring=("node", "cell")), [True, False]),
        (Grid(grid_group(reflections(2), (4, 4), periodic=(True, False))), [True, False]),
        (Grid(grid_group(dihedral(4), (4, 4))), [True, True]),
        (Grid(symmetric(3), space_dim=2), [False, False]),
    ],
)
def test_axes_whose_ends_points_pass(grid, through):
    assert grid.shifted_axes() == through


def test_internal_groups_move_nothing_and_fit_every_shape():
    grid = Grid(symmetric(8), space_dim=3)
    motion = grid.motion(symmetric(8).sample(4))
    assert motion.index.shape == (4, 3)
    assert not motion.shift.any()
    grid.check_shape((4, 5, 6), "x")


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"shape: expected a grid 4x6 .*, got 4x8"):
        Grid(grid_group(reflections(2), (4, 6))).check_shape((4, 8), "shape")
    with pytest.raises(ShapeError, match="shape: expected axes of equal length for D4"):
        Grid(dihedral(4)).check_shape((4, 8), "shape")


@pytest.mark.parametrize("channels", ["first", "last", None])
def test_axes_in_either_order(channels):
    axes = FieldAxes(2, channels)
    canonical = torch.randn(5, 1 if channels is None else 3, 4, 6)
    x = axes.restored(canonical)
    assert torch.equal(axes.channels_first(x), canonical)
    assert axes.check(x, "x", canonical.shape[1], lambda: ["a", "b", "c"]) == [4, 6]
    assert [x.shape[axis] for axis in axes.space] == [4, 6]
    assert axes.count == x.ndim - 1
    axes.check_batch(x)
    with pytest.raises(ShapeError, match="x: expected a batch axis, for one element a sample"):
        axes.check_batch(x[0])
    with pytest.raises(ShapeError, match=r"field: expected .* with 2 space axes, got \(6,\)"):
        axes.check(torch.zeros(6), "field", 1, lambda: ["a"])


def test_wrong_channels_are_refused_by_name():
    with pytest.raises(
        ShapeError, match=r"u: expected 2 channels \(u_x, u_y\) on axis -1 of .*, got 3 in \(1, 4, 4, 3\)"
    ):
        FieldAxes(2, "last").check(torch.zeros(1, 4, 4, 3), "u", 2, lambda: ["u_x", "u_y"])
    with pytest.raises(ArgumentError, match="channels: expected 'first', 'last' or None, got 'middle'"):
        FieldAxes(2, "middle")


@pytest.mark.parametrize("axis", [0, -0, 1, True, 1.0, None, "last"])
@pytest.mark.usefixtures("unchecked_annotations")
def test_axes_are_counted_from_the_end(axis):
    check_axis(-1)
    with pytest.raises(ArgumentError, match="axis: expected a negative axis, counted from the end, got"):
        check_axis(axis)
