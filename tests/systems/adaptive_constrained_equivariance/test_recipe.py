"""The reproduction in miniature: runs, resumes, judges, tells; presets on published data ask for them."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from haar.errors import ArgumentError, HaarWarning
from haar.systems.adaptive_constrained_equivariance import protocol
from haar.systems.adaptive_constrained_equivariance.options import Options
from haar.systems.adaptive_constrained_equivariance.recipe import RECIPE
from haar.systems.experiment import options
from haar.systems.recipe import load_recipe
from haar.systems.runner import reproduce
from haar.watch import Unwatched

_PLAN = {"steps": 30, "batch_size": 8, "tests": 20, "validation": 10}
_SOME = ["strict", "free", "equality", "resilient", "ridge", "strict without kappa", "equality undamped"]


_PUBLISHED = ["strict", "equality", "equality as published"]
_FEW = {"start": 0, "stop": 1, "hidden": 8, "layers": 2, "pool": 20}


HERE = Path(__file__).parent


def _measured(folder):
    """All but what runs away on inertia in so few steps: to how far nobody can say."""
    found = json.loads(next(folder.glob("runs/*/measures.json")).read_text())["measures"]
    for cell in found["inertia"]["cells"].values() if "inertia" in found else ():
        del cell["rules"]["equality"], cell["rules"]["resilient"]
    return found


def _small(part, **changes):
    return {
        **part,
        "plan": {**part["plan"], **_PLAN},
        "samples": part["samples"][:1],
        "draws": min(part["draws"], 39),
        **changes,
    }


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


RUN = replace(
    RECIPE, presets={"quick": _tiny(), "nbody": RECIPE.presets["nbody"]}, default_seeds={"quick": 1, "nbody": 1}
)


@pytest.fixture(autouse=True)
def _short():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # so short a run does not arrive, and says so
        yield


def test_it_runs_tells_and_a_second_run_measures_nothing(tmp_path, monkeypatch, as_recorded):
    result = reproduce(RUN, out=tmp_path)
    names = [claim.name for claim in result.claims]
    assert "the correction of scale is essential, C4, n = 128" in names
    assert "equality against strict: charged particles, 200, 0" in names
    assert "resilient against free: inertia, 1000, 0.3" in names
    assert not [name for name in names if "256" in name]
    assert {claim.verdict for claim in result.claims} == {"open"}  # of one network nothing is said
    page = (tmp_path / "report.html").read_text()
    for words in ("All rules: weight", "All rules: inertia", "least error by", "residual pathway", "under O(3)"):
        assert words in page
    cells = json.loads(next(tmp_path.glob("runs/*/parts/weight.json")).read_text())["cells"]
    kept = cells["128, 0"]["rules"]
    assert kept["equality"][0]["defect"] < 1e-5
    assert set(kept["equality"][0]["gamma"]) == {"0", "2", "4"}
    as_recorded(_measured(tmp_path), HERE / "measured.json")
    monkeypatch.setattr(protocol, "make_arms", None)
    again = reproduce(RUN, out=tmp_path)
    assert again.claims == result.claims


def test_finished_parts_are_not_trained_again(tmp_path, monkeypatch):
    config = _tiny() | {"parts": _tiny()["parts"][2:]}
    first = protocol.measure(config, 0, tmp_path, Unwatched())
    monkeypatch.setattr(protocol, "train_together", None)
    assert protocol.measure(config, 0, tmp_path, Unwatched()) == first


def test_presets_on_published_data_ask_for_them(tmp_path):
    with pytest.raises(ArgumentError, match="data: expected the published files that preset 'nbody' reads"):
        reproduce(RUN, out=tmp_path, preset="nbody")
    with pytest.raises(ArgumentError, match="data: expected a file or folder that exists"):
        reproduce(RUN, out=tmp_path, preset="nbody", data=tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="data: expected nothing: preset 'quick' makes its own data"):
        reproduce(RUN, out=tmp_path, data=tmp_path)


def test_published_trajectories_are_reproduced_from_their_folder(tmp_path, as_recorded):
    random = np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        for part, shape in {"loc": (12, 42, 3, 5), "vel": (12, 42, 3, 5), "charges": (12, 5, 1)}.items():
            np.save(tmp_path / f"{part}_{split}_charged5_initvel1small.npy", random.normal(size=shape))
    (part,) = RECIPE.presets["nbody"]["parts"]

    short = {**_small(part), "options": {"hidden": 8, "layers": 2}, "arms": _PUBLISHED}
    preset = {**RECIPE.presets["nbody"], "networks": 1, "parts": [short]}
    recipe = replace(RECIPE, presets={"nbody": preset}, default_seeds={"nbody": 1})
    result = reproduce(recipe, out=tmp_path / "out", preset="nbody", data=tmp_path)
    assert [claim.name for claim in result.claims] == [
        "equality against straight on: charged particles, 3000, 0",
        "equality against strict: charged particles, 3000, 0",
    ]
    assert "equality as published" in (tmp_path / "out" / "report.html").read_text()
    as_recorded(_measured(tmp_path / "out"), HERE / "published.json")


def test_it_is_found_by_name():
    recipe = load_recipe("adaptive-constrained-equivariance")
    assert json.loads(json.dumps(recipe.presets["full"])) == recipe.presets["full"]


def test_presets_have_the_options_of_the_experiment_and_no_others():
    for preset in RECIPE.presets.values():
        options(Options, preset)
        with pytest.raises(ArgumentError, match="got 'netwroks'; did you mean networks"):
            options(Options, {**preset, "netwroks": 3})
