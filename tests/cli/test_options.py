"""Numbers, folders and files of options: refused before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from haar.cli.app import main
from haar.cli.options import check_folder, check_output, literal, whole_numbers
from haar.errors import ArgumentError


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["demo", "--seed", str(2**64)], "--seed"),
        (["demo", "--seed", "-1"], "--seed"),
        (["quantum", "train", "--rate", "nan"], "--learning-rate"),
        (["quantum", "train", "--learning-rate", "inf"], "--learning-rate"),
        (["quantum", "train", "--held-out", "nan"], "--held-out"),
        (["quantum", "train", "--steps", str(2**70)], "--steps"),
        (["relax", "fit", "a:b", "--batch-size", str(10**12)], "--batch-size"),
        (["relax", "fit", "a:b", "--learning-rate", "-1"], "--learning-rate"),
        (["relax", "diagnose", "a:b", "--level", "nan"], "--level"),
        (["data", "well", "generate", "gray_scott", "x", "--train", str(2**64)], "--train"),
        (["data", "well", "generate", "gray_scott", "x", "--resolution", "²"], "--resolution"),
        (["rg", "run", "--depth", "9" * 30], "--depth"),
        (["rg", "flow", "--levels", "60"], "--levels"),
        (["reproduce", "quantum", "--first-seed", str(2**64)], "--first-seed"),
        (["average", "a:b", "--group", "D4", "-o", "x.onx"], "--output"),
        (["demo", "--out", __file__], "--out"),
        (["quantum", "data", "lih", "--out", "x.csv"], "--out"),
    ],
)
def test_a_value_out_of_range_is_one_line(words, option, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert option in line
    assert "HAAR_TRACEBACK" not in line
    assert list(tmp_path.iterdir()) == []


def test_whole_numbers_are_those_of_this_alphabet():
    assert whole_numbers("--shape", " 8 ,16x32", expected="points", divided=",x") == (8, 16, 32)
    for text in ("", "8,", "-8", "8.0", "²", "٣", "1e3", "0", "9" * 30, "0x10"):
        with pytest.raises(ArgumentError, match="--shape: expected points"):
            whole_numbers("--shape", text, expected="points")


def test_a_literal_is_a_literal_or_text():
    assert literal("[1, 2.5]") == [1, 2.5]
    for text in ("thick", "(" * 5000, "1 +", "a\0b"):
        assert literal(text) == text


def test_folders_and_files_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    check_folder("--out", tmp_path / "new" / "folder")
    check_output("--out", tmp_path / "new" / "a.npz", ".npz")
    for folder in (tmp_path / "file", tmp_path / "file" / "x"):
        with pytest.raises(ArgumentError, match=r"--out: expected a folder, got .*file, which is a file"):
            check_folder("--out", folder)
    with pytest.raises(ArgumentError, match="--out: expected a folder that can be written"):
        check_folder("--out", tmp_path / ("x" * 300) / "y")
    with pytest.raises(ArgumentError, match=r"--out: expected a file, got .*which is a folder"):
        check_output("--out", tmp_path)
    with pytest.raises(ArgumentError, match=r"--out: expected a name that ends in \.a or \.b, got 'x\.c'"):
        check_output("--out", Path("x.c"), ".a", ".b")
