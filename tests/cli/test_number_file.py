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


def test_text_is_read_with_commas_semicolons_spaces_and_comments(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("# of the oven\n\n1, 2 # first\n3;4\n5 6\n")
    assert read_numbers(path).tolist() == [[1, 2], [3, 4], [5, 6]]
    path.write_text("nan_of x\n7 8\n")  # a header is known by its first word
    assert read_numbers(path).tolist() == [[7, 8]]
    (tmp_path / "A.NPY").write_bytes(b"")
    np.save(tmp_path / "b.npy", np.arange(3))
    (tmp_path / "b.npy").rename(tmp_path / "B.NPY")
    assert read_numbers(tmp_path / "B.NPY").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing\n\n", "expected rows of equally many numbers"),
        ("only words here\n", "expected rows of equally many numbers"),
        ("1 2\n3\n", "expected rows of equally many numbers"),
        ("a b\nc d\n", "not rows of numbers"),
        ("1 2\n3 inf\n", "contains NaN or infinity"),
    ],
)
def test_text_that_is_no_table_is_refused(tmp_path, text, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=f"a.csv: {message}"):
        read_numbers(tmp_path / "a.csv")


def test_files_of_other_things_than_one_real_tensor_are_refused(tmp_path):
    one = torch.ones(2)
    save_file({"x": one, "y": one + 1}, tmp_path / "two.safetensors")
    torch.save({"x": one, "y": one}, tmp_path / "two.pt")
    torch.save(torch.ones(2, dtype=torch.complex64), tmp_path / "complex.pt")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe1,2")
    for name, message in (
        ("two.safetensors", "expected one tensor, got 2 entries"),
        ("two.pt", "expected one tensor, got 2 entries"),
        ("complex.pt", "expected real numbers, got torch.complex64"),
        ("bytes.csv", "not rows of numbers"),
    ):
        with pytest.raises(DataError, match=f"{name}: {message}"):
            read_numbers(tmp_path / name)
