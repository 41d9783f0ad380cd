"""What all actions share: invariants, restrictions of actions that know no better way, elements that are refused."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Action, Defining, Invariant, Move, Vector
from haar.actions.action import RestrictedAction, Still
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
