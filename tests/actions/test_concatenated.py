"""Actions side by side on one axis: each moves its own piece."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from haar.actions import (
    AxisSign,
    Concatenated,
    Defining,
    Field,
    InterpolatedField,
    Invariant,
    Layout,
    Space,
    Trivial,
    Vector,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral, reflections

D4 = dihedral(4)


def test_every_part_moves_its_own_piece(generator):
    action = Concatenated([(Field(Space(D4)), 2), (Invariant(D4), 3), (Field(Trivial(D4)), 1)], axis=-3)
    x = torch.randn(8, 6, 4, 4, generator=generator, dtype=torch.float64)
    whole = Field(Space(D4))
    g = D4.elements()
    moved = action.act(g, x)
    assert torch.equal(moved[:, :2], whole.act(g, x[:, :2]))
    assert torch.equal(moved[:, 2:5], x[:, 2:5])
    assert torch.equal(moved[:, 5:], Field(Trivial(D4)).act(g, x[:, 5:]))
    assert torch.equal(torch.stack([action.move(h)(y[None])[0] for h, y in zip(g, x, strict=True)]), moved)
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(g, x), moved)
    half = D4.subgroup([1], "C4")
    for k, h in enumerate(half.embedding):
        assert torch.equal(action.restrict(half).act(torch.tensor(k), x), action.act(h, x))
    exported = torch.export.export(action.move(g[5]), (x,)).module()
    assert torch.equal(exported(x), action.act(g[5], x))
    assert not action.approximate


def test_tangents_and_linear_parts_stand_side_by_side(generator):
    group = SO(2)
    rotated = InterpolatedField(Defining(group))
    action = Concatenated([(rotated, 2), (Invariant(group), 1)], axis=-3)
    assert action.approximate
    x = torch.randn(2, 3, 6, 6, generator=generator, dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    assert torch.equal(action.tangent(one, x)[:, :2], rotated.tangent(one, x[:, :2]))
    assert not action.tangent(one, x)[:, 2:].any()
    mirror = reflections(1)
    affine = Field(AxisSign(mirror, 0)).affine(torch.ones(1, 1, 1, dtype=torch.float64))
    both = Concatenated([(affine, 1), (Invariant(mirror), 1)], axis=-2)
    zero = torch.zeros(1, 2, 4, dtype=torch.float64)
    assert both.act(torch.tensor(1), zero)[0, 0].tolist() == [1, 1, 1, 1]
    assert not both.linear().act(torch.tensor(1), zero).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Concatenated([], axis=-1), "parts: expected at least one action with its length, got none"),
        (lambda: Concatenated([(Invariant(D4), 1)], axis=1), "axis: expected a negative axis"),
        (lambda: Concatenated([(Invariant(D4), 0)], axis=-1), r"parts: expected positive lengths, got \[0\]"),
        (
            lambda: Concatenated([(Invariant(D4), 1), (Invariant(dihedral(2)), 1)], axis=-1),
            "parts: expected actions of one group object, D4, got D2; make the group once",
        ),
    ],
)
def test_what_cannot_stand_together_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_pieces_that_do_not_fit_are_refused():
    action = Concatenated([(Vector(Defining(D4)), 2), (Invariant(D4), 1)], axis=-1)
    with pytest.raises(ShapeError, match=r"x: expected 2 \+ 1 on axis -1, got \(4, 2\)"):
        action.act(torch.tensor(0), torch.zeros(4, 2))
    wrong = Concatenated([(Vector(Defining(D4)), 1), (Invariant(D4), 1)], axis=-1)
    with pytest.raises(ShapeError, match=r"x \(part 0\): expected 2 on axis -1"):
        wrong.check(torch.zeros(4, 2))


def test_blocks_are_named_after_their_fields_or_their_part():
    layout = Layout.parse("p, u:vector", dim=2)
    parts = [
        (Field.of_layout(layout, D4), 3),
        (Field(Trivial(D4, 2)), 2),
        (Invariant(D4), 2),
        (Vector(Trivial(D4, 2), axis=-1), 1),  # its channels are on another axis
    ]
    action = Concatenated(parts, axis=-3)
    blocks = [("p", (0,)), ("u", (1, 2)), ("part 1", (3,)), ("part 1", (4,)), ("part 2", (5, 6)), ("part 3", (7,))]
    assert action.channel_blocks(8) == blocks
    assert action.mixed_channels(8) == [block for _, block in blocks]


def test_its_axes_are_those_of_all_parts():
    field = Field(Trivial(D4))
    action = Concatenated([(Invariant(D4), 1), (field, 1)], axis=-1)
    assert (action.axes.count, action.axes.channel, action.axes.space) == (3, -1, (-2, -1))
    assert Concatenated([(Vector(Defining(D4)), 2)], axis=-1).axes.count == 1
    rotated, still = InterpolatedField(Trivial(SO2 := SO(2))), Invariant(SO2)
    for parts in ([(rotated, 1), (still, 1)], [(still, 1), (rotated, 1)]):
        assert Concatenated(parts, axis=-3).approximate


def test_examples_follow_their_generator():
    action = Concatenated([(Invariant(D4), 2), (Field(Trivial(D4)), 1)], axis=-3)
    one, other, third = (action.example(2, 5, torch.Generator().manual_seed(k)) for k in (1, 1, 2))
    assert torch.equal(one, other)
    assert not torch.equal(one[:, :2], third[:, :2])
    assert not torch.equal(one[:, 2:], third[:, 2:])
    with pytest.raises(ArgumentError, match="Invariant does not tell its shape"):
        Concatenated([(Invariant(D4), 2)], axis=-1).example(2, 5)
