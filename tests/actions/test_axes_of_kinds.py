"""Every kind of action says which axes a sample has, where its channels are, and which of them share a unit."""

from __future__ import annotations

import pytest

from haar.actions import (
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
from haar.groups import SO, Torus, dihedral, symmetric

D4, SO2 = dihedral(4), SO(2)
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
    assert (action.own_axes, action.channel_axis, action.grid_axes) == (own, channel, grid)
    assert action.mixed_channels(size) == blocks
    if action.group is D4 and not isinstance(action, (Keypoints, Concatenated)):
        less = action.restrict(D4.subgroup([2], "C2"))
        assert (less.own_axes, less.channel_axis, less.grid_axes) == (own, channel, grid)


def test_fields_of_a_layout_are_blocks_with_names():
    field = Field.of_layout(Layout.parse("p, u:vector", history=2), D4)
    assert field.channel_blocks(6) == [("p", (0, 3)), ("u", (1, 2, 4, 5))]
    phase = Field.of_layout(Layout.parse("re, im, t", dim=2), SO2, internal={("re", "im"): Defining(SO2)})
    assert phase.channel_blocks(3) == [("re, im", (0, 1)), ("t", (2,))]  # what elements mix shares a unit


def test_channels_that_nothing_mixes_stay_apart():
    assert mixed_channels(Trivial(D4, 3)) == [(0,), (1,), (2,)]
    assert mixed_channels(Defining(SO(3)) * 2) == [(0, 1, 2), (3, 4, 5)]
    assert mixed_channels(Trivial(D4, 300)) == [tuple(range(300))]
