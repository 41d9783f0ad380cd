"""haar audit frame, signs and data nbody, as they are typed."""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
import pytest

from haar.cli.app import main

FACTORY = """
import torch
from haar.nn.spectral import SignDeepSets

def equivariant(k=4):
    return SignDeepSets(k)

def plain(k=4):
    return torch.nn.Linear(k, 3)

class Strange(torch.nn.Module):
    def forward(self, v):
        return {}["features"]

def strange():
    return Strange()

def exact(k=4):
    return SignDeepSets(k, norm="rms", dtype=torch.float64)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spectral_models", raising=False)
    (tmp_path / "spectral_models.py").write_text(FACTORY)
    cube = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
    np.save("clouds.npy", np.stack([cube, np.random.default_rng(0).normal(size=(8, 3))]))
    ring = np.stack([np.arange(12), (np.arange(12) + 1) % 12])
    np.save("ring.npy", ring)
    return tmp_path


def test_frames_of_an_array(folder, capsys):
    assert main(["audit", "frame", "clouds.npy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [cloud["verdict"] for cloud in found["clouds"]] == ["UNDEFINED", "EXACT"]
    assert main(["audit", "frame", "clouds.npy", "--out", "found"]) == 0
    printed = capsys.readouterr().out
    assert "UNDEFINED" in printed
    assert "1 of 2 clouds without trusted axes" in printed
    assert (folder / "found" / "report.html").exists()


@pytest.mark.parametrize("points", [np.zeros((1, 3)), np.ones((5, 3)), np.array([[0.0, 1, 2, 3], [3, 1, 0, 0]])])
def test_one_point_equal_points_and_few_points_are_harmless(folder, capsys, points):
    np.save("few.npy", points)
    assert main(["audit", "frame", "few.npy", "--json", "--rotations", "2"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["clouds"]
    assert found["verdict"] == "EXACT"
    assert found["measured_error"] < 1e-10


@pytest.mark.parametrize("kind", [">f8", np.longdouble, np.float32, np.int16])
def test_numbers_of_any_kind_and_byte_order_are_read(folder, capsys, kind):
    np.save("kind.npy", (10 * np.random.default_rng(1).normal(size=(6, 3))).astype(kind))
    assert main(["audit", "frame", "kind.npy", "--json", "--rotations", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["clouds"][0]["verdict"] == "EXACT"
    edges = np.stack([np.arange(12), (np.arange(12) + 1) % 12])
    np.save("kind.npy", edges.astype(">i8" if kind == ">f8" else np.uint16))
    assert main(["audit", "signs", "spectral_models:plain", "kind.npy", "-k", "4", "--samples", "2"]) == 0


def test_frames_of_molecules(folder, capsys):
    ase = pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    from ase.build import molecule
    from ase.io import write

    del ase
    names = ["CH4", "C6H6", "H2O", "CO2"]
    write("some.xyz", [molecule(name) for name in names])
    assert main(["audit", "frame", "some.xyz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["clouds"]
    # The file rounds the ring of benzene, so that its double eigenvalue is split by rounding only.
    assert [cloud["verdict"] for cloud in found] == ["UNDEFINED", "ILL-CONDITIONED", "EXACT", "EXACT"]
    assert [cloud["multiplicities"] for cloud in found[:2]] == [[3], [2, 1]]
    assert max(cloud["measured_error_with_eigenspaces"] for cloud in found) < 1e-6
    from ase.build import bulk

    write("crystal.xyz", [bulk("Cu", cubic=True), molecule("H2O")])
    assert main(["audit", "frame", "crystal.xyz", "--json", "--rotations", "2"]) == 0
    assert [cloud["name"] for cloud in json.loads(capsys.readouterr().out)["clouds"]] == ["0 Cu4, one cell", "1 H2O"]
    (folder / "bad.xyz").write_text("three\nnot a molecule\n")
    assert main(["audit", "frame", "bad.xyz"]) == 2
    assert "no molecules that ASE could read" in capsys.readouterr().err


def test_signs_of_models_on_a_ring(folder, capsys):
    arguments = ["ring.npy", "-k", "4", "--json"]
    assert main(["audit", "signs", "spectral_models:equivariant", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["summary"].startswith("equivariant under signs, built in; depends on eigenspaces")
    assert main(["audit", "signs", "spectral_models:plain", "ring.npy", "-k", "4"]) == 0
    printed = capsys.readouterr().out
    assert "depends on signs" in printed
    assert "W1 repeated eigenvalue" in printed


def test_a_model_is_run_in_its_own_precision(folder, capsys):
    assert main(["audit", "signs", "spectral_models:exact", "ring.npy", "-k", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["changes"]["signs"]["equivariant"] == 0
    assert found["noise"] < 1e-10


def test_weights_are_compared_with_the_beginning(folder, capsys):
    import torch

    torch.save({"weight": torch.full((3, 4), 0.1), "bias": torch.ones(3)}, "trained.pt")
    given = ["spectral_models:plain", "ring.npy", "-k", "4", "--weights", "trained.pt"]
    assert main(["audit", "signs", *given]) == 0
    assert "before training" in capsys.readouterr().out


def test_the_data_of_charged_particles(folder, capsys):
    arguments = ["audit", "data", "nbody", "--samples", "20", "--rotations", "2", "--json", "--clip", "norm"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["broken"] is False
    assert found["floor"]["value"] < 1e-10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frame", "nothing.npy"], "nothing.npy: no such file"),
        (["frame", "spectral_models.py"], "no molecules that ASE could read"),
        (["frame", "broken.npy"], "not an array of NumPy"),
        (["frame", "words.npy"], "FILE: expected numbers"),
        (["frame", "half.npy"], "FILE: expected float32 or float64, got float16"),
        (["frame", "nan.npy"], "FILE: expected finite coordinates"),
        (["frame", "nan.xyz"], "FILE: expected atoms with finite coordinates, got NaN or infinity in frame 1"),
        (["frame", "empty.xyz"], "FILE: expected atoms with finite coordinates, got none in frame 0"),
        (["frame", "clouds.npy", "--tol", "5"], "--tolerance: expected a relative gap between 0 and 1, got 5.0"),
        (["signs", "spectral_models:plain", "nothing.npy"], "no such file"),
        (["signs", "spectral_models:plain", "ring.npy", "-k", "5"], "MODEL: expected a model of eigenvectors (12, 5)"),
        (["signs", "spectral_models:plain", "broken.npy"], "not an array of NumPy"),
        (["signs", "spectral_models:plain", "words.npy"], "expected numbers"),
        (
            ["signs", "spectral_models:strange", "ring.npy"],
            "MODEL: expected a model of eigenvectors (12, 8), got KeyError",
        ),
        (["data", "nbody", "--clip", "box"], "clip: expected one of norm"),
        (["data", "nbody", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line(folder, capsys, arguments, words):
    (folder / "broken.npy").write_text("no array")
    np.save("words.npy", np.array(["a", "b"]))
    np.save("half.npy", np.eye(3, dtype=np.float16))
    np.save("nan.npy", np.full((4, 3), np.nan))
    (folder / "nan.xyz").write_text("1\n\nH 0 0 0\n2\n\nH 0 0 nan\nH 0 0 1\n")
    (folder / "empty.xyz").write_text("0\n\n")
    if arguments[1] == "spectral_models.py" or arguments[1].endswith(".xyz"):
        pytest.importorskip("ase", reason="needs the extra haar[chemistry]")
    assert main(["audit", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_graph_of_words_is_refused(folder, capsys):
    np.save("words.npy", np.array([["a", "b"]]))
    assert main(["audit", "signs", "spectral_models:plain", "words.npy", "-k", "4"]) == 2
    assert "words.npy: expected numbers, got <U1" in capsys.readouterr().err
