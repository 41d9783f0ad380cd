"""Verification one layer at a time, of checkpoints as `transformers` has them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.align import by_layer
from haar.align.by_layer import verified_by_layer
from haar.align.checkpoints import Architecture, verified
from haar.errors import ArgumentError
from haar.weights import Checkpoint, Verification, write_weights
from haar.weights.small import SmallGPT2

CONFIG = {
    "model_type": "gpt2", "n_head": 2, "n_layer": 3, "n_embd": 8, "n_inner": 6, "vocab_size": 11, "n_positions": 8,
    "bos_token_id": 0, "eos_token_id": 0,
}  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SmallGPT2(11, 8, layers=3, dim=8, heads=2, hidden=6)
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.2 * torch.randn_like(p))
    return Checkpoint(write_weights(tmp_path / "a.safetensors", model.state_dict()))


def test_every_layer_is_tried(checkpoint):
    found = verified_by_layer(checkpoint, Architecture(CONFIG))
    assert found.preserved, str(found)
    assert set(found.sites) == set(verified(checkpoint, Architecture(CONFIG)).sites)
    assert found.folding > 0


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (Architecture({"model_type": "gpt2"}), "config: expected a number of layers, n_layer or num_hidden_layers"),
        (Architecture(CONFIG, nn.Linear(1, 1)), "config: expected a number of layers, .*, got a model of one's own"),
    ],
)
def test_what_has_no_layers_is_refused(checkpoint, of, message):
    with pytest.raises(ArgumentError, match=message):
        verified_by_layer(checkpoint, of)


def _tried(monkeypatch, names, config, results):
    """What each layer is tried as, where a trial has these results, and what is told of all."""
    left, tried = iter(results), []

    def verified(state, of, *, symmetry, seed):
        tried.append((sorted(state), {name: float(state[name]) for name in state}, dict(of.config), symmetry, seed))
        return next(left)

    monkeypatch.setattr(by_layer, "verified", verified)
    state = {name: torch.tensor(float(k)) for k, name in enumerate(names)}
    return tried, verified_by_layer(state, Architecture(config), symmetry="permutation", seed=4)


def test_each_layer_stands_alone_as_the_first_and_the_worst_of_all_is_told(monkeypatch):
    names = ["model.embed", "model.layers.0.up", "model.layers.1.up", "model.layers.10.up", "model.layers.1.layers.2.a"]
    results = [
        Verification(
            0.1 if k == 3 else 0.2 * (k == 1), {"units 0": 0.01 * k, "stream": abs(k - 2.0)}, float(k % 3), told
        )
        for k, told in enumerate([(), ("one", "two"), (), ("three",)])
    ]
    config = {"num_hidden_layers": 4, "layer_types": ["a", "b", "c", "d"], "size": 3}
    tried, found = _tried(monkeypatch, names, config, results)
    assert [one[0] for one in tried] == [
        ["model.embed", "model.layers.0.up"],
        ["model.embed", "model.layers.0.layers.2.a", "model.layers.0.up"],
        ["model.embed"],
        ["model.embed"],
    ]
    assert tried[1][1] == {"model.embed": 0.0, "model.layers.0.up": 2.0, "model.layers.0.layers.2.a": 4.0}
    assert [one[2] for one in tried] == [{"num_hidden_layers": 1, "layer_types": [kind], "size": 3} for kind in "abcd"]
    assert {one[3:] for one in tried} == {("permutation", 4)}
    assert found.sites == {"units 0": 0.0, "units 1": 0.01, "units 2": 0.02, "units 3": 0.03, "stream": 2.0}
    assert (found.folding, found.shifts) == (0.2, 2.0)
    assert found.faults == ("layer 1: one", "layer 1: two", "layer 3: three")


@pytest.mark.parametrize("key", ["mlp_only_layers", "decoder_sparse_step"])
def test_a_layer_is_a_mixture_alone_where_it_was_one(monkeypatch, key):
    names = ["layers.0.mlp.up", "layers.1.mlp.experts.0.up"]
    nothing = [Verification(0.0, {"stream": 0.0}, 0.0, ())] * 2
    tried, _ = _tried(monkeypatch, names, {"n_layer": 2, key: [0] if key.startswith("mlp") else 2}, nothing)
    assert [one[2] for one in tried] == [
        {"n_layer": 1, "decoder_sparse_step": 1, "mlp_only_layers": only} for only in ([0], [])
    ]
    assert tried[1][0] == ["layers.0.mlp.experts.0.up"]
