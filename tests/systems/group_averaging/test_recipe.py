from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ideal_measures import each, ideal_measures

from haar.average import soft
from haar.data import Windows
from haar.data.generators import catalogue
from haar.systems.experiment import options
from haar.systems.group_averaging import protocol, trap
from haar.systems.group_averaging.figures import draw_spectra
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
        assert {"gray_scott-unet", "gray_scott-fno", "gray_scott-fno_augmented", "gray_scott-fno_long"} <= names
        assert "turbulence-fno" in names
        assert preset["rollout"] == ["6:12", "13:30"]
        assert preset["modes"][:4] == ["plain", "step", "trajectory", "stochastic"]
        for run in preset["runs"]:
            assert preset["data"][run["data"]]["n_steps"] >= preset["history"] + 30
        assert set(preset["data"]["shear_flow"]["splits"]) == {"train", "valid", "test"}


def test_full_has_every_kind_of_surrogate():
    full = RECIPE.presets["full"]
    assert {run["model"] for run in full["runs"]} == {"unet", "convnext_unet", "fno", "tfno"}
    assert {run["options"].get("padding") for run in full["runs"] if "unet" in run["model"]} == {"zeros", "circular"}


def test_a_seed_measures_every_model_and_the_trap(tiny):
    measures, _ = tiny
    assert set(measures) == {"runs", "trap"}
    unet, fno = measures["runs"]["gs-unet"], measures["runs"]["turb-fno"]
    assert {"persistence", "linear", "none", "C2", "C4", "D4", "shifts", "D4 shifts"} == set(fno["vrmse"])
    assert set(unet["vrmse"]) - set(fno["vrmse"]) == {
        f"{group}half shifts{window}" for group in ("", "D4 ") for window in ("", ", Hann")
    }
    assert all(len(errors) == TINY["test"] for run in (unet, fno) for errors in run["vrmse"].values())
    assert fno["vrmse"]["shifts"] == pytest.approx(fno["vrmse"]["none"], rel=1e-4)
    assert unet["defect"]["after"] < 1e-10 < unet["defect"]["before"]
    assert set(unet["rollout"]) == set(unet["detail"]) == {"persistence", "plain", "step"}
    assert set(unet["spectrum"]) == {"truth", "persistence", "plain", "step"}
    assert len(unet["half"]["elements"]) == 4
    assert unet["half"]["random"] == pytest.approx(6 / 7)
    trap = measures["trap"]
    assert {"persistence", "linear", "none", "C2", "C4", "D4", "closed", "soft D4", "soft closed"} == set(trap["vrmse"])
    assert set(trap["elements"]) == {"r90", "r180", "r270", "my", "mx", "d", "d'"}
    assert set(trap["alpha"]) == {"D4", "closed"}


def test_the_average_over_an_element_of_order_two_is_that_over_its_group(tiny):
    trap = tiny[0]["trap"]
    assert trap["elements"]["r180"] == pytest.approx(trap["vrmse"]["C2"], rel=1e-9)


def test_alphas_are_fitted_on_runs_that_nothing_is_judged_on(tiny, monkeypatch):
    told = {}

    def noted(model, symmetry, data, **options):
        told[symmetry.group.name] = torch.cat([x for x, _ in data])
        return soft(model, symmetry, data, **options)

    monkeypatch.setattr(trap, "soft", noted)
    _, folder = tiny
    preset = options(Options, TINY)
    root = folder / "data" / "shear_flow"
    train, valid, test = (Windows(root, history=2, split=split) for split in ("train", "valid", "test"))
    model = protocol.trained(preset.trap, train, preset, seed=0, folder=folder, watch=Unwatched())
    trap.measure_trap(model, root, preset, 0, Unwatched())
    assert len(told) == 2
    for x in told.values():
        assert all(any(torch.equal(row, valid[k][0]) for k in range(len(valid))) for row in x)
        assert not any(torch.equal(row, test[k][0]) for row in x for k in range(len(test)))


def test_a_seed_measures_what_it_did(tiny, as_recorded):
    found = copy.deepcopy(tiny[0])
    for labels in ("with_labels", "without_labels"):  # shares of a variance that is rounding
        del found["trap"][labels]["sentence"]
    for run in found["runs"].values():  # beyond what was resolved there is rounding alone
        run["spectrum"] = {mode: energy[:4] for mode, energy in run["spectrum"].items()}
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


def test_tables_and_figures_are_told(tmp_path):
    result = reproduce(replace(RECIPE, measure=lambda *_: ideal_measures()), out=tmp_path, seeds=3)
    assert result.holds
    page = (tmp_path / "report.html").read_text()
    for piece in ("One-step VRMSE", "VRMSE of rollouts", "Shear flow", "quarter turns", "Over &lt;my&gt;."):
        assert piece in page
    for piece in ("linear extrapolation", "What is only blurred is no gain", "The Well&#x27;s mean of ratios"):
        assert piece in page
    assert len(list((tmp_path / "figures").iterdir())) == 3


def test_what_is_only_blurred_is_marked():
    measures = ideal_measures()
    measures["runs"]["gray_scott-unet"]["detail"]["trajectory"]["13:30"] = each(0.5)
    (blurred, *others) = draw_spectra([measures]).axes
    marked = [text.get_text() for text in blurred.get_legend().get_texts() if "blurred" in text.get_text()]
    assert marked == ["trajectory (blurred)"]
    assert not any("blurred" in text.get_text() for axes in others for text in axes.get_legend().get_texts())


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
    for data, told in preset.data.items():
        of_generator = {key: value for key, value in told.items() if key != "splits"}
        assert options(catalogue()[data], of_generator).resolution == tuple(of_generator["resolution"])
    with pytest.raises(ValueError, match="got 'rolout'; did you mean rollout"):
        options(Options, {**RECIPE.presets[name], "rolout": []})
