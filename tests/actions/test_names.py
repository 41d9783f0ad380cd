"""Symmetries in words: a group's name, and what inputs and outputs are made of."""

from __future__ import annotations

import re

import pytest

from haar.actions import Field, Invariant, Points, Vector
from haar.actions.names import named_symmetry
from haar.errors import ArgumentError


def test_symmetries_in_words():
    made = named_symmetry("D4", "field: 2 * scalar + vector; vector: regular", "invariant")
    assert [type(action) for action in made.inputs] == [Field, Vector]
    assert isinstance(made.outputs, Invariant)
    assert (made.inputs[0].rep.dim, made.inputs[1].rep.dim) == (4, 8)
    turned = named_symmetry("SO3", "points: vector", "tensor + pseudoscalar")
    assert isinstance(turned.inputs[0], Points)
    assert turned.outputs.rep.dim == 10
    assert named_symmetry("reflections:2", "vector", "scalar").group.order == 4
    assert named_symmetry("Oh", "vector", "vector; scalar").group.order == 48
    for words, message in (
        (("X4", "vector", "vector"), "--group: expected C4, D4"),
        (("C4", "graph: vector", "vector"), "--input: expected a sum of representations, after one of"),
        (("C4", "vector", "2 vectors"), r"--output: expected a number times one of scalar"),
        (("SO3", "regular", "vector"), "group: expected an enumerated group for the regular representation"),
    ):
        with pytest.raises(ArgumentError, match=re.escape(message) if "(" in message else message):
            named_symmetry(*words)
