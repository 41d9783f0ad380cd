"""The reproduction in miniature: runs, resumes behind a kill, judges, tells."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from haar.errors import ArgumentError
from haar.systems.experiment import options
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce
from haar.systems.sign_equivariance import twins
from haar.systems.sign_equivariance.options import Options
from haar.systems.sign_equivariance.protocol import measure
from haar.systems.sign_equivariance.recipe import RECIPE
from haar.watch import Unwatched

_LINKS = ["gcn", "pearl", "signnet", "mlp", "sign_eq"]
TINY: dict[str, Any] = {
    "twins": {
        "nodes": 30, "probability": 0.25, "crossings": 8, "k": 6, "epochs": 3, "rates": [5e-3], "networks": _LINKS,
    },
    "links": {
        "nodes": 30, "probability": 0.25, "attach": 4, "added": 12, "k": 6, "epochs": 2, "rates": [1e-3, 1e-2],
        "networks": {
            "ER": {"unit": _LINKS, "sqrt_n": ["signnet", "mlp", "sign_eq"]},
            "BA": {"unit": ["sign_eq"], "sqrt_n": ["signnet"]},
        },
    },
    "inductive": {
        "train": 2, "validation": 1, "test": 1, "nodes": 15, "probability": 0.4, "added": 5, "k": 4, "epochs": 2,
        "rates": [1e-2],
        "networks": ["gcn", "raw", "flips", "canonical", "spe", "pearl", "signnet", "mlp", "sign_eq"],
    },
    "particles": {
        "networks": {
            "3": ["none", "none_long", "augmented", "naive", "sample", "average", "vectors", "sign", "sign_long"],
            "5": ["none", "none_long", "sign", "sign_long"],
            **{str(d): ["none", "sign"] for d in (4, 6, 7, 8)},
        },
        "train": 8, "validation": 4, "test": 6, "epochs": 1, "long_epochs": 2, "batch_size": 4, "rates": [1e-3],
        "clip": "component", "floor": 24, "costs": {"dims": [2, 4, 8], "batch_size": 1, "repeats": 1},
        "usual": {
            "networks": ["none", "sign"], "train": 4, "validation": 2, "test": 4, "epochs": 1, "batch_size": 2,
            "rates": [1e-3], "clip": "component", "floor": 8,
        },
    },
    "communities": {
        "train": 4, "validation": 2, "test": 3, "k": 5, "batch_size": 2, "epochs": 1, "rates": [6e-3],
        "networks": ["none", "flips", "canonical", "spe", "pearl", "signnet", "sign_eq"],
    },
    "patterns": {
        "patterns": 2, "train": 4, "validation": 2, "test": 3, "k": 5, "batch_size": 2, "epochs": 1, "rates": [6e-3],
        "networks": ["none", "flips", "signnet", "sign_eq"],
    },
}  # fmt: skip


TINY_RECIPE = replace(RECIPE, presets={"quick": TINY}, default_seeds={"quick": 1})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reproduction")


@pytest.fixture(scope="module")
def result(folder: Path) -> Any:
    return reproduce(TINY_RECIPE, out=folder)


def test_what_is_exact_holds_without_training(result: Any) -> None:
    found = {claim.name: claim for claim in result.claims}
    for name in ("twins tie", "particles: exact", "particles: no floor", "communities: signs do not matter",
                 "patterns: signs do not matter"):  # fmt: skip
        assert found[name].holds, name
    assert set(found) == {claim.name for claim in RECIPE.claims}


def test_every_network_oracle_and_line_is_told(result: Any, folder: Path) -> None:
    told = json.dumps([section.table.to_dict() for section in result.details if section.table is not None])
    for words in ("same copy (oracle)", "Fiedler product", "closed form", "nearest named node", "linear", "static",
                  "degree above", "diffusion", "SignNet, unit eigenvectors", "one random frame",
                  "canonical signs"):  # fmt: skip
        assert words in told, words
    assert (folder / "report.html").stat().st_size > 10_000
    assert len(list((folder / "figures").glob("*.png"))) == 6


#: What depends on the signs of eigenvectors depends on the make of the processor, which chooses them.
_SIGNED = {"flips", "canonical", "raw", "naive", "sample"}


def test_a_seed_measures_what_it_did(result: Any, folder: Path, as_recorded: Any) -> None:
    (run,) = folder.glob("runs/*")

    def kept(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: kept(each) for name, each in value.items() if name not in _SIGNED | {"costs", "floor"}}

    measured = json.loads((run / "measures.json").read_text())["measures"]
    as_recorded(kept(measured), Path(__file__).parent / "measured.json")


def test_a_killed_run_goes_on_behind_the_last_network(
    result: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = folder.glob("runs/*")
    before = json.loads((run / "measures.json").read_text())["measures"]["twins"]
    (run / "parts" / "twins-sign-eq.json").unlink()
    trained = []
    fit = twins.fit_twins
    monkeypatch.setattr(twins, "fit_twins", lambda kind, *a, **k: trained.append(kind) or fit(kind, *a, **k))
    again = measure({"twins": TINY["twins"]}, 0, run, Unwatched())["twins"]
    assert trained == ["sign_eq"]
    for kind, measured in before["networks"].items():
        assert {**measured, "seconds": 0} == {**again["networks"][kind], "seconds": 0}


def test_learning_rates_are_those_of_the_preset(result: Any, folder: Path) -> None:
    (run,) = folder.glob("runs/*")
    for kind in _LINKS:
        found = json.loads((run / "parts" / f"links-er-unit-{kind.replace('_', '-')}.json").read_text())
        assert set(found["tried"]) == {"0.001", "0.01"}  # the same for all
        assert found["tried"][f"{found['rate']:g}"] == {"auc": found["auc"]}


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ({"twin": {}}, "preset: expected options among twins, .*, got 'twin'; did you mean twins?"),
        ({"twins": TINY["twins"] | {"epoch": 1}}, "preset: twins: expected options among nodes, .*, got 'epoch'"),
        ({"twins": TINY["twins"] | {"nodes": "many"}}, "preset: twins: nodes: expected int, got 'many'"),
    ],
)
def test_options_that_a_preset_does_not_have_are_refused(preset: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        measure(preset, 0, tmp_path, Unwatched())


@pytest.mark.parametrize("name", ["quick", "full"])
def test_presets_have_the_options_of_their_experiments(name: str) -> None:
    assert options(Options, RECIPE.presets[name]).particles is not None


def test_it_is_found_by_name() -> None:
    recipe = load_recipe("sign-equivariance")
    assert set(recipe.presets) == {"quick", "full"}
    assert recipe.default_seeds["quick"] >= 3
