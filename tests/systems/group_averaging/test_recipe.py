from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest

from haar.data.generators import catalogue
from haar.systems.claim import judge
from haar.systems.experiment import options
from haar.systems.group_averaging import protocol
from haar.systems.group_averaging.claims import CLAIMS
from haar.systems.group_averaging.options import Options
from haar.systems.group_averaging.recipe import RECIPE
from haar.systems.runner import reproduce
from haar.watch import Unwatched

_FLOW = {"resolution": [16, 16], "n_steps": 9, "pressure": False, "save_every": 2, "time_step": 0.01, "burn_in": 2}
_SPOTS = {"patterns": ["maze"], "spacing": 0.05, "start": {"width": [0.05, 0.08]}}
TINY = {
    "data": {
        "gray_scott": {**_SPOTS, "resolution": [16, 16], "n_steps": 9, "save_every": 2},
        "turbulence": {**_FLOW, "peak": 2.0},
        "shear_flow": {**_FLOW, "width": [0.8, 1.0], "splits": {"test": 2, "train": 2, "valid": 2}},
    },
    "train": 2,
    "test": 2,
    "history": 2,
    "steps": 2,
    "batch_size": 4,
    "learning_rate": 0.003,
    "per_run": 2,
    "audit_windows": 6,
    "rollout": ["6:7"],
    "rollout_runs": 1,
    "modes": ["plain", "step"],
    "runs": [
        {
            "name": "gs-unet",
            "data": "gray_scott",
            "model": "unet",
            "options": {"padding": "zeros", "width": 2, "levels": 1},
        },
        {
            "name": "turb-fno",
            "data": "turbulence",
            "model": "fno",
            "options": {"width": 2, "modes": 4},
            "augment": True,
        },
    ],
    "trap": {"name": "shear-fno", "data": "shear_flow", "model": "fno", "options": {"width": 2, "modes": 4}},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """One seed of the protocol at toy size, and its folder."""
    folder = tmp_path_factory.mktemp("seed")
    return protocol.measure(TINY, 0, folder, Unwatched()), folder


def test_presets_are_plain():
    assert RECIPE.presets["full"]["rollout"] == ["6:12", "13:30"]
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets


def test_every_preset_has_what_the_claims_ask_for():
    for preset in RECIPE.presets.values():
        names = {run["name"] for run in preset["runs"]}
        assert {"gray_scott-unet", "gray_scott-unet_circular", "gray_scott-fno", "gray_scott-fno_augmented"} <= names
        assert {"gray_scott-convnext", "turbulence-fno"} <= names
        frames = min(data["n_steps"] for data in preset["data"].values())
        last = max(int(window.split(":")[-1]) for window in preset["rollout"])
        assert frames >= preset["history"] + last
        assert preset["rollout"][0] == "6:12"
        assert preset["modes"][:2] == ["plain", "step"]


def test_a_seed_measures_every_model_and_the_trap(tiny):
    measures, _ = tiny
    assert set(measures) == {"runs", "trap"}
    unet, fno = measures["runs"]["gs-unet"], measures["runs"]["turb-fno"]
    assert {"none", "C2", "C4", "D4", "shifts", "D4 shifts"} <= set(fno["vrmse"]) < set(unet["vrmse"])
    assert "D4 half shifts, Hann" in unet["vrmse"]
    assert fno["vrmse"]["shifts"] == pytest.approx(fno["vrmse"]["none"], rel=1e-4)
    assert unet["defect"]["after"] < 1e-10 < unet["defect"]["before"]
    assert set(unet["rollout"]) == {"plain", "step"}
    assert len(unet["half"]["elements"]) == 4
    assert unet["half"]["random"] == pytest.approx(6 / 7)
    assert set(measures["trap"]["vrmse"]) == {"none", "C4", "D4", "closed", "soft D4"}


def test_a_seed_measures_what_it_did(tiny, as_recorded):
    found = copy.deepcopy(tiny[0])
    for labels in ("with_labels", "without_labels"):  # shares of a variance that is rounding
        del found["trap"][labels]["sentence"]
    as_recorded(found, Path(__file__).parent / "measured.json")


def test_what_is_finished_is_not_measured_again(tiny, monkeypatch):
    measures, folder = tiny
    monkeypatch.setattr(protocol, "write_runs", None)
    monkeypatch.setattr(protocol, "train", None)
    monkeypatch.setattr(protocol, "measure_model", None)
    monkeypatch.setattr(protocol, "measure_trap", None)
    assert protocol.measure(TINY, 0, folder, Unwatched()) == measures


def test_a_run_that_was_killed_while_measuring_trains_no_more(tiny, monkeypatch):
    measures, folder = tiny
    kept = folder / "parts" / "turb-fno.json"
    stored = kept.read_text()
    kept.unlink()
    monkeypatch.setattr(protocol, "write_runs", None)
    again = protocol.measure(TINY, 0, folder, Unwatched())
    assert again["runs"]["turb-fno"]["vrmse"]["none"] == measures["runs"]["turb-fno"]["vrmse"]["none"]
    assert json.loads(stored)["defect"] == json.loads(kept.read_text())["defect"]


def _ideal(tiny) -> dict:
    """Measures that show every effect, in the shape that the protocol gives."""
    run = copy.deepcopy(tiny[0]["runs"]["gs-unet"])
    values = {"none": 1.0, "C2": 0.9, "C4": 0.85, "D4": 0.8, "shifts": 0.8, "D4 shifts": 0.7}
    run["vrmse"] = {
        **values,
        "half shifts": 0.9,
        "half shifts, Hann": 0.85,
        "D4 half shifts": 0.7,
        "D4 half shifts, Hann": 0.6,
    }
    run["rollout"] = {"plain": {"6:12": 1.0}, "step": {"6:12": 0.9}}
    run["audit"] |= {"predicted": 0.1, "gain": 0.1}
    run["half"] |= {"selected": 0.95}
    fno = {**copy.deepcopy(run), "vrmse": {**values, "shifts": 1.0}, "half": run["half"] | {"selected": 0.91}}
    augmented = {**copy.deepcopy(fno), "vrmse": {**fno["vrmse"], "C2": 0.99, "C4": 0.98, "D4": 0.97}}
    augmented["half"] = run["half"] | {"selected": 0.9}
    trap = copy.deepcopy(tiny[0]["trap"])
    trap["vrmse"] = {"none": 0.5, "C4": 3.0, "D4": 3.5, "closed": 0.4, "soft D4": 0.5}
    trap["without_labels"] = {"verdict": "do not", "group": "", "elements": [], "sentence": "Do not."}
    trap["with_labels"] = {"verdict": "average", "group": "<my>", "elements": ["e", "my"], "sentence": "Over <my>."}
    return {
        "runs": {"gray_scott-unet": run, "gray_scott-fno": fno, "gray_scott-fno_augmented": augmented},
        "trap": trap,
    }


def test_claims_hold_where_they_should(tiny):
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, [_ideal(tiny)] * 2)} == {
        claim.name: "holds" for claim in CLAIMS
    }


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("runs", "gray_scott-unet", "vrmse", "D4"), 0.86, "chain"),
        (("runs", "gray_scott-unet", "vrmse", "D4 half shifts"), 1.1, "averaging helps"),
        (("runs", "gray_scott-fno", "vrmse", "shifts"), 0.99, "FNO and shifts"),
        (("runs", "gray_scott-unet", "vrmse", "shifts"), 0.95, "zero padding and shifts"),
        (("runs", "gray_scott-unet", "vrmse", "half shifts, Hann"), 0.95, "windows"),
        (("runs", "gray_scott-unet", "vrmse", "D4 half shifts, Hann"), 0.71, "windows on top of D4"),
        (("runs", "gray_scott-fno", "rollout", "step", "6:12"), 1.01, "rollouts"),
        (("runs", "gray_scott-fno", "half", "selected"), 0.2, "half the forwards"),
        (("runs", "gray_scott-fno", "audit", "predicted"), 0.3, "label-free prediction"),
        (("runs", "gray_scott-fno", "defect", "after"), 1e-9, "exactness"),
        (("trap", "vrmse", "D4"), 0.6, "trap"),
        (("trap", "without_labels"), {"verdict": "average", "elements": ["e", "r90"]}, "trap seen without labels"),
        (("trap", "with_labels"), {"verdict": "average", "elements": []}, "trap seen with labels"),
        (("trap", "vrmse", "soft D4"), 0.6, "soft averaging"),
        (("trap", "vrmse", "closed"), 0.6, "the right group"),
        (("runs", "gray_scott-unet", "vrmse", "C2"), None, "chain"),
    ],
)
def test_each_claim_can_fail(tiny, path, value, name):
    measures = _ideal(tiny)
    place = measures
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert name in [claim.name for claim in judge(CLAIMS, [_ideal(tiny), measures]) if not claim.holds]


def test_one_moved_forward_in_the_place_of_an_average_holds_nothing(tiny):
    """No average at all: the model's answer for a moved input, moved back, is a little worse than its own."""
    measures = _ideal(tiny)
    worse = {"none": 1.0, "C2": 1.01, "C4": 1.02, "D4": 1.03, "shifts": 1.01, "D4 shifts": 1.04}
    windowed = {"half shifts": 1.01, "half shifts, Hann": 1.02, "D4 half shifts": 1.01, "D4 half shifts, Hann": 1.02}
    for run in measures["runs"].values():
        run["vrmse"] = {**worse, **windowed}
        run["rollout"]["step"] = {"6:12": 1.01}
        run["audit"] |= {"predicted": 0.1, "gain": -0.06}
        run["half"] |= {"selected": 0.5}
        run["defect"] |= {"after": run["defect"]["before"]}
    measures["runs"]["gray_scott-fno_augmented"]["vrmse"]["D4"] = 1.01
    assert _standing(measures) == TRAPS


def test_an_audit_that_recommends_every_symmetry_of_the_equations_holds_nothing(tiny):
    measures = _ideal(tiny)
    whole = {"verdict": "average", "group": "D4", "elements": ["e", "r90", "r180", "r270"], "sentence": "Over D4."}
    measures["trap"] = {
        "vrmse": {"none": 0.5, "C4": 0.51, "D4": 0.52, "closed": 0.51, "soft D4": 0.52},
        "without_labels": whole,
        "with_labels": whole,
    }
    assert _standing(measures) == {claim.name for claim in CLAIMS} - TRAPS


TRAPS = {"trap", "trap seen without labels", "trap seen with labels", "soft averaging", "the right group"}


def _standing(measures):
    return {claim.name for claim in judge(CLAIMS, [measures]) if claim.verdict != "contradicted"}


def test_tables_and_figures_are_told(tiny, tmp_path):
    measures = _ideal(tiny)

    def ideal(*_):
        return measures

    result = reproduce(replace(RECIPE, measure=ideal), out=tmp_path, seeds=2)
    assert result.holds
    page = (tmp_path / "report.html").read_text()
    for piece in ("One-step VRMSE", "VRMSE of rollouts", "Shear flow", "quarter turns", "Over &lt;my&gt;."):
        assert piece in page
    assert len(list((tmp_path / "figures").iterdir())) == 2


def test_an_unknown_generator_is_refused(tmp_path):
    preset = {**TINY, "data": {"gray_scott": {"generator": "grayscott"}}}
    with pytest.raises(ValueError, match="generator: expected one of gray_scott"):
        protocol.measure(preset, 0, tmp_path, Unwatched())


def test_an_option_that_a_generator_does_not_have_is_refused(tmp_path):
    preset = {**TINY, "data": {"gray_scott": {"paterns": ["maze"]}}}
    with pytest.raises(ValueError, match=r"preset: data: gray_scott: expected .* got 'paterns'; did"):
        protocol.measure(preset, 0, tmp_path, Unwatched())


@pytest.mark.parametrize("name", list(RECIPE.presets))
def test_presets_have_the_options_of_the_experiment_and_its_generators(name):
    preset = options(Options, RECIPE.presets[name])
    for data, of_generator in preset.data.items():
        assert options(catalogue()[data], of_generator).resolution == tuple(of_generator["resolution"])
    with pytest.raises(ValueError, match="got 'rolout'; did you mean rollout"):
        options(Options, {**RECIPE.presets[name], "rolout": []})
