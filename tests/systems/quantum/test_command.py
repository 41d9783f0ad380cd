"""``haar quantum`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from haar.cli.app import main
from haar.data.molecules import Molecules

HERE = Path(__file__).parent


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["quantum", *arguments])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_data_describes_a_surface(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "data", "lih")
    assert code == 0
    assert "fci/6-31g" in out
    assert run(capsys, "data", "ch4")[0] == 2
    assert "expected --out" in run(capsys, "data", "lih", "--count", "5")[2]


def test_a_public_set_becomes_a_surface(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lih = Molecules.shipped("lih")[::16]
    for name, value in (("Energy", lih.energy), ("Forces", lih.forces), ("Positions", lih.positions)):
        np.save(tmp_path / f"{name}.npy", value.numpy())
    out = tmp_path / "mine.npz"
    assert run(capsys, "data", str(tmp_path), "--species", "Li,H", "--out", str(out))[0] == 0
    assert torch.equal(Molecules.load(out).energy, lih.energy)
    code, _, err = run(capsys, "data", str(tmp_path))
    assert (code, err) == (2, "haar: --species: expected the atoms of this folder, such as O,H,H, got none\n")
    code, _, err = run(capsys, "data", str(tmp_path), "--species", "Li,H", "--length", "bohr", "--energy", "mev")
    assert code == 2
    assert "energy: expected one of hartree, ev, kcal/mol" in err
    code, shown, _ = run(
        capsys, "train", "--model", "graph", "--data", str(out), "--train", "6", "--steps", "2", "--force-steps", "1",
        "--layers", "1", "--out", str(tmp_path / "p.safetensors"),
    )  # fmt: skip
    assert code == 0
    assert "test/train" in shown


def test_train_then_audit(capsys: pytest.CaptureFixture[str], tmp_path: Path, as_recorded) -> None:
    path = str(tmp_path / "p.safetensors")
    code, out, _ = run(
        capsys, "train", "--model", "graph", "--data", "lih", "--train", "16", "--steps", "5", "--force-steps", "1",
        "--layers", "1", "--out", path, "--json",
    )  # fmt: skip
    assert code == 0
    assert json.loads(out)["symmetry"]["rotation"] < 1e-9
    as_recorded(json.loads(out), HERE / "trained.json")
    code, out, _ = run(capsys, "audit", path, "--data", "lih", "--samples", "2", "--elements", "2", "--json")
    assert code == 0
    assert json.loads(out)["kind"] == "audit"
    assert json.loads(out)["samples"] == 2
    code, _, err = run(capsys, "audit", path, "--data", "nh3")
    assert (code, err) == (2, "haar: --data: expected molecules Li, H, got N, H, H, H\n")


def test_compare_writes_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path, as_recorded) -> None:
    code, out, _ = run(
        capsys, "compare", "--data", "lih", "--models", "Graph,NonSym", "--steps", "3", "--force-steps", "0", "--quick",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert code == 0
    assert "least test error" in out
    assert (tmp_path / "table.md").read_text().startswith("| model |")
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["train"] == 16
    as_recorded(result, HERE / "compared.json")
    assert run(capsys, "compare", "--models", "Best")[0] == 2


def test_twirl(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "twirl", "X0 X1", "--json")
    assert code == 0
    assert json.loads(out)["twirled"].count("0.3333333333") == 3
    code, _, err = run(capsys, "twirl", "Z3", "--how", "clifford")
    assert code == 2
    assert "at most 3 qubits for 'clifford'" in err
