"""Files of surrogates: bit for bit, trainable again, and damaged ones refused."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_surrogates import awake, fields, small
from torch import nn

from haar.errors import ArgumentError, DataError
from haar.systems.group_averaging.surrogates import CATALOGUE, Surrogate, load, save


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("options", [{}, {"delta": True, "constants": 1, "seed": 3}])
def test_a_saved_surrogate_comes_back_bit_for_bit(name, options, tmp_path):
    model = awake(small(name, **options)).to(memory_format=torch.channels_last)
    save(model, tmp_path / "model.safetensors")
    back = load(tmp_path / "model.safetensors")
    assert (back.training, back.delta, back.constants) == (False, model.delta, model.constants)
    x = fields(1, 4, 8, 8)
    torch.testing.assert_close(back(x), model(x), rtol=0, atol=1e-13)
    for key, value in model.state_dict().items():
        assert torch.equal(back.state_dict()[key], value)
        assert back.state_dict()[key].dtype == value.dtype
    # The same file serves "module:factory plus weights".
    twin = small(name, delta=model.delta, constants=model.constants).double().eval()
    twin.load_state_dict(load_file(tmp_path / "model.safetensors"))
    torch.testing.assert_close(twin(x), model(x), rtol=0, atol=1e-13)


def test_a_loaded_surrogate_can_be_trained(tmp_path):
    save(small("unet"), tmp_path / "model.safetensors")
    back = load(tmp_path / "model.safetensors")
    back(torch.ones(1, 4, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in back.parameters())


def test_only_networks_of_the_catalogue_are_saved(tmp_path):
    model = Surrogate(nn.Conv2d(1, 1, 1), in_channels=1, out_channels=1)
    with pytest.raises(ArgumentError, match="expected a surrogate around one of fno, unet, convnext_unet, got Conv2d"):
        save(model, tmp_path / "model.safetensors")


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-10])


def _garble(path):
    path.write_bytes(b"not tensors at all")


def _other_kind(path):
    save_file(load_file(path), path)


def _edit(key, value):
    def edit(path):
        from haar.systems.group_averaging.surrogates.storage import read_tensors, write_tensors

        tensors, config = read_tensors(path, header="haar.surrogate")
        config[key] = value
        write_tensors(tensors, path, header="haar.surrogate", config=config)

    return edit


def _header(text):
    return lambda path: save_file(load_file(path), path, metadata={"haar.surrogate": text})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "no such file"),
        (_truncate, "not a readable safetensors file"),
        (_garble, "not a readable safetensors file"),
        (_other_kind, "has no 'haar.surrogate' entry"),
        (_edit("schema", 99), "schema 99 of saved surrogates"),
        (_edit("network", "transformer"), "no surrogate can be built .*transformer"),
        (_edit("out_channels", 3), "no surrogate can be built .*size mismatch"),
        (_edit("delta", True), "no surrogate can be built .*delta_mean"),
        (_edit("options", {"width": 3, "depth": 2}), "no surrogate can be built .*depth"),
        (
            _edit("options", {"width": 2, "levels": 10**9}),
            "no surrogate can be built .*settings: expected numbers of at",
        ),
        (_edit("in_channels", 10**12), "no surrogate can be built .*settings: expected numbers of at most"),
        (_edit("options", 5), "no surrogate can be built"),
        (_edit("options", {"width": "wide"}), "no surrogate can be built"),
        (_header("{"), "entry of its header is no JSON"),
        (_header("[1]"), "entry of its header is no JSON object"),
        (_edit("options", {"width": 0}), "no surrogate can be built .*width: expected at least 1"),
    ],
)
def test_a_damaged_file_is_refused(damage, message, tmp_path):
    path = tmp_path / "model.safetensors"
    save(small("unet"), path)
    damage(path)
    with pytest.raises(DataError, match=f"(?s){re.escape(str(path))}.*{message}"):
        load(path)
