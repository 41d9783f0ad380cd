"""Trees of actions beside trees of values: containers keep their kind, misfits are named by their path."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from haar.actions import Defining, Invariant, Vector
from haar.actions.trees import action_leaves, map_actions, map_named, map_values, paths, rebuild, value_leaves
from haar.errors import ShapeError
from haar.groups import dihedral

GROUP = dihedral(3)
A, B, C = Vector(Defining(GROUP)), Invariant(GROUP), Vector(Defining(GROUP), axis=-2)


class Pair(NamedTuple):
    first: object
    second: object


@dataclass(frozen=True)
class Found:
    energy: object
    force: object
    extra: object = None


def test_leaves_and_paths_come_in_order():
    tree = ({"b": A, "a": [B, C]},)
    assert action_leaves(tree) == [A, B, C]
    assert [path for path, _ in paths(tree, "inputs")] == ["inputs[0]['b']", "inputs[0]['a'][0]", "inputs[0]['a'][1]"]
    assert value_leaves(tree, ({"a": (1, 2), "b": 0},)) == [0, 1, 2]  # in the order of the actions


def test_containers_of_the_values_are_kept():
    x, y, z = (torch.full((2,), float(k)) for k in range(3))
    values = (OrderedDict(a=Pair(x, y), b=z),)
    made = rebuild(({"b": A, "a": (B, C)},), values, [1, 2, 3])
    assert made == (OrderedDict(a=Pair(2, 3), b=1),)
    assert type(made[0]) is OrderedDict
    assert list(made[0]) == ["a", "b"]
    assert isinstance(made[0]["a"], Pair)
    added = map_values(lambda one, other: one + other, [A, B], [x, "name"], [y, "other"])
    assert torch.equal(added[0], y)
    assert added[1] == "name"


def test_dicts_of_actions_stand_beside_dataclasses_whose_other_fields_are_empty():
    actions = {"force": A, "energy": B}
    assert value_leaves(actions, Found(energy=1, force=2)) == [2, 1]
    assert rebuild(actions, Found(energy=1, force=2), [3, 4]) == Found(energy=4, force=3)
    with pytest.raises(ShapeError, match=r"values: expected a dict with \['energy', 'force'\], got \['energy', 'extra"):
        value_leaves(actions, Found(energy=1, force=2, extra=5))


def test_maps_see_action_value_and_path():
    seen = []
    made = map_named(lambda action, x, path: seen.append((action, x, path)), [A, {"u": B}], (1, {"u": 2}), "output")
    assert seen == [(A, 1, "output[0]"), (B, 2, "output[1]['u']")]
    assert made == (None, {"u": None})
    assert map_actions(lambda action: type(action).__name__, Pair(A, {"u": B})) == Pair("Vector", {"u": "Invariant"})


@pytest.mark.parametrize(
    ("actions", "values", "message"),
    [
        ((A, B), (1,), "inputs: expected 2 values, one for each action, got 1"),
        ((A, B), {"u": 1}, "inputs: expected a tuple of 2 values, one for each action, got dict"),
        ({"u": A}, (1,), r"inputs: expected a dict with \['u'\], got tuple"),
        ({"u": (A, B)}, {"u": [1]}, r"inputs\['u'\]: expected 2 values, one for each action, got 1"),
    ],
)
def test_other_structures_are_refused_by_their_path(actions, values, message):
    with pytest.raises(ShapeError, match=message):
        map_named(lambda *_: None, actions, values, "inputs")


def test_leaves_are_let_go_of_at_once_and_not_at_the_next_collection():
    """A model's outputs are rebuilt for every element of every batch: cycles would pile up until a collection."""
    actions, like = {"a": A, "b": (B, C)}, {"a": 0, "b": (1, 2)}
    gc.collect()
    gc.disable()
    try:
        leaves = [torch.zeros(3) for _ in range(3)]
        kept = [weakref.ref(leaf) for leaf in leaves]
        made = rebuild(actions, like, leaves)
        assert made["b"][1] is leaves[2]
        assert map_values(torch.neg, actions, made)["a"] is not made["a"]
        del leaves, made
        assert [ref() for ref in kept] == [None, None, None]
    finally:
        gc.enable()
