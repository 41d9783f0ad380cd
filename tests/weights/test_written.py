"""Files that are written tensor by tensor are those that safetensors reads."""

from __future__ import annotations

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from haar.errors import ArgumentError
from haar.weights import write_weights

STATE = {
    "odd": torch.arange(3, dtype=torch.float32),
    "bits": torch.tensor([True, False, True]),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "double": torch.randn(5, 3, dtype=torch.float64),
    "number": torch.tensor(7),
    "empty": torch.zeros(0, 4),
    "turned": torch.randn(4, 6).T,
    'a "name"\n': torch.ones(2),
}


def test_every_kind_of_number_comes_back(tmp_path):
    found = load_file(write_weights(tmp_path / "x.safetensors", STATE))
    assert set(found) == set(STATE)
    for name, value in STATE.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)
    with safe_open(tmp_path / "x.safetensors", framework="pt") as stored:
        assert stored.metadata() == {"format": "pt"}


def test_complex_numbers_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ArgumentError, match=r"state: z: expected real numbers, .* got torch\.complex64"):
        write_weights(tmp_path / "x.safetensors", {"z": torch.ones(1, dtype=torch.complex64)})
    assert list(tmp_path.iterdir()) == []


def test_complex_weights_are_not_written(tmp_path):
    with pytest.raises(ArgumentError, match=r"state: w: expected real numbers, whole ones or bits, got torch."):
        write_weights(tmp_path / "w.safetensors", {"w": torch.ones(2, dtype=torch.complex64)})
    assert not list(tmp_path.iterdir())
