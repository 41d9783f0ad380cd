"""Files of parameters: in one piece and in several, with a configuration, and nothing that would be unpickled."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, DataError
from haar.weights import Checkpoint, adapted, untied, write_weights

STATE = {"a": torch.arange(3.0), "b.c": torch.ones(2, 2)}


def _same(found):
    assert set(found) == set(STATE)
    assert len(found) == 2
    assert all(torch.equal(found[name], value) for name, value in STATE.items())
    assert "a" in found
    assert "d" not in found


def test_one_file(tmp_path):
    path = write_weights(tmp_path / "one.safetensors", STATE)
    found = Checkpoint(path)
    _same(found)
    assert found.config == {}
    assert [file.name for file in tmp_path.iterdir()] == ["one.safetensors"]


def test_a_folder_of_parts_with_a_configuration(tmp_path):
    write_weights(tmp_path / "model-1.safetensors", {"a": STATE["a"]})
    write_weights(tmp_path / "model-2.safetensors", {"b.c": STATE["b.c"]})
    weight_map = {"a": "model-1.safetensors", "b.c": "model-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    for path in (tmp_path, tmp_path / "model.safetensors.index.json"):
        found = Checkpoint(path)
        _same(found)
        assert found.config == {"model_type": "gpt2"}


@pytest.mark.parametrize("wrapped", [False, True])
def test_tensors_of_torch(tmp_path, wrapped):
    torch.save({"state_dict": STATE} if wrapped else STATE, tmp_path / "x.pt")
    _same(Checkpoint(tmp_path / "x.pt"))


def test_tensors_that_share_memory_are_written(tmp_path):
    whole = torch.randn(4, 4)
    found = Checkpoint(write_weights(tmp_path / "t.safetensors", {"one": whole.T, "two": whole}))
    assert torch.equal(found["one"], found["two"].T)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: (f / "x.safetensors").write_bytes(b"nothing"), "x.safetensors: not a readable safetensors file"),
        (
            lambda f: torch.save(nn.Linear(1, 1), f / "x.pt"),
            r"x.pt: not a file of tensors alone \(it holds an object, torch.nn.modules.linear.Linear\); nothing is unp",
        ),
        (lambda f: (f / "x.pt").write_bytes(b"no"), r"x.pt: not a file of tensors alone \(it holds objects, or is no"),
        (
            lambda f: torch.save({"model": STATE, "ema": STATE, "step": 3}, f / "x.pt"),
            "x.pt: not a state dict, whose values are tensors; save what is at 'model', 'ema' alone",
        ),
        (lambda f: torch.save([1], f / "x.pt"), "x.pt: not a state dict, whose values are tensors"),
        (lambda f: (f / "x").mkdir(), "expected model.safetensors or model.safetensors.index.json in it, got neither"),
    ],
)
def test_files_that_are_none(tmp_path, write, message):
    write(tmp_path)
    (path,) = tmp_path.iterdir()
    with pytest.raises(DataError, match=message):
        Checkpoint(path)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{}", "no index of the parts of a checkpoint"),
        ('{"weight_map": {"a": "../a.safetensors"}}', "expected names of files beside it, got others"),
        ('{"weight_map": {"a": 1}}', "expected names of files beside it, got others"),
    ],
)
def test_indices_that_are_none(tmp_path, index, message):
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(DataError, match=message):
        Checkpoint(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_a_configuration_that_is_none(tmp_path, text):
    write_weights(tmp_path / "a.safetensors", STATE)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config.json: (expected an object, got list|no configuration in JSON)"):
        Checkpoint(tmp_path / "a.safetensors")


def test_a_head_of_its_own_is_made_of_the_embedding_alone():
    tied = {"model.embed_tokens.weight": torch.ones(2, 2)}
    assert torch.equal(untied(tied)["lm_head.weight"], torch.ones(2, 2))
    assert list(untied({**tied, "lm_head.weight": torch.zeros(2, 2)})) == [*tied, "lm_head.weight"]
    assert list(untied({"weight": torch.ones(1)})) == ["weight"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_attention_heads": 2, "num_key_value_heads": 3},
         "config: num_key_value_heads: expected a divisor of 2, got 3"),
        ({"num_attention_heads": "2"}, "config: num_attention_heads: expected a whole number, at least 1, got '2'"),
        ({"num_attention_heads": 2, "partial_rotary_factor": 0.5}, "config: partial_rotary_factor: expected 1"),
    ],
)  # fmt: skip
def test_configurations_that_do_not_fit(llama, config, message):
    model, _ = llama
    with pytest.raises(ArgumentError) as error:
        adapted(model.state_dict(), {"model_type": "llama", **config})
    assert str(error.value).startswith(message)


def test_architectures_are_known_by_name(llama):
    model, _ = llama
    with pytest.raises(
        ArgumentError, match=r"adapter: expected one of gpt2, .*, got 'bert'; or write the table by hand"
    ):
        adapted(model.state_dict(), {"model_type": "bert"})
    with pytest.raises(ArgumentError, match=r"state: expected a tensor 'wte.weight', got none of that name"):
        adapted(model.state_dict(), model.config, adapter="gpt2")
    with pytest.raises(ArgumentError, match=r"residual: expected one of orthogonal, signed, permutation, got 'all'"):
        adapted(model.state_dict(), model.config, residual="all")
