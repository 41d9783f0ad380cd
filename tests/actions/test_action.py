"""What all actions share: invariants, restrictions of actions that know no better way, elements that are refused."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Action, Defining, Invariant, Move, Trivial, Vector
from haar.actions.action import RestrictedAction, Still
from haar.actions.axes import Axes
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral


class Weighted(Action):
    """An action with nothing but the abstract methods: a vector beside a constant."""

    def __init__(self, group):
        self.group = group
        self.vector = Vector(Defining(group))

    def check(self, x, argument="x"):
        self.vector.check(x, argument)

    def act(self, g, x):
        return self.vector.act(g, x)

    def move(self, g):
        return self.vector.move(g)


def test_an_invariant_stays_whatever_acts():
    group = dihedral(4)
    action = Invariant(group, batched=False)
    x = torch.ones(3)
    action.check(torch.zeros(()))
    assert action.act(torch.tensor([1, 2, 3]), x) is x
    assert action.move(torch.tensor(1))(x) is x
    assert isinstance(action.move(torch.tensor(1)), Still)
    assert action.linear() is action
    assert not action.restrict(group.subgroup([1])).batched
    assert torch.equal(Invariant(SO(2)).tangent(torch.ones(1), x), torch.zeros(3))
    with pytest.raises(ArgumentError, match=r"g: expected elements 0..7 of D4, got 9"):
        action.act(torch.tensor(9), x)


def test_restricted_actions_act_through_the_parent():
    group = dihedral(4)
    half = group.subgroup([2, 4], "D2")
    action = Weighted(group)
    restricted = action.restrict(half)
    assert isinstance(restricted, RestrictedAction)
    assert restricted.linear().group is half
    x = torch.randn(4, 2)
    whole = action.orbit(half.embedding, x)
    assert torch.equal(restricted.orbit(torch.arange(4), x), whole)
    assert torch.equal(torch.stack([restricted.act(torch.tensor(k), x) for k in range(4)]), whole)
    assert torch.equal(torch.stack([restricted.move(torch.tensor(k))(x) for k in range(4)]), whole)
    assert torch.equal(restricted.act(torch.arange(4), x), whole[range(4), range(4)])
    with pytest.raises(ShapeError, match="argument: expected 2 on axis -1"):
        restricted.check(torch.zeros(3), "argument")


def test_subgroups_of_another_group_are_refused():
    other = dihedral(8).subgroup([1], "C8")
    for action in (Invariant(dihedral(4)), Weighted(dihedral(4))):
        with pytest.raises(
            ArgumentError, match="subgroup: expected a subgroup of D4, got a subgroup of D8; make it with"
        ):
            action.restrict(other)


def test_an_unprepared_move_does_nothing():
    with pytest.raises(NotImplementedError):
        Move()(torch.zeros(1))


class Shared(Weighted):
    """As one that knows its axes, is only approximate, and is shared by all samples."""

    batched, approximate, axes = False, True, Axes(2, -1, (-2,))

    def example(self, batch, size, generator=None):
        return torch.randn(batch, size, 2, generator=generator)

    def mixed_channels(self, size):
        return [(k,) for k in range(size)]

    def channel_blocks(self, size):
        return [("all", tuple(range(size)))]


def test_a_restricted_action_is_what_the_whole_one_is():
    action = Shared(dihedral(4))
    restricted = action.restrict(action.group.subgroup([1]))
    assert isinstance(restricted, RestrictedAction)
    assert (restricted.batched, restricted.approximate, restricted.axes) == (False, True, Axes(2, -1, (-2,)))
    assert restricted.mixed_channels(2) == [(0,), (1,)]
    assert restricted.channel_blocks(2) == [("all", (0, 1))]
    for seed in (0, 1):
        made, wanted = (a.example(2, 3, torch.Generator().manual_seed(seed)) for a in (restricted, action))
        assert torch.equal(made, wanted)


def test_blocks_are_named_where_there_are_several():
    action = Weighted(dihedral(4))
    assert action.mixed_channels(3) == [(0, 1, 2)]
    assert action.channel_blocks(3) == [("", (0, 1, 2))]
    action.rep = Trivial(action.group, 2)
    assert action.channel_blocks(2) == [("channel 0", (0,)), ("channel 1", (1,))]


@pytest.mark.parametrize(
    ("g", "x", "error", "message"),
    [
        (torch.tensor([3, -2, 9]), None, ArgumentError, "g: expected elements 0..7 of D4, got -2"),
        (torch.tensor([3, 8]), None, ArgumentError, "g: expected elements 0..7 of D4, got 8"),
        (torch.tensor([0, 7]), torch.zeros(()), ShapeError, "or one for each of 0 samples, got 2 elements; orbit"),
        (torch.tensor([0, 7]), torch.zeros(3, 2), ShapeError, "or one for each of 3 samples, got 2 elements"),
        (
            torch.zeros(1, 1, dtype=torch.int64),
            None,
            ShapeError,
            r"g: expected one element \(\) of D4, or one for each",
        ),
        (torch.tensor(0.0), None, ArgumentError, "g: expected int64 elements of D4, got float32"),
    ],
)
def test_what_is_no_element_or_no_batch_of_them(g, x, error, message):
    with pytest.raises(error, match=message):
        Weighted(dihedral(4)).is_batch(g, x)


def test_one_and_many():
    action = Weighted(dihedral(4))
    assert not action.is_batch(torch.tensor(7))
    assert action.is_batch(torch.tensor([0, 7]), torch.zeros(2, 5))
    assert action.is_batch(torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"g: expected one element \(\) of D4, got \(2,\)"):
        action.one(torch.tensor([0, 1]))
    with pytest.raises(ShapeError, match=r"g: expected elements \(m, \*\(\)\) of D4, got \(\)"):
        action.many(torch.tensor(0))


def test_a_prepared_move_comes_back_from_the_meta_device_and_from_half_precision():
    move = Vector(Defining(dihedral(5))).move(torch.tensor(1))
    x = torch.randn(3, 2, dtype=torch.float64)
    expected = move(x)
    move.to("meta").to("meta").to_empty(device="cpu")
    assert torch.equal(move(x), expected)
    move.half().double()
    assert torch.equal(move(x), expected)
