"""Tensors, grids, dtypes, elements and fields that do not fit are refused by name."""

from __future__ import annotations

import pytest
import torch

from haar.actions import AxisSign, Defining, Field, Layout, Space, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral, from_matrices, grid_group, product, reflections, sign, symmetric


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4, 4), "x: expected 3 channels .p, u_x, u_y. on axis -3 of .batch, channel, .space., got 2 in .2, 4, 4."),
        ((4, 4), "x: expected .batch, channel, .space. with 2 space axes"),
        ((1, 3, 4, 6), "x: expected axes of equal length for D4, which exchanges them, got 4x6"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(shape, message):
    field = Field.of_layout(Layout.parse("p, u:vector"), dihedral(4))
    with pytest.raises(ShapeError, match=message):
        field.act(torch.tensor(1), torch.zeros(shape))


@pytest.mark.parametrize(
    "group",
    [
        grid_group(reflections(2), (4, 6)),
        product(grid_group(reflections(2), (4, 6)), sign(1)),
        product(grid_group(reflections(2), (4, 6)), symmetric(7)),
        grid_group(reflections(2), (4, 6)).subgroup([1, 30], "H"),
    ],
    ids=lambda group: group.name,
)
def test_groups_with_shifts_know_their_grid(group):
    field = Field(Trivial(group))
    field.check(torch.zeros(1, 1, 4, 6))
    with pytest.raises(ShapeError, match=r"x: expected a grid 4x6 .*, got 6x4; make the group for the grid you have"):
        field.check(torch.zeros(1, 1, 6, 4))


def test_dtypes_that_cannot_hold_the_result_are_refused():
    group = dihedral(4)
    with pytest.raises(ArgumentError, match="x: expected a signed dtype, as D4 changes signs of vector, got uint8"):
        Field(Space(group)).act(torch.tensor(1), torch.zeros(1, 2, 4, 4, dtype=torch.uint8))
    phase = Field(Defining(SO(2)), space_dim=1)
    with pytest.raises(ArgumentError, match="x: expected a floating dtype for the matrices of defining, got int64"):
        phase.check(torch.zeros(1, 2, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="x: expected a floating dtype for an offset, got int64"):
        shifted_by_one().check(torch.zeros(1, 1, 4, dtype=torch.int64))


@pytest.mark.parametrize(
    ("g", "x", "error", "message"),
    [
        (torch.tensor(8), torch.zeros(2, 2, 4, 4), ArgumentError, "g: expected elements 0..7 of D4, got 8"),
        (torch.tensor([0, -1]), torch.zeros(2, 2, 4, 4), ArgumentError, "g: expected elements 0..7 of D4, got -1"),
        (torch.tensor(1.0), torch.zeros(2, 2, 4, 4), ArgumentError, "g: expected int64 elements of D4, got float32"),
        (
            torch.zeros(3, dtype=torch.int64),
            torch.zeros(2, 2, 4, 4),
            ShapeError,
            "one for each of 2 samples, got 3 elements",
        ),
        (torch.zeros(1, 1, dtype=torch.int64), torch.zeros(2, 2, 4, 4), ShapeError, "g: expected one element .* of D4"),
        (
            torch.zeros(2, dtype=torch.int64),
            torch.zeros(2, 4, 4),
            ShapeError,
            "x: expected a batch axis, for one element",
        ),
    ],
)
def test_elements_that_are_none_are_refused(g, x, error, message):
    with pytest.raises(error, match=message):
        Field(Space(dihedral(4))).act(g, x)


def test_moves_are_of_one_element_and_orbits_of_several():
    field = Field(Space(dihedral(4)))
    with pytest.raises(ShapeError, match="g: expected one element"):
        field.move(torch.tensor([0, 1]))
    with pytest.raises(ShapeError, match="g: expected elements"):
        field.orbit(torch.tensor(0), torch.zeros(1, 2, 4, 4))
    nothing = field.act(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 2, 4, 4))
    assert nothing.shape == (0, 2, 4, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Field(Space(dihedral(4)), centring="face"),
            "centring: expected 'cell' or 'node', got 'face'; collocate",
        ),
        (
            lambda: Field(Space(dihedral(4)), centring=("node", "cell")),
            "centring: expected the same for axes x and y, which D4 exchanges",
        ),
        (lambda: Field(Space(dihedral(4)), centring=["node"]), "'cell' or 'node' for each of 2 axes, got \\['node'\\]"),
        (
            lambda: Field(Space(dihedral(4)), channels="middle"),
            "channels: expected 'first', 'last' or None, got 'middle'",
        ),
        (
            lambda: Field(Space(dihedral(4)), channels=None),
            "channels: expected 'first' or 'last' for more than one channel",
        ),
        (lambda: Field(Defining(symmetric(4))), "rep: expected a group that moves a grid, got S4; give space_dim"),
        (lambda: Field(Defining(symmetric(4)), space_dim=4), "space_dim: expected 1, 2 or 3 space axes, got 4"),
        (lambda: Field(Space(dihedral(4)), space_dim=3), "space_dim: expected 2, as D4 moves such grids, got 3"),
        (lambda: Field(Space(dihedral(4)), periodic=[True]), "periodic: expected one value for each of 2 axes"),
        (lambda: Field(Space(dihedral(4)), periodic=[True, False]), "the same for axes x and y, which D4 exchanges"),
        (
            lambda: Field(Trivial(grid_group(reflections(2), (4, 4))), periodic=[True, False]),
            "periodic: expected True for axis y, along which reflections2 x T4x4 shifts",
        ),
        (lambda: Field(Defining(from_matrices([torch.eye(2)], "G"))), "expected a group that moves a grid, got G"),
    ],
)
def test_fields_that_cannot_be_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_finite_groups_have_no_tangent():
    with pytest.raises(ArgumentError, match="symmetry: expected an action of a Lie group for a Lie derivative"):
        Field(Space(dihedral(4))).tangent(torch.ones(1), torch.zeros(1, 2, 4, 4))


def shifted_by_one() -> Field:
    """b -> 1 - b(mirrored), an involution."""
    return Field(AxisSign(reflections(1), 0)).affine(torch.ones(1, 1, 1, dtype=torch.float64))
