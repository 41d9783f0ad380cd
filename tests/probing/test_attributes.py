"""What a module keeps in plain attributes is put back in place, as far as Python lets one look."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from haar.probing.attributes import Attributes


class Plain:
    def __init__(self, inside):
        self.inside = inside


def module_of(**held):
    module = nn.Identity()
    for name, value in held.items():
        setattr(module, name, value)
    return module


def test_containers_keep_who_they_are_and_what_is_in_them():
    named, numbers, places = {"a": 1, "b": 2}, {1, 2}, [1, 2, 3]
    module = module_of(named=named, numbers=numbers, places=places)
    kept = Attributes(module)
    named["a"] = 5
    del named["b"]
    numbers.add(3)
    places[1] = 7
    module.places, module.new = [], 1
    kept.put_back()
    assert module.named is named
    assert named == {"a": 1, "b": 2}
    assert (module.numbers, numbers) == (numbers, {1, 2})
    assert module.places is places
    assert places == [1, 2, 3]
    assert not hasattr(module, "new")


def test_a_replaced_item_comes_back_where_the_length_is_the_same():
    one = torch.zeros(1)
    named, places = {"a": one}, [one]
    kept = Attributes(module_of(named=named, places=places))
    named["a"], places[0] = torch.zeros(1), torch.zeros(1)  # equal, and another
    kept.put_back()
    assert named["a"] is places[0] is one


def test_things_inside_things():
    deep = [1]
    module = module_of(cache=Plain({"keys": Plain(3), "deep": deep}))
    kept = Attributes(module)
    deep.append(2)
    module.cache.inside["keys"] = None
    kept.put_back()
    assert deep == [1]
    assert module.cache.inside["keys"].inside == 3


def test_what_holds_itself_is_looked_at_once():
    ring = [1]
    ring.append(ring)
    kept = Attributes(module_of(ring=ring))
    ring.append(3)
    kept.put_back()
    assert len(ring) == 2
    assert ring[1] is ring


def test_arrays_and_tensors_are_written_back_in_place():
    array, fixed, tensor, grown = np.zeros(2), np.ones(2), torch.zeros(2, requires_grad=True), torch.zeros(2)
    fixed.flags.writeable = False
    kept = Attributes(module_of(array=array, fixed=fixed, tensor=tensor, grown=grown))
    array += 1
    with torch.no_grad():
        tensor.add_(1)
    grown.resize_(3).fill_(7)
    kept.put_back()
    assert array.tolist() == [0, 0]
    assert tensor.tolist() == [0, 0]
    assert grown.tolist() == [0, 0]
    kept.put_back()
    version = tensor._version
    kept.put_back()
    assert tensor._version == version  # what was not changed is not written


def test_tensors_without_numbers_are_left_alone():
    with torch.inference_mode():
        made = torch.zeros(1)
    module = module_of(there=torch.zeros(1, device="meta"), made=made)
    Attributes(module).put_back()
    assert module.made is made


def test_functions_and_modules_are_no_memories():
    inner = nn.Linear(1, 1)
    inner.seen = [1]

    def function():
        return None

    function.seen = [1]
    held = [inner, function]
    kept = Attributes(module_of(held=held))
    inner.seen.append(2)
    function.seen.append(2)
    kept.put_back()
    assert inner.seen == function.seen == [1, 2]
