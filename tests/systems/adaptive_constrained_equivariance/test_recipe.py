"""The reproduction in miniature: runs, resumes, judges, tells; presets on published data ask for them."""

from __future__ import annotations

import json
import warnings
from typing import ClassVar

import numpy as np
import pytest

from haar.errors import ArgumentError, HaarWarning
from haar.systems.adaptive_constrained_equivariance import measurement
from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE, AdaptiveConstrainedEquivariance
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce
from haar.watch import Unwatched

_PLAN = {"steps": 30, "batch_size": 8, "tests": 20, "validation": 10}
_SOME = ["strict", "free", "equality", "resilient", "ridge", "strict without kappa", "equality undamped"]


_PUBLISHED = ["strict", "equality", "equality as published"]
_FEW = {"start": 0, "stop": 1, "hidden": 8, "layers": 2, "pool": 20}


def _small(part, **changes):
    return {**part, "plan": {**part["plan"], **_PLAN}, "samples": [16], "draws": min(part["draws"], 39), **changes}


def _tiny():
    parts = {part["name"]: part for part in RECIPE.presets["full"]["parts"]}
    return {
        "networks": 1,
        "parts": [
            _small(parts["weight"], betas=[0.0, 1.0], arms=[*_SOME, "residual pathway"], tried=False),
            _small(parts["inertia"], arms=["strict", "free", "equality", "resilient"], tried=False),
            _small(parts["charged particles"], options=_FEW, arms=["strict", "free", "equality"]),
        ],
    }


class Tiny(AdaptiveConstrainedEquivariance):
    presets: ClassVar = {"quick": _tiny(), "nbody": RECIPE.presets["nbody"]}
    default_seeds: ClassVar = {"quick": 1, "nbody": 1}


@pytest.fixture(autouse=True)
def _short():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # so short a run does not arrive, and says so
        yield


def test_it_runs_tells_and_a_second_run_measures_nothing(tmp_path, monkeypatch):
    result = reproduce(Tiny(), out=tmp_path)
    names = [effect.name for effect in result.effects]
    assert len(names) == 14
    assert "the correction of scale is essential" in names
    assert "free training, then symmetry, beats symmetry all along" in names
    assert "resilient wins on modified inertia" in names
    page = (tmp_path / "report.html").read_text()
    for words in ("All rules: weight", "All rules: inertia", "least error by", "residual pathway", "under O(3)"):
        assert words in page
    cells = json.loads(next(tmp_path.glob("runs/*/weight.json")).read_text())["cells"]
    kept = cells["16, 0"]["rules"]
    assert kept["equality"][0]["defect"] < 1e-5
    assert set(kept["equality"][0]["gamma"]) == {"0", "2", "4"}
    monkeypatch.setattr(measurement, "make_arms", None)
    again = reproduce(Tiny(), out=tmp_path)
    assert [e.value for e in again.effects] == [e.value for e in result.effects]


def test_finished_parts_are_not_trained_again(tmp_path, monkeypatch):
    config = _tiny() | {"parts": _tiny()["parts"][2:]}
    first = measurement.measure(config, 0, tmp_path, Unwatched())
    monkeypatch.setattr(measurement, "train_together", None)
    assert measurement.measure(config, 0, tmp_path, Unwatched()) == first


def test_presets_on_published_data_ask_for_them(tmp_path):
    with pytest.raises(ArgumentError, match="data: expected the published files that preset 'nbody' reads"):
        reproduce(Tiny(), out=tmp_path, preset="nbody")
    with pytest.raises(ArgumentError, match="data: expected a file or folder that exists"):
        reproduce(Tiny(), out=tmp_path, preset="nbody", data=tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="data: expected nothing: preset 'quick' makes its own data"):
        reproduce(Tiny(), out=tmp_path, data=tmp_path)


def test_published_trajectories_are_reproduced_from_their_folder(tmp_path):
    random = np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        for part, shape in {"loc": (12, 42, 3, 5), "vel": (12, 42, 3, 5), "charges": (12, 5, 1)}.items():
            np.save(tmp_path / f"{part}_{split}_charged5_initvel1small.npy", random.normal(size=shape))
    (part,) = RECIPE.presets["nbody"]["parts"]

    class Short(Tiny):
        presets: ClassVar = {
            "nbody": {
                **RECIPE.presets["nbody"],
                "networks": 1,
                "parts": [{**_small(part), "options": {"hidden": 8, "layers": 2}, "arms": _PUBLISHED}],
            }
        }

    result = reproduce(Short(), out=tmp_path / "out", preset="nbody", data=tmp_path)
    assert [effect.name for effect in result.effects] == ["free training, then symmetry, beats symmetry all along"]
    assert "equality as published" in (tmp_path / "out" / "report.html").read_text()


def test_it_is_found_by_name():
    recipe = load_recipe("adaptive-constrained-equivariance")
    assert json.loads(json.dumps(recipe.presets["full"])) == recipe.presets["full"]
