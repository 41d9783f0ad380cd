"""Containers of models: type, order and attributes stay, whatever they are."""

from __future__ import annotations

import copy
from collections import OrderedDict, UserDict, defaultdict
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch
from torch.utils import _pytree as pytree

from haar.containers import is_record, mapped, named_parts, parts_of, refilled, tensors_of


@dataclass
class ModelOutput(OrderedDict):
    """As language models return it: a dictionary whose items are attributes too, without empty fields."""

    loss: Any = None
    logits: Any = None

    def __post_init__(self):
        for field in fields(self):
            if getattr(self, field.name) is not None:
                self[field.name] = getattr(self, field.name)


class Attributed(OrderedDict):
    """Items that are found as attributes, and attributes of its own."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Demanding(dict):
    """Its constructor asks for more than items; the first item has a second name."""

    def __init__(self, first, units):
        super().__init__(first=first)
        self.units, self.alias = units, first


@dataclass(frozen=True, slots=True)
class Frozen:
    energy: torch.Tensor
    name: str = "eV"


class Pair(NamedTuple):
    a: Any
    b: Any


def test_outputs_of_language_models_keep_type_order_and_attributes():
    value = ModelOutput(logits=torch.ones(2))
    made = mapped(lambda x: x + 1, value)
    assert type(made) is ModelOutput
    assert list(made) == ["logits"]
    assert made.logits is made["logits"]
    assert made.logits.tolist() == [2.0, 2.0]
    assert made.loss is None
    assert value.logits.tolist() == [1.0, 1.0]


def test_other_dictionaries_keep_what_they_are():
    x = torch.zeros(1)
    made = mapped(lambda x: x + 1, Attributed(b=x, a=x))
    assert (type(made), list(made), made.b.item()) == (Attributed, ["b", "a"], 1.0)
    made = mapped(lambda x: x + 1, Demanding(x, "eV"))
    assert (type(made), made.units, made["first"].item()) == (Demanding, "eV", 1.0)
    assert made.alias is made["first"]
    made = mapped(lambda x: x + 1, defaultdict(list, a=x))
    assert (made["a"].item(), made["other"]) == (1.0, [])
    value = UserDict(a=x)
    assert (type(mapped(lambda x: x + 1, value)), value["a"].item()) == (UserDict, 0.0)
    assert refilled(MappingProxyType({"b": 1, "a": 2}), {"a": 3}) == {"b": 1, "a": 3}


def test_dataclasses_named_tuples_and_structures_of_torch():
    x = torch.zeros(1)
    assert mapped(lambda x: x + 1, Frozen(x)) == Frozen(torch.ones(1))
    assert mapped(lambda x: x + 1, Pair(x, [x, None])) == Pair(torch.ones(1), [torch.ones(1), None])
    assert mapped(lambda x: x + 1, torch.ones(1, 2).max(1)).values.item() == 2.0
    assert named_parts(Frozen(x)) == {"energy": x, "name": "eV"}
    assert named_parts((x,)) is None
    assert named_parts(Frozen) is None


@pytest.mark.parametrize("value", [{"a": 1}, [1], (1,), "name", None, 3.0])
def test_what_holds_no_tensor_is_the_same(value):
    assert mapped(lambda x: x + 1, copy.deepcopy(value)) == value
    assert tensors_of(value) == []


class Counting(OrderedDict):
    """An item that is a small number, and an attribute that happens to be the same number."""


def test_attributes_that_are_equal_by_chance_stay():
    value = Counting(rows=1, x="a")
    value.count, value.rows, value.words = 1, 1, "a"
    made = refilled(value, {"rows": 5, "x": "b"})
    assert dict(made) == {"rows": 5, "x": "b"}
    assert (made.count, made.rows, made.words) == (1, 5, "a")
    assert (value.rows, dict(value)) == (1, {"rows": 1, "x": "a"})


def test_parts_that_are_not_given_stay():
    x = torch.zeros(1)
    assert refilled([1, 2, 3], {1: 5}) == [1, 5, 3]
    assert refilled(Pair(1, 2), {1: 5}) == Pair(1, 5)
    assert refilled(Frozen(x), {"name": "J"}) == Frozen(x, "J")
    assert refilled(Attributed(a=1, b=2), {"a": 5}) == Attributed(a=5, b=2)
    largest = torch.tensor([[3.0, 1.0]]).max(1)
    assert refilled(largest, {1: 7})[1] == 7
    assert refilled(slice_of := _Known(1, 2), {0: 5}) == _Known(5, 2)
    assert parts_of(slice_of) == {0: 1, 1: 2}


class _Known:
    """What torch's pytrees have been taught."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __eq__(self, other):
        return (self.a, self.b) == (other.a, other.b)

    __hash__ = None


pytree.register_pytree_node(_Known, lambda k: ([k.a, k.b], None), lambda parts, _: _Known(*parts))


def test_what_is_a_record_and_what_has_no_parts():
    assert is_record(Frozen(torch.zeros(1)))
    assert not is_record(Frozen)
    assert not is_record(ModelOutput(loss=1))  # a mapping first
    assert named_parts(ModelOutput(loss=1)) == {"loss": 1}
    assert parts_of("ab") is None
    assert parts_of(torch.zeros(2)) is None
    assert parts_of(Pair(1, 2)) == {0: 1, 1: 2}


def test_tensors_come_in_order():
    tree = {"b": torch.zeros(1), "a": [Frozen(torch.ones(1)), Pair(torch.full((1,), 2.0), None)]}
    assert [x.item() for x in tensors_of(tree)] == [0.0, 1.0, 2.0]
