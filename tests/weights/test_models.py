"""Which table a model has: given, of a known architecture, traced, or none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.weights import ParameterAction, Units
from haar.weights.models import action_of
from haar.weights.small import SmallGPT2

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def tanh():
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def scales(model, symmetry):
    return [site.scales for site in action_of(model, model.state_dict(), symmetry, example=X).sites.values()]


def test_a_table_is_taken_as_it_is():
    table = ParameterAction({"h": Units(2)}, {"w": ("h",)})
    assert action_of({}, {}, table) is table


def test_words_say_what_is_traced():
    relu = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    assert [scales(relu, word) for word in ("auto", "permutation")] == [["positive"], ["none"]]
    assert [scales(tanh(), word) for word in ("auto", "permutation", "signed")] == [["none"], ["none"], ["signs"]]


def test_known_architectures_have_their_own_table():
    model = SmallGPT2(11, 8, layers=1, dim=12, heads=2, hidden=10)
    tables = {word: action_of(model, model.state_dict(), word) for word in ("auto", "orthogonal", "permutation")}
    kinds = {word: type(table.sites["residual"]).__name__ for word, table in tables.items()}
    assert kinds == {"auto": "Rotation", "orthogonal": "Rotation", "permutation": "Units"}


def test_without_a_model_or_an_example_nothing_is_traced():
    model = tanh()
    words = r"symmetry: expected a table, the configuration of a known architecture, or a model with an example, got"
    with pytest.raises(ArgumentError, match=words):
        action_of(dict(model.state_dict()), model.state_dict(), "auto", example=X)
    words = "example: expected inputs of Sequential, by which its layers are followed, got None; give example="
    with pytest.raises(ArgumentError, match=words):
        action_of(model, model.state_dict(), "auto")
    with pytest.raises(ArgumentError, match="symmetry: expected 'auto', 'permutation' or 'signed' for a model that is"):
        action_of(model, model.state_dict(), "orthogonal", example=X)
    with pytest.raises(ArgumentError, match=r"symmetry: expected a ParameterAction, or one of .*, got 'some'"):
        action_of(model, model.state_dict(), "some", example=X)
