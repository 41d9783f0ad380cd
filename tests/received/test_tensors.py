"""Tensors of others: as many numbers as are stored."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from haar.errors import DataError
from haar.received import array_tensor, read_pickled_tensors, read_tensors


def test_tensors_and_the_words_of_the_header_are_read(tmp_path):
    save_file({"a": torch.arange(3.0)}, tmp_path / "a.safetensors", metadata={"key": "value"})
    tensors, head = read_tensors(tmp_path / "a.safetensors")
    assert tensors["a"].tolist() == [0.0, 1.0, 2.0]
    assert head == {"key": "value"}


@pytest.mark.parametrize(
    "head",
    [
        {"a": {"dtype": "F64", "shape": [10**12], "data_offsets": [0, 8 * 10**12]}},
        {"a": {"dtype": "F64", "shape": [10**12], "data_offsets": [0, 16]}},
        {"a": {"dtype": "F64", "shape": [2], "data_offsets": [8, 24]}},
        {"a": {"dtype": "F64", "shape": [2**62, 2**62], "data_offsets": [0, 16]}},
    ],
)
def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path, head):
    text = json.dumps(head).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    with pytest.raises(DataError, match=r"a\.safetensors: not a readable safetensors file"):
        read_tensors(tmp_path / "a.safetensors")


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 10**15) + b"{}")
    with pytest.raises(DataError, match="not a readable safetensors file"):
        read_tensors(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "held",
    [
        {"a": torch.ones(1).expand(10**12)},
        [{"a": (torch.ones(1).expand(10**12),)}],
        torch.ones(3).as_strided((10**6, 10**6), (0, 0)),
    ],
)
def test_a_tensor_that_repeats_one_number_is_no_larger_than_it(tmp_path, held):
    torch.save(held, tmp_path / "a.pt")
    with pytest.raises(DataError, match="promises 4000000000000 bytes, and holds "):
        read_pickled_tensors(tmp_path / "a.pt")


def test_plain_tensors_are_read_and_objects_are_not(tmp_path):
    torch.save({"epoch": 3, "w": torch.arange(6.0).reshape(2, 3).T}, tmp_path / "a.pt")
    assert read_pickled_tensors(tmp_path / "a.pt")["w"].shape == (3, 2)
    torch.save(torch.nn.Linear(1, 1), tmp_path / "b.pt")
    with pytest.raises(DataError, match="nothing is unpickled"):
        read_pickled_tensors(tmp_path / "b.pt")
    torch.save({"w": torch.empty(2, device="meta")}, tmp_path / "c.pt")
    with pytest.raises(DataError, match=r"expected tensors of values, got one that is .* on meta"):
        read_pickled_tensors(tmp_path / "c.pt")


@pytest.mark.parametrize("array", [np.ones(2, complex), np.array(["a"]), np.array([{}], dtype=object)])
def test_only_real_numbers_become_tensors(array):
    with pytest.raises(DataError, match="a: expected real numbers"):
        array_tensor(array, "a")


@pytest.mark.parametrize(("depth", "accepted"), [(20, True), (21, False)])
def test_containers_within_each_other(depth, accepted, tmp_path):
    held = torch.ones(1)
    for k in range(depth):
        held = [held] if k % 2 else {"a": held}
    torch.save(held, tmp_path / "a.pt")
    if accepted:
        read_pickled_tensors(tmp_path / "a.pt")
    else:
        with pytest.raises(DataError, match="more than 20 containers within each other"):
            read_pickled_tensors(tmp_path / "a.pt")


def test_arrays_become_tensors_of_their_own_kind_and_shape():
    assert array_tensor(np.array(2.5, dtype=">f8"), "a").shape == ()
    assert array_tensor(np.asfortranarray(np.arange(6).reshape(2, 3)), "a").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert array_tensor(np.array([True]), "a").dtype == torch.bool
    assert array_tensor(np.array([1], dtype=np.uint64), "a").dtype == torch.uint64
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(DataError, match="a: expected real numbers, got float"):
            array_tensor(np.ones(2, dtype=np.longdouble), "a")
    with pytest.raises(DataError, match=r"a\.pt: no such file"):
        read_pickled_tensors("a.pt")
