"""Whatever is typed and whatever a model does: one line, exit code 2, no traceback."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from haar.cli.app import main
from haar.cli.failure import Interrupted, goes_on, told

LATE = """
import sys
import torch


class Late(torch.nn.Module):
    def __init__(self, kind, after=1):
        super().__init__()
        self.conv, self.kind, self.runs, self.after = torch.nn.Conv2d(3, 3, 3, padding=1), kind, 0, after

    def forward(self, x):
        self.runs += 1
        if self.runs > self.after:
            if self.kind == "key":
                raise KeyError("late [/b]")
            if self.kind == "exit":
                sys.exit(0)
            if self.kind == "eof":
                raise EOFError("late [/b]")
            if self.kind == "memory":
                raise MemoryError
            if self.kind == "deep":
                return self(x)
        return self.conv(x)


def late(kind="key"):
    return Late(kind)


def ends():
    sys.exit(0)


def broken():
    raise ValueError("broken [/b]")


def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))


def data():
    return torch.randn(16, 3), torch.randn(16, 1)


three = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mine.py").write_text(LATE)
    (tmp_path / "ends.py").write_text("raise SystemExit('bye')\n")
    (tmp_path / "torn.py").write_text("def f(:\n")
    yield tmp_path
    for name in ("mine", "ends", "torn"):
        sys.modules.pop(name, None)


def _line(capsys) -> str:
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1, errors
    assert errors[0].startswith("haar: ")
    return errors[0]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("key", "KeyError: 'late [/b]'"),
        ("exit", "the process was ended: by sys.exit(0)"),
        ("eof", "EOFError: late [/b]"),
        ("memory", "MemoryError: (the memory does not suffice)"),
        ("deep", "RecursionError"),
    ],
)
def test_a_model_that_fails_late_is_named_with_its_own_error(mine, well, kind, message, capsys):
    words = ["--group", "D4", "--history", "1", "--samples", "4", "--factory-arg", f"kind={kind}"]
    assert main(["audit", "mine:late", str(well), *words, "--json"]) == 2
    line = _line(capsys)
    assert "mine.py, line " in line
    assert message in line
    assert line.endswith("HAAR_TRACEBACK=1 shows the whole traceback")


@pytest.mark.parametrize(
    "name", ["mine", "mine:", ":net", "mine:nope", "mine:net:x", "..mine:net", "mine.py:net", "a[/b]:net", "torn:f"]
)
def test_a_name_that_cannot_be_imported_is_refused(mine, name, capsys):
    assert main(["moments", name]) == 2
    assert "MODEL: expected a .pt2 file" in _line(capsys)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ends:f", "ends:f (sys.exit('bye'), at ends.py, line 1"),
        ("mine:ends", "mine:ends (sys.exit(0), at mine.py, line"),
        ("mine:broken", "mine:broken (ValueError: broken [/b], at mine.py, line"),
        ("mine:three", "'int' object is not callable"),
    ],
)
def test_a_factory_that_fails_is_named_with_its_own_error(mine, name, message, capsys):
    assert main(["moments", name]) == 2
    assert message in _line(capsys)
    words = ["mine:data", "--group", "C4", "--input", "vector", "--output", "vector"]
    assert main(["relax", "fit", name, *words]) == 2
    assert message in _line(capsys)
    assert not (mine / "relaxed").exists()


def test_names_with_brackets_are_printed_as_they_are(mine, capsys):
    assert main(["moments", "mine:net", "--out", "a[/b]c"]) == 0
    assert "report: a[/b]c/report.html" in capsys.readouterr().out
    np.save(mine / "[bold]g.npy", np.ones((4, 4)) - np.eye(4))
    assert main(["data", "well", "inspect", "[/x]"]) == 2
    assert "haar: [/x]: no such file or folder" in _line(capsys)


def test_a_module_without_weights_is_warned_of(mine, capsys):
    assert main(["moments", "mine:net"]) == 0
    warned = capsys.readouterr().err
    assert warned == (
        "warning: mine:net is taken with its 21 parameters as the factory made them; --weights loads trained ones\n"
    )


def test_what_moves_the_cursor_is_spelt_out(capsys):
    assert main(["reproduce", "a\x1b[2J\u202eb\udcff"]) == 2
    line = _line(capsys)
    assert line.isprintable()
    assert r"\x1b[2J\u202eb\udcff" in line or r"\\x1b[2J\\u202eb\\udcff" in line


def test_an_interruption_says_how_to_go_on(tmp_path):
    with pytest.raises(Interrupted, match="keeps what is finished, and the same command goes on"), goes_on(tmp_path):
        raise KeyboardInterrupt


def test_an_interrupted_command_says_so(capsys, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("haar.cli.generate.write_generated", interrupt)
    assert main(["data", "well", "generate", "gray_scott", str(tmp_path / "x")]) == 130
    assert "x keeps what is finished, and the same command goes on from there" in _line(capsys)
    monkeypatch.setattr("haar.cli.model_file.load_model", interrupt)
    assert main(["moments", "a:b"]) == 130
    assert _line(capsys) == "haar: interrupted; the same command begins anew"


def test_a_long_error_is_cut():
    assert len(told(ValueError("x" * 10_000))) < 600
