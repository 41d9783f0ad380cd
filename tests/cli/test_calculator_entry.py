"""CALCULATOR on the command line, and `haar audit --ase` as it is typed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from haar.cli.app import main
from haar.cli.calculator_entry import calculator_of
from haar.cli.default_command import DefaultCommandGroup
from haar.errors import ArgumentError

pytest.importorskip("ase", reason="these tests need ASE, extra chemistry")
pytestmark = pytest.mark.referee

FILE = """
from ase.calculators.emt import EMT
import numpy as np

ready = EMT()
number = 3


class Chiral(EMT):
    def __init__(self, size=1.0):
        super().__init__()
        self.size = size

    def calculate(self, atoms=None, *args, **named):
        super().calculate(atoms, *args, **named)
        x = atoms.positions - atoms.positions.mean(0)
        r = np.linalg.norm(x, axis=1)[:, None]
        self.results["energy"] += self.size * np.linalg.det([(r**k * x).sum(0) for k in (1, 2, 3)])


def make():
    return EMT()


def broken(size):
    return EMT()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_force_fields", raising=False)
    (tmp_path / "my_force_fields.py").write_text(FILE)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", R=rng.normal(size=(2, 4, 3)) * 1.5, z=np.array([6, 1, 1, 8]))
    return tmp_path


def test_a_calculator_a_class_and_a_function(folder):
    assert calculator_of("my_force_fields:ready").name == "emt"
    assert calculator_of("my_force_fields:make").name == "emt"
    assert calculator_of("my_force_fields:Chiral", ["size=0.5"]).size == 0.5


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("nowhere", (), "CALCULATOR: expected module:calculator that can be imported from here, got 'nowhere'"),
        ("my_force_fields:none", (), r"CALCULATOR: expected .* got my_force_fields:none \(AttributeError"),
        ("my_force_fields:number", (), "CALCULATOR: expected a calculator of ASE as module:calculator, got int"),
        (
            "my_force_fields:broken",
            (),
            r"CALCULATOR: .* got my_force_fields:broken \(TypeError.*; give its arguments by",
        ),
        ("my_force_fields:ready", ("a=1",), "--factory-arg: expected none beside a calculator that is made already"),
        ("builtins:dict", (), "CALCULATOR: expected a calculator of ASE, got dict"),
    ],
)
def test_what_is_none(folder, text, arguments, message):
    with pytest.raises(ArgumentError, match=message):
        calculator_of(text, arguments)


def test_the_audit_as_it_is_typed(folder, capsys):
    typed = ["audit", "--ase", "my_force_fields:Chiral", "a.npz", "--rotations", "2", "--out", "out"]
    assert main(typed) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "broken: energy" in out
    assert "Smallest repair: average over {1, inversion} (2 calls for one answer)" in out
    told = json.loads((folder / "out" / "audit.json").read_text(encoding="utf-8"))
    assert told["broken"] == {"reflections": ["energy"]}
    assert told["conditions"]["file"] == "a.npz"
    assert (folder / "out" / "report.html").is_file()


def test_one_sentence_in_three_spellings(folder, capsys):
    said = []
    for words in (
        ["ase", "my_force_fields:make", "a.npz"],
        ["a.npz", "--ase", "my_force_fields:make"],
        ["--ase=my_force_fields:make", "a.npz"],
    ):
        assert main(["audit", *words, "--rotations", "1", "--no-repair", "--samples", "1", "--json"]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1] == said[2]
    assert said[0]["conditions"]["structures"] == 1


def test_errors_are_one_line(folder, capsys):
    assert main(["audit", "--ase", "my_force_fields:ready", "b.npz"]) == 2
    assert capsys.readouterr().err == "haar: b.npz: no such file\n"


def test_a_command_is_not_looked_for_among_what_follows_its_name():
    group = DefaultCommandGroup(name="g")
    group.commands = {"model": None, "ase": None}
    assert group.with_name(["model", "m", "--ase", "x"]) == ["model", "m", "--ase", "x"]
    assert group.with_name(["a", "--ase", "x", "-n", "3"]) == ["ase", "x", "a", "-n", "3"]
