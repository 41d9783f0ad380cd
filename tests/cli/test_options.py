"""Numbers, folders and files of options: refused before anything is computed."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import typer

from haar.cli.app import main
from haar.cli.options import (
    check_folder,
    check_output,
    count_option,
    literal,
    positive_option,
    seed_option,
    share_option,
    steps_option,
    whole_numbers,
)
from haar.errors import ArgumentError
from haar.limits import MOST_SAMPLES, MOST_STEPS, SEED_LIMIT


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


def refused(option, value):
    """Whether the check of an option says no, and what it says."""
    try:
        assert option.callback(value) == value
    except typer.BadParameter as error:
        return error.message
    return ""


def test_ends_of_shares_and_positive_numbers():
    share, less = share_option("a share"), share_option("a share", most=0.9)
    assert [refused(share, value) for value in (None, 0.0, 0.5, 1.0)] == [""] * 4
    assert refused(share, 1.01) == "expected a number from 0 to 1, got 1.01"
    assert refused(share, -0.01) == "expected a number from 0 to 1, got -0.01"
    assert refused(less, 0.9) == ""
    assert refused(less, 0.91) == "expected a number from 0 to 0.9, got 0.91"
    positive = positive_option("a rate")
    assert [refused(positive, value) for value in (None, 1e-300, 0.5, 2.0, 1e300)] == [""] * 5
    for value in (0.0, -1.0, math.inf, math.nan):
        assert refused(positive, value) == f"expected a positive number, got {value}"


def test_ranges_of_counts_steps_and_seeds():
    ranges = [(option.min, option.max) for option in (
        count_option("things"), count_option("things", least=0, most=7), steps_option("steps"),
        steps_option("steps", 0), seed_option("all"),
    )]  # fmt: skip
    assert ranges == [(1, MOST_SAMPLES), (0, 7), (1, MOST_STEPS), (0, MOST_STEPS), (0, SEED_LIMIT)]
    assert [option.help for option in (count_option("a"), steps_option("b"), seed_option("c"))] == ["a", "b", "c"]


def test_ends_of_whole_numbers():
    assert whole_numbers("--n", "0,3", expected="few", least=0, most=3) == (0, 3)
    assert whole_numbers("--n", f"1,{MOST_SAMPLES}", expected="few") == (1, MOST_SAMPLES)
    assert whole_numbers("--n", "1" * 18, expected="few", most=10**18) == (int("1" * 18),)
    for text, bounds in (("4", {"most": 3}), ("1", {"least": 2}), (str(MOST_SAMPLES + 1), {}), ("0", {})):
        with pytest.raises(ArgumentError, match=f"--n: expected few, got '{text}'"):
            whole_numbers("--n", text, expected="few", **bounds)
    with pytest.raises(ArgumentError, match="--n: expected few"):
        whole_numbers("--n", "1" * 19, expected="few", most=10**20)


def test_a_folder_must_be_one_to_write_and_to_enter(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("os.access", lambda path, mode: asked.append((path, mode)))
    with pytest.raises(ArgumentError, match=r"--out: expected a folder that can be written, got .*, which cannot"):
        check_folder("--out", tmp_path / "new")
    assert asked == [(tmp_path, os.W_OK | os.X_OK)]
