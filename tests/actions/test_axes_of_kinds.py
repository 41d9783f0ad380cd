"""Every kind of action says which axes a sample has, where its channels are, and which of them share a unit."""

from __future__ import annotations

import pytest
import torch

from haar.actions import (
    Bilinear,
    Boxes,
    Concatenated,
    ContinuousShift,
    Defining,
    Field,
    InterpolatedField,
    Invariant,
    Keypoints,
    Layout,
    Points,
    Space,
    Spectral,
    Trivial,
    Vector,
    direct_sum,
)
from haar.actions.statistics import mixed_channels
from haar.errors import ArgumentError
from haar.groups import SO, Torus, dihedral, grid_group, reflections, symmetric

D4, SO2, S4 = dihedral(4), SO(2), symmetric(4)
MIXED = direct_sum([Trivial(D4), Space(D4)])


@pytest.mark.parametrize(
    ("action", "own", "channel", "grid", "blocks"),
    [
        (Field(MIXED), 3, -3, (-2, -1), [(0,), (1, 2)]),
        (Field(MIXED, channels="last"), 3, -1, (-3, -2), [(0,), (1, 2)]),
        (Field(Trivial(D4), channels=None), 2, None, (-2, -1), [(0,)]),
        (InterpolatedField(Defining(SO2)), 3, -3, (-2, -1), [(0, 1)]),
        (ContinuousShift(Torus(2)), 3, -3, (-2, -1), [(0,), (1,), (2,)]),
        (Vector(MIXED), 1, -1, (), [(0,), (1, 2)]),
        (Vector(MIXED, axis=-2), 2, -2, (), [(0,), (1, 2)]),
        (Points(rotation=Space(D4)), 2, -1, (), [(0, 1)]),
        (Bilinear(Space(D4)), 2, None, (), [(0, 1)]),
        (Points(relabelling=Defining(symmetric(4))), 2, -1, (), [(0,), (1,)]),
        (Spectral((1, 2)), 2, -1, (), [(0,), (1, 2)]),
        (Keypoints(D4, (4, 4)), 1, -1, (), [(0, 1)]),
        (Boxes(D4, (4, 4)), 1, -1, (), [(0, 1, 2, 3)]),
        (Concatenated([(Field(MIXED), 3), (Invariant(D4), 2)], axis=-3), 3, -3, (-2, -1), [(0,), (1, 2), (3, 4)]),
        (Invariant(D4), None, None, (), [(0, 1)]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_axes(action, own, channel, grid, blocks):
    size = sum(len(block) for block in blocks)
    assert (action.axes.count, action.axes.channel, action.axes.space) == (own, channel, grid)
    assert action.mixed_channels(size) == blocks
    if action.group is D4 and not isinstance(action, (Keypoints, Concatenated)):
        less = action.restrict(D4.subgroup([2], "C2"))
        assert (less.axes.count, less.axes.channel, less.axes.space) == (own, channel, grid)


def test_fields_of_a_layout_are_blocks_with_names():
    field = Field.of_layout(Layout.parse("p, u:vector", history=2), D4)
    assert field.channel_blocks(6) == [("p", (0, 3)), ("u", (1, 2, 4, 5))]
    phase = Field.of_layout(Layout.parse("re, im, t", dim=2), SO2, internal={("re", "im"): Defining(SO2)})
    assert phase.channel_blocks(3) == [("re, im", (0, 1)), ("t", (2,))]  # what elements mix shares a unit


def test_channels_that_nothing_mixes_stay_apart():
    assert mixed_channels(Trivial(D4, 3)) == [(0,), (1,), (2,)]
    assert mixed_channels(Defining(SO(3)) * 2) == [(0, 1, 2), (3, 4, 5)]
    assert mixed_channels(Trivial(D4, 300)) == [tuple(range(300))]


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (Field(MIXED), (2, 3, 7, 7)),
        (Field(MIXED, channels="last"), (2, 7, 7, 3)),
        (Field(Trivial(D4), channels=None), (2, 7, 7)),
        (Field(Trivial(grid_group(D4, (4, 4)))), (2, 1, 4, 4)),
        (InterpolatedField(Defining(SO2)), (2, 2, 7, 7)),
        (Vector(MIXED), (2, 3)),
        (Vector(MIXED, axis=-2), (2, 3, 7)),
        (Points(rotation=Space(D4)), (2, 7, 2)),
        (Points(rotation=Trivial(S4, 3), relabelling=Defining(S4)), (2, 4, 3)),
        (Bilinear(Space(D4)), (2, 2, 2)),
        (Spectral((1, 2)), (2, 7, 3)),
        (Keypoints(D4, (4, 4)), (2, 7, 2)),
        (Boxes(D4, (4, 4)), (2, 7, 4)),
        (Concatenated([(Field(MIXED), 3), (Invariant(D4), 2)], axis=-3), (2, 5, 7, 7)),
        (Concatenated([(Invariant(D4), 2), (Vector(MIXED), 3)], axis=-1), (2, 5)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_examples_fit(action, shape, generator):
    made = action.example(2, 7, generator)
    assert tuple(made.shape) == shape
    action.check(made)
    assert made.dtype == torch.float64
    assert not torch.equal(made, action.example(2, 7, generator))
    again, once_more = (action.example(2, 7, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(again, once_more)


@pytest.mark.parametrize("where", [{"order": "xy"}, {"coordinates": "index"}, {"form": "cxcywh"}], ids=str)
def test_examples_of_boxes_are_boxes_on_the_grid(where, generator):
    action = Boxes(reflections(2), (3, 9), **where)
    made = action.example(50, 4, generator)
    one, other = made.split(2, -1)
    low, high = (one - other / 2, one + other / 2) if where.get("form") == "cxcywh" else (one, other)
    ends = torch.tensor([9.0, 3.0]) - (1 if where.get("coordinates") == "index" else 0)
    assert bool((low >= 0).all())
    assert bool((low <= high).all())
    assert bool((high <= ends).all())
    assert bool((high.amax((0, 1)) > 0.8 * ends).all())


@pytest.mark.parametrize(
    "action",
    [Invariant(D4), ContinuousShift(Torus(2)), Points(relabelling=Defining(symmetric(4)))],
    ids=lambda action: type(action).__name__,
)
def test_actions_that_take_several_shapes_do_not_tell_one(action):
    with pytest.raises(
        ArgumentError, match=rf"{type(action).__name__} does not tell its shape, got none; give example="
    ):
        action.example(2, 7)


def test_other_channels_on_the_same_grid():
    field = Field.of_layout(Layout.parse("p, u:vector"), D4, centring="node", periodic=False, channels="last")
    scalar = field.with_rep(Trivial(D4))
    assert (scalar.centring, scalar.periodic, scalar.channels, scalar.layout) == ("node", (False, False), "last", None)
    assert field.with_rep(Trivial(D4), channels=None).axes.count == 2
    internal = Field(Trivial(SO2), space_dim=2).with_rep(Defining(SO2))
    assert (internal.dim, internal.rep.dim) == (2, 2)
