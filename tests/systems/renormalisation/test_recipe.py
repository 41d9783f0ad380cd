"""The reproduction end to end at a small size: measured, resumed, judged, told."""

from __future__ import annotations

import functools
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from haar.errors import ArgumentError
from haar.report.page import png
from haar.systems.claim import judge
from haar.systems.experiment import options
from haar.systems.recipe import load_recipe
from haar.systems.renormalisation import PerceptronEnsemble, Sizes, evaluate
from haar.systems.renormalisation.claims import CLAIMS
from haar.systems.renormalisation.evaluation import LAWS
from haar.systems.renormalisation.options import Options
from haar.systems.renormalisation.presets import PRESETS
from haar.systems.renormalisation.protocol import measure
from haar.systems.renormalisation.readings import TESTABLE
from haar.systems.renormalisation.recipe import RECIPE
from haar.systems.renormalisation.sections import errors_table
from haar.systems.runner import reproduce
from haar.watch import Unwatched

TINY = {
    **PRESETS["quick"],
    "networks": 2,
    "width": 4,
    "step_width": 4,
    "samples": 32,
    "steps": 4,
    "test": 200,
    "graphs": [["complete", "shared", "relu", 1], ["complete", "distinct", "relu", 1], ["path", "distinct", "relu", 2]],
    "graph_networks": 2,
    "graph_samples": 16,
    "graph_steps": 3,
    "propagation_samples": 200,
    "random_networks": [[16, 2, 2], [4, 1, 1]],
    "random_draws": 4000,
    "sites": 4,
    "units": 8,
    "spectrum_samples": 200,
    "flow_steps": 2,
    "flow_blocks": 50,
    "sweep": {"networks": [["relu", "free"], ["relu", "tied"]], "width": [2, 4], "samples": [32, 64]},
    "breaking_networks": 2,
    "breaking_steps": 10,
    "xor_steps": 1,
    "digit_steps": 1,
    "digit_widths": [[4]],
}

SHORT = {
    **TINY,
    "sweep": {},
    "graphs": [],
    "steps_of_two": [],
    "whole_steps": [],
    "random_networks": [],
    "closure_repeats": 0,
}


RUN = replace(RECIPE, presets={"quick": TINY}, default_seeds={"quick": 1})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("renormalisation")
    drawn = functools.cache(png)  # the page shows the figures that are written: they are drawn once here
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["haar.systems.runner"], "png", drawn)
        patch.setattr(sys.modules["haar.report.page"], "png", drawn)
        return out, reproduce(RUN, out=out)


def test_every_claim_is_judged_over_all_networks(run):
    _, result = run
    claims = {claim.name: claim for claim in result.claims}
    without = {claim.name for claim in CLAIMS if "64 wide" in claim.name}
    assert {claim.name for claim in CLAIMS} - set(claims) <= without | {n for n in claims if n.startswith("digits")}
    assert claims["equal units stay equal"].holds
    assert claims["errors predicted where they have a standard error"].value < 6
    marks = [mark for mark in ("i", "ii", "iii", "iv", "v", "vi") for c in CLAIMS if c.claim.startswith(f"({mark})")]
    assert [marks.count(mark) for mark in ("i", "ii", "iii", "iv", "v", "vi")] == [6, 5, 2, 4, 2, 5]


def test_seeds_are_pooled(run):
    out, result = run
    (path,) = out.glob("runs/*/measures.json")
    measured = json.loads(path.read_text())["measures"]
    one, two = judge(CLAIMS, [measured]), judge(CLAIMS, [measured, measured])
    assert [claim.name for claim in one] == [claim.name for claim in two] == [c.name for c in result.claims]
    assert all(both.units == 2 * alone.units for alone, both in zip(one, two, strict=True))
    assert all(both.value == pytest.approx(alone.value) for alone, both in zip(one, two, strict=True))
    table = errors_table([measured, measured])
    assert all(row[2].endswith(" of 4") for row in table.rows)


def test_a_seed_measures_what_it_did(run, as_recorded):
    (path,) = run[0].glob("runs/*/measures.json")
    measured = json.loads(path.read_text())["measures"]
    measured["closure"].pop("digits")  # they come with an extra
    as_recorded(measured, Path(__file__).parent / "measured.json")


def test_tables_figures_and_page(run):
    out, _ = run
    written = json.loads((out / "result.json").read_text())
    titles = [table["title"] for table in written["tables"]]
    for title in (
        "Errors of perceptrons",
        "Errors of graph networks",
        "Errors of whole steps",
        "Errors on random networks",
        "Learned spectrum, b = 2",
        "Median NMSE",
    ):
        assert title in titles
    errors = written["tables"][titles.index("Errors of perceptrons")]
    assert [row[0] for row in errors["rows"]][:4] == [
        "mean of the targets",
        "least squares",
        "untrained, relu free",
        "relu free, depth 1",
    ]
    assert all(" of 2" in row[2] for row in errors["rows"])
    sizes = written["tables"][titles.index("Errors by size")]
    assert [row[:2] for row in sizes["rows"]] == [
        ["hidden units", 2],
        ["hidden units", 4],
        ["training vectors", 32],
        ["training vectors", 64],
    ]
    centre = [row[2:] for row in sizes["rows"] if row[1] in (4, 32)]
    assert centre[0] == centre[1]
    assert all(math.isclose(row[4], row[3] / row[2]) for row in sizes["rows"])
    assert len(list((out / "figures").iterdir())) == 7
    assert "Renormalisation as a test bed" in (out / "report.html").read_text()


def test_parts_are_kept_and_taken_up_again(tmp_path, monkeypatch):
    config = {**SHORT, "perceptrons": TINY["perceptrons"][:2]}
    first = json.loads(json.dumps(measure(config, 3, tmp_path, Unwatched()), default=str))
    parts = sorted((tmp_path / "parts").iterdir())
    assert "zoo-relu-free-1.json" in [part.name for part in parts]
    parts[0].unlink()
    with monkeypatch.context() as patch:
        patch.setattr("haar.systems.renormalisation.protocol.fit", None)  # the zoo is not trained again
        again = measure(config, 3, tmp_path, Unwatched())
    assert again["seeds"] == [6, 7]
    assert json.loads(json.dumps(again)) == first


def test_the_same_seed_measures_the_same(tmp_path):
    config = {**SHORT, "perceptrons": TINY["perceptrons"][:2], "steps_of_two": TINY["steps_of_two"][:1]}
    one = measure(config, 0, tmp_path / "a", Unwatched())
    two = measure(config, 0, tmp_path / "b", Unwatched())
    assert json.dumps(one) == json.dumps(two)


def test_presets_are_complete():
    recipe = load_recipe("renormalisation")
    assert recipe.default_seeds["full"] * recipe.presets["full"]["networks"] >= 8
    assert recipe.default_seeds["quick"] * recipe.presets["quick"]["networks"] >= 8
    full = recipe.presets["full"]
    assert len(full["perceptrons"]) == 5 * 5 * 2
    assert len(full["graphs"]) == 3 * 2 * 3
    assert all(cell in full["perceptrons"] for cell in recipe.presets["quick"]["perceptrons"])
    assert set(recipe.presets["quick"]) == set(full)


def test_laws_without_eighth_moments_are_not_judged():
    assert set(LAWS) - set(TESTABLE) == {"t5"}


def test_presets_have_the_options_of_the_experiment_and_no_others():
    for preset in PRESETS.values():
        options(Options, preset)
        with pytest.raises(ArgumentError, match="got 'netwroks'; did you mean networks"):
            options(Options, {**preset, "netwroks": 3})


@pytest.fixture
def recorded():
    """Measures of the shape that the protocol gives, with numbers that show every effect: two seeds."""
    return json.loads((Path(__file__).parent / "measures.json").read_text())


def _verdicts(measures):
    return {claim.name: claim.verdict for claim in judge(CLAIMS, measures)}


def _standing(measures):
    return {name for name, verdict in _verdicts(measures).items() if verdict != "contradicted"}


def test_every_claim_holds_on_recorded_measures_that_show_it(recorded):
    assert _verdicts(recorded) == {claim.name: "holds" for claim in CLAIMS}


def _one(measures, error):
    """One error for every network of every cell on every law."""
    for group in ("zoo", "graphs", "whole_steps"):
        for name, cell in measures[group].items():
            cell["nmse"] = [[error(name) for _ in row] for row in cell["nmse"]]


def _mean_in_place_of_every_network(measures):
    """A constant output has an error of 1 and no cumulants; these miss the mean a little, constrained ones more."""
    _one(measures, lambda name: 1.2 if "free" in name or "distinct" in name else 1.3)
    for cell in measures["zoo"].values():
        if "z" in cell:
            cell["z"] = [[40.0 for _ in row] for row in cell["z"]]
    for name, cell in measures["steps"].items():
        cell["relative_error"] = [[1.0 for _ in row] for row in cell["relative_error"]]
        last = {"relu free": 3.0, "relu odd": 2.0, "relu graph": 1.0}.get(name, 9.0)
        cell["flow"]["exponential"]["learned"] = [[[last] * 4] for _ in cell["relative_error"]]
    for cell in measures["graphs"].values():
        for law in cell.get("propagation", {}).values():
            law |= {order: [[1.0 for _ in gaps] for gaps in law[order]] for order in law}
    for scenario in measures["breaking"].values():  # no scenario does anything
        scenario["distance"] = [[0.1 + 0.01 * step for _ in row] for step, row in enumerate(scenario["distance"])]
        scenario["losses"] = [[1.0 for _ in row] for row in scenario["losses"]]
    measures["breaking"]["perturbed"]["distance"][-1] = [0.09 for _ in measures["seeds"]]
    for found in measures["closure"].values():
        for run in (run for row in found["rows"] for run in row["runs"]):
            run |= {"loss": 1.1, "closures": [0.5 for _ in run["closures"]]}
    for rules in measures["orders"].values():  # every rule as far as the worst
        for rule in rules:
            rules[rule] = [[0.2, 0.5] if rule != "order 2" else [0.2, 0.6] for _ in rules[rule]]


def test_the_mean_in_the_place_of_every_network_holds_only_that_it_errs(recorded):
    for measures in recorded:
        _mean_in_place_of_every_network(measures)
    assert _standing(recorded) == {"spectrum of tied", "constraints hurt graph networks"}


def test_the_exact_map_in_the_place_of_every_network_holds_nothing_of_what_constraints_cost(recorded):
    for measures in recorded:
        _one(measures, lambda _: 1e-31)
        for cell in measures["steps"].values():
            cell["relative_error"] = [[0.0 for _ in row] for row in cell["relative_error"]]
    costs = {claim.name for claim in CLAIMS if claim.claim.startswith("(i) ")}
    lost = {*costs, "depth hurts without symmetry", "spectrum of tied"}
    assert _standing(recorded) == {claim.name for claim in CLAIMS} - lost


def test_graph_networks_without_a_cost_of_sharing_contradict_that_there_is_one(recorded):
    for measures in recorded:
        shared = measures["graphs"]["gnn complete shared relu 1"]
        shared["nmse"] = [[0.5e-3 for _ in row] for row in shared["nmse"]]
    assert _verdicts(recorded)["constraints hurt graph networks"] == "contradicted"


def test_every_seed_has_test_samples_of_its_own(tmp_path):
    config = {**SHORT, "perceptrons": [["linear", "free", 1]], "breaking_networks": 1, "breaking_steps": 1}
    config |= {"networks": 1, "steps": 1}
    found = [measure(config, seed, tmp_path / str(seed), Unwatched())["baselines"] for seed in (3, 4)]
    first, second = (one["untrained, relu free"]["standard_error"] for one in found)
    assert first != second
    nets = PerceptronEnsemble("free", "relu", Sizes(4, 4, 1), seeds=[3])
    expected = evaluate(nets, samples=config["test"], seed=3).nmse.detach()
    torch.testing.assert_close(torch.tensor(found[0]["untrained, relu free"]["nmse"], dtype=torch.float64), expected)


def test_a_sweep_is_of_networks_of_the_zoo(tmp_path):
    config = {**SHORT, "sweep": {"networks": [["tanh", "free"]], "samples": [16]}}
    with pytest.raises(ArgumentError, match="sweep: expected networks among the perceptrons, got tanh free"):
        measure(config, 0, tmp_path, Unwatched())


def test_classifiers_are_judged_on_points_that_they_were_not_trained_on(run):
    (path,) = run[0].glob("runs/*/measures.json")
    xor = json.loads(path.read_text())["measures"]["closure"]["xor"]
    for row in xor["rows"]:
        for one in row["runs"]:
            assert one["closures"][-1] == pytest.approx(one["loss"], rel=1e-9)
            assert one["loss"] != pytest.approx(one["train_loss"], rel=1e-6)
    assert {row["start"][0] for row in xor["rows"]} == {"U", "N"}
