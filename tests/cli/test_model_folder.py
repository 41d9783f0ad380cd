"""Folders named as on a hub: what is found in them, and what is said where nothing is."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from haar.cli.model_file import load_model, load_weights
from haar.cli.model_folder import folder_weights, model_in_folder
from haar.errors import ArgumentError, DataError


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    return tmp_path / "org" / "name"


def shards(folder, state, index="model.safetensors.index.json"):
    names = {}
    for number, (key, value) in enumerate(state.items()):
        names[key] = f"model-{number}.safetensors"
        save_file({key: value}, folder / names[key])
    (folder / index).write_text(json.dumps({"weight_map": names}))


def test_the_program_of_a_folder_is_the_model(hub):
    net = nn.Conv2d(3, 3, 1).eval()
    torch.export.save(torch.export.export(net, (torch.randn(2, 3, 4, 4),)), hub / "net.pt2")
    loaded = load_model("org/name")
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(loaded.module(x), net(x))
    (hub / "other.pt2").write_bytes(b"")
    with pytest.raises(ArgumentError, match=r"one \.pt2 file, got org/name with net\.pt2, other\.pt2"):
        load_model("org/name")


def test_weights_of_a_folder_are_read_whole_and_in_shards(hub):
    given, taken = nn.Linear(3, 2), nn.Linear(3, 2)
    save_file(given.state_dict(), hub / "model.safetensors")
    load_weights(taken, hub)
    assert torch.equal(taken.weight, given.weight)
    (hub / "model.safetensors").unlink()
    shards(hub, nn.Linear(3, 2).state_dict())
    load_weights(taken, hub)
    assert not torch.equal(taken.weight, given.weight)
    assert set(folder_weights(hub)) == {"weight", "bias"}
    (hub / "model-1.safetensors").unlink()
    with pytest.raises(DataError, match=r"model-1\.safetensors"):
        folder_weights(hub)


def test_pickled_weights_are_read_without_unpickling_anything_else(hub):
    given, taken = nn.Linear(3, 2), nn.Linear(3, 2)
    torch.save(given.state_dict(), hub / "pytorch_model.bin")
    load_weights(taken, hub)
    assert torch.equal(taken.bias, given.bias)


def test_what_is_missing_is_said_with_the_way_out(hub):
    with pytest.raises(ArgumentError, match=r"got org/name, which has no \.pt2 file; give the code as module:factory"):
        model_in_folder("org/name")
    save_file({"a": torch.zeros(1)}, hub / "model.safetensors")
    with pytest.raises(ArgumentError, match=r"which has weights alone, and no code; .* --weights org/name"):
        model_in_folder("org/name")
    with pytest.raises(ArgumentError, match="nothing is downloaded: hf download org/other --local-dir org/other"):
        model_in_folder("org/other")
    (hub / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"no weights; expected model\.safetensors or pytorch_model\.bin"):
        folder_weights(hub)


@pytest.mark.parametrize("index", ["{}", "[]", "no json", '{"weight_map": {"a": "../../secret.safetensors"}}'])
def test_an_index_that_is_none_is_refused(hub, index):
    (hub / "model.safetensors.index.json").write_text(index)
    with pytest.raises(DataError, match=r"index\.json: (not an index of shards|a shard outside the folder)"):
        folder_weights(hub)


def test_other_names_are_left_alone():
    for text in ("net:make", "a.pt2", "runs/a.pt2", "a.safetensors", "plain"):
        assert model_in_folder(text) == text
