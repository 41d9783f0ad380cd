"""Parameters by name, without a model that could be run: what is done with them, and what is refused."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

import haar
from haar.align import as_wide_as
from haar.align.checkpoints import Architecture, architecture
from haar.errors import ArgumentError
from haar.weights import Checkpoint, traced, write_weights

X = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def perceptron(width):
    with torch.random.fork_rng():
        torch.manual_seed(width)
        return nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 3)).double()


def test_activations_need_models():
    one, other = perceptron(4), perceptron(4)
    table = traced(one, X)
    with pytest.raises(ArgumentError, match=r"^b: expected a model, to compute activations, got parameters by name"):
        haar.align(one, other.state_dict(), symmetry=table, how="activations", example=X)
    with pytest.raises(ArgumentError, match=r"^a: expected a model, to compute activations, got parameters by name"):
        haar.align(one.state_dict(), other, symmetry=table, how="activations", example=X)


def test_a_narrow_network_grows_by_name_as_it_does_as_a_model():
    narrow, wide = perceptron(3), perceptron(5)
    grown = as_wide_as(wide.state_dict(), narrow.state_dict(), symmetry=traced(narrow, X))
    as_model = as_wide_as(wide, narrow, symmetry=traced(narrow, X))
    assert {name: tuple(value.shape) for name, value in grown.items()} == {
        "0.weight": (5, 2), "0.bias": (5,), "2.weight": (3, 5), "2.bias": (3,),
    }  # fmt: skip
    assert all(torch.equal(grown[name], value) for name, value in as_model.state_dict().items())
    torch.testing.assert_close(as_model(X), narrow(X), rtol=0, atol=1e-12)


def test_only_known_architectures_are_made():
    with pytest.raises(ArgumentError, match=r"^model: expected a model, or a config\.json of a known architecture"):
        Architecture({"model_type": "another"}).running()
    model = perceptron(2)
    assert Architecture({}, model).running().model is model


def test_words_of_ones_own_replace_those_beside_a_file(tmp_path):
    model, beside = perceptron(2), {"model_type": "gpt2", "width": 3}
    (tmp_path / "config.json").write_text(json.dumps(beside), encoding="utf-8")
    file = Checkpoint(write_weights(tmp_path / "model.safetensors", model.state_dict()))
    found = architecture(file, adapter="vit", model=model, example=X)
    assert (found.config, found.model) == ({"model_type": "vit", "width": 3}, model)
    assert found.example is X
    assert architecture(file).config == file.config == beside
    assert architecture(file, config={"width": 4}).config == {"width": 4}
    with pytest.raises(ArgumentError, match=r"^adapter: expected one of .*gpt2.*, got 'another'"):
        architecture(file, adapter="another")
