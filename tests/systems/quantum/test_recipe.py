"""The reproduction in miniature: runs, resumes, judges, tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from haar.errors import ArgumentError
from haar.report import write_json
from haar.systems.claim import judge
from haar.systems.quantum import protocol
from haar.systems.quantum.recipe import RECIPE
from haar.systems.recipe import load_recipe
from haar.watch import Unwatched

TINY = {
    "tables": [
        {"data": "lih", "train": 16, "test": 8, "folds": 1, "models": ["Mean", "NonSym", "RotOnly = RotPerm", "Graph"],
         "plan": {"steps": 3, "force_steps": 1}},
        {"data": "nh3", "train": 100, "test": 10, "folds": 1, "models": ["RotOnly", "RotPerm", "Graph"],
         "plan": {"steps": 2, "force_steps": 0}},
    ],
    "frames": {"models": ["Graph"], "train": 10, "test": 10, "plan": {"steps": 2, "force_steps": 0}},
    "trainability": {"qubits": [2, 4, 8], "samples": 2, "batches": 2},
    "board": {"games": 1, "test_games": 1, "layers": 1, "steps": 1, "repeats": 2},
    "clouds": [{"points": 3, "train": 6, "validation": 2, "test": 5, "steps": 1, "batch_size": 4,
                "learning_rate": 0.01}],
}  # fmt: skip


def test_it_measures_judges_and_tells(tmp_path: Path, as_recorded) -> None:
    measures = [RECIPE.measure(TINY, 0, tmp_path, Unwatched())]
    claims = {claim.name: claim for claim in judge(RECIPE.claims, measures)}
    assert {"lih 16: Graph < RotOnly = RotPerm", "nh3 100: Graph < RotPerm"} < set(claims)
    exact = (
        "claimed symmetries are exact",
        "no torque",
        "symmetry breaks linearly",
        "Graph in another frame",
    )
    assert all(claims[name].holds for name in exact)
    assert not claims["lih 16: NonSym does not generalise"].holds  # three steps: nothing is learnt
    as_recorded(measures, Path(__file__).parent / "measured.json")
    sections = RECIPE.sections(measures)
    told = [section.title for section in sections if section.title]
    assert told[0] == "LiH, 16 training points"
    assert {"Surfaces", "Another frame", "Averaging after training", "Trainability", "Noughts and crosses"} < set(told)
    surfaces = next(section for section in sections if section.title == "Surfaces").figure
    assert [axes.get_title("left") or axes.get_title() for axes in surfaces.axes] == ["LiH", "NH3"]
    assert len(surfaces.axes[0].lines) == 5  # four models and the reference


def test_finished_parts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "parts" / "trainability-all.json"
    write_json(kept, {"qubits": [2, 8], "symmetric": [[1.0], [1.0]], "free": [[1.0], [0.1]]})
    monkeypatch.setattr(protocol, "derivative_variance", None)
    alone = TINY | {"tables": [], "clouds": [], "frames": TINY["frames"] | {"models": []}}
    found = protocol.measure(alone, 0, tmp_path, Unwatched())
    assert found["trainability"]["all"]["free"] == [[1.0], [0.1]]
    assert (tmp_path / "parts" / "board-free.json").is_file()


def test_it_is_found_by_name() -> None:
    assert load_recipe("quantum-equivariance") is RECIPE


def test_an_option_that_no_preset_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"preset: board: expected options among games, .*, got 'game'"):
        RECIPE.measure(TINY | {"board": TINY["board"] | {"game": 1}}, 0, tmp_path, Unwatched())
