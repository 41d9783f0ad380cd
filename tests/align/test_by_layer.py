"""Verification one layer at a time, of checkpoints as `transformers` has them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.align.by_layer import verified_by_layer
from haar.align.checkpoints import Architecture, verified
from haar.errors import ArgumentError
from haar.weights import Checkpoint, write_weights
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
