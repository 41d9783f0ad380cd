from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from haar.cli.number_file import read_numbers
from haar.errors import DataError


def test_every_kind_of_file_gives_the_same_numbers(tmp_path):
    table = torch.arange(6.0).reshape(3, 2)
    np.save(tmp_path / "a.npy", table.numpy())
    torch.save(table, tmp_path / "a.pt")
    torch.save({"x": table}, tmp_path / "b.pt")
    save_file({"x": table}, tmp_path / "a.safetensors")
    (tmp_path / "a.csv").write_text("one,two\n0,1\n2,3\n4,5\n")
    for name in ("a.npy", "a.pt", "b.pt", "a.safetensors", "a.csv"):
        found = read_numbers(tmp_path / name)
        assert found.dtype == torch.float64
        assert found.tolist() == table.tolist(), name


def test_a_tensor_that_repeats_its_numbers_without_end_takes_no_memory(tmp_path):
    torch.save(torch.zeros(1).expand(2**50), tmp_path / "endless.pt")
    with pytest.raises(DataError, match=r"endless\.pt: a tensor .*: promises 4503599627370496 bytes, and holds 4"):
        read_numbers(tmp_path / "endless.pt")
    torch.save(torch.arange(6.0)[::2], tmp_path / "part.pt")
    assert read_numbers(tmp_path / "part.pt").tolist() == [0, 2, 4]
