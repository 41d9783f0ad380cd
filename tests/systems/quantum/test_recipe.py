"""The reproduction in miniature: runs, resumes, judges, tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from haar.report import write_json
from haar.systems.quantum import measurement
from haar.systems.quantum.recipe import QuantumRecipe
from haar.systems.recipe import load_recipe
from haar.systems.runner import code_hash, reproduce
from haar.systems.watch import Unwatched

TINY = {
    "tables": [
        {"data": "lih", "train": 16, "test": 8, "folds": 1, "models": ["NonSym", "RotOnly = RotPerm", "Graph"],
         "plan": {"steps": 3, "force_steps": 1}},
        {"data": "nh3", "train": 10, "test": 10, "folds": 1, "models": ["RotOnly", "Graph"],
         "plan": {"steps": 2, "force_steps": 0}},
    ],
    "frames": {"models": ["Graph"], "train": 10, "test": 10, "plan": {"steps": 2, "force_steps": 0}},
    "trainability": {"qubits": [2, 8], "samples": 2},
    "board": {"games": 1, "test_games": 1, "layers": 1, "steps": 1, "repeats": 2},
}  # fmt: skip


class TinyRecipe(QuantumRecipe):
    presets: ClassVar = {"quick": TINY}
    default_seeds: ClassVar = {"quick": 1}


def test_it_runs_judges_and_tells(tmp_path: Path) -> None:
    result = reproduce(TinyRecipe(), out=tmp_path)
    names = [effect.name for effect in result.effects]
    assert "lih 16: Graph < RotOnly = RotPerm" in names
    assert "nh3 10: Graph < RotOnly" in names
    exact = next(effect for effect in result.effects if effect.name == "claimed symmetries are exact")
    assert exact.holds
    assert next(e for e in result.effects if e.name == "averaging never hurts").holds
    assert next(e for e in result.effects if e.name == "symmetry breaks linearly").holds
    assert next(e for e in result.effects if e.name == "Graph in another frame").holds
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert json.loads((tmp_path / "result.json").read_text())["system"] == "quantum-equivariance"


def test_finished_parts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "parts" / "trainability-all.json"
    write_json(kept, {"qubits": [2, 8], "symmetric": [1.0, 1.0], "free": [1.0, 0.1]})
    monkeypatch.setattr(measurement, "derivative_variance", None)
    alone = TINY | {"tables": [], "frames": TINY["frames"] | {"models": []}}
    found = measurement.measure(alone, 0, tmp_path, Unwatched())
    assert found["trainability"]["all"]["free"] == [1.0, 0.1]
    assert (tmp_path / "parts" / "board-free.json").is_file()


def test_it_is_found_by_name_and_its_code_is_watched() -> None:
    assert load_recipe("quantum-equivariance").name == "quantum-equivariance"
    assert code_hash("quantum-equivariance") != code_hash("no-such-system")
