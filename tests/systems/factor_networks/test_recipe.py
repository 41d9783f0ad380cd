"""A small run measures what it did; worlds are what is said; claims can fail."""

from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from haar.data.monthly import french_portfolios
from haar.errors import ArgumentError
from haar.systems.claim import judge
from haar.systems.factor_networks.claims import CLAIMS
from haar.systems.factor_networks.comparison import DECAYS, NETWORKS
from haar.systems.factor_networks.options import ReturnsOptions
from haar.systems.factor_networks.protocol import measure
from haar.systems.factor_networks.recipe import RECIPE
from haar.systems.factor_networks.returns import rolling_returns
from haar.systems.factor_networks.sections import told
from haar.systems.factor_networks.worlds import DrawnWorld
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

pytestmark = pytest.mark.filterwarnings("ignore::haar.nn.principal.DegenerateCutWarning")
TINY = {
    "gauge": {"columns": 12, "rows": 60, "batch_size": 20, "epochs": 2, "test": 50},
    "comparison": {
        "worlds": {
            name: {"kind": name, "columns": 12, "factors": 2, "rows": 80}
            for name in ("linear", "tanh", "sine", "square")
        },
        "networks": list(NETWORKS),
        "kept": 4,
        "width": 8,
        "epochs": 2,
        "validation": 20,
        "test": 50,
    },
    "returns": {"window": 120, "step": 60, "factors": 4, "steps": 3},
}


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert set(preset) == set(TINY)
        assert set(preset["comparison"]["networks"]) <= set(NETWORKS)
    assert set(RECIPE.presets["full"]["comparison"]["networks"]) == set(NETWORKS)


def test_a_seed_measures_what_it_did(measures, as_recorded):
    found = copy.deepcopy(measures)
    del found["gauge"]["policies"]["errors"]["raw"]  # the solver's signs are those of its make
    for numbers in ("drift", "flips", "errors"):
        del found["returns"]["windows"][numbers]["solver"]
    as_recorded(found, Path(__file__).parent / "measured.json")


def test_finished_parts_are_kept(measures, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "networks-sine.json").write_text(json.dumps({"kept": 1}))
    small = copy.deepcopy(TINY)
    small["comparison"]["worlds"] = {"sine": TINY["comparison"]["worlds"]["sine"]}
    found = measure(small, 0, tmp_path, Unwatched())
    assert found["networks"]["sine"] == {"kept": 1}
    assert found["gauge"] == measures["gauge"]


def test_the_decay_is_chosen_among_those_that_were_tried(measures):
    for world in measures["networks"].values():
        assert world["decays"]["NN, decay"] in DECAYS
        assert world["decays"]["NN"] == 0
        assert world["errors"]["mean"] == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("kind", ["linear", "tanh", "sine", "square"])
def test_columns_are_what_is_said_and_answers_a_sum_of_functions_of_one_factor(kind):
    world = DrawnWorld(kind, 9, 3, torch.Generator().manual_seed(1))
    rows = world.draw(4000, noise=0.0)
    assert float(rows.factors.abs().max()) <= 1
    f, b, c = rows.factors, world.loadings, world.others
    meant = {
        "linear": f @ b,
        "tanh": 1.5 * torch.tanh(f @ b) + torch.sin(f**2 @ c),
        "sine": 1.5 * torch.sin(3 * (f @ b)),
        "square": (f @ b) ** 2,
    }[kind]
    noise = rows.x - meant
    assert float(noise.abs().max()) <= 1 + 1e-5
    assert float(noise.var()) == pytest.approx(1 / 3, rel=0.02)
    middle = torch.stack([m(f[:, j]) for j, m in enumerate(world.functions)]).sum(0)
    torch.testing.assert_close(rows.y, middle)
    assert world.functions[0] is world.functions[-1]
    noisy = world.draw(4000)
    clean = torch.stack([m(noisy.factors[:, j]) for j, m in enumerate(world.functions)]).sum(0)
    assert float((noisy.y - clean).std()) == pytest.approx(0.3, rel=0.05)


def test_a_world_that_is_unknown_is_refused():
    with pytest.raises(ArgumentError, match="kind: expected one of linear, tanh, sine, square, got 'cubic'"):
        DrawnWorld("cubic", 9, 3, torch.Generator())


def test_windows_turn_as_numpy_says():
    found = rolling_returns(ReturnsOptions(window=120, step=12, factors=4, steps=1), 0)
    returns = french_portfolios().returns
    frames = []
    for start in range(0, 819 - 120 + 1, 12):
        rows = returns[start : start + 120]
        v = np.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:4].T
        frames.append(v * np.sign(v[np.abs(v).argmax(0), np.arange(4)]))
    moves = [float(np.linalg.norm(other - one)) for one, other in itertools.pairwise(frames)]
    flips = sum((one * other).sum(0) < 0 for one, other in itertools.pairwise(frames))
    assert found["drift"]["by loadings"] == pytest.approx(moves)
    assert found["flips"]["by loadings"] == flips.tolist()
    assert np.mean(found["drift"]["aligned"]) == pytest.approx(0.373, abs=1e-3)
    assert len(found["nothing"]) == len(found["drift"]["aligned"]) == 58
    assert found["explained"]["1"] == pytest.approx([0.926, 0.213, 0.017, 0.042], abs=1e-3)


def ideal(measures):
    """Measures that show every effect."""
    good = copy.deepcopy(measures)
    good["gauge"]["policies"]["errors"] |= {
        "fixed": 1,
        "align": 1.1,
        "canonical": 20,
        "invariant": 20,
        "raw": 20,
        "linear": 5,
    }
    networks = {"FAR": 1.0, "soft": 2.0, "GFANN": 3.0, "NN": 4.0, "NN, decay": 3.5, "linear on factors": 9.0}
    for world in ("linear", "tanh"):
        good["networks"][world]["errors"] |= networks
    good["networks"]["sine"]["errors"] |= {"FAR": 3.0, "GFANN": 1.0, "NN, decay": 1.0, "linear on factors": 9.0}
    windows = good["returns"]["windows"]
    windows["drift"] |= {"solver": [2.0] * 9, "aligned": [0.4] * 9}
    windows["errors"] |= {"solver": [2.0] * 9, "by loadings": [1.0] * 9, "aligned": [0.4] * 9}
    windows["nothing"] = [1.0] * 9
    windows["explained"]["4"] = [0.986, 0.865, 0.733, 0.893]
    return good


def spoilt():
    """For every claim, measures of what has nothing to show."""

    def of(*keys, **values):
        def spoil(measured):
            for key in keys:
                measured = measured[key]
            measured.update({name.replace("_", " ").replace("NN decay", "NN, decay"): v for name, v in values.items()})

        return spoil

    policies, windows = ("gauge", "policies", "errors"), ("returns", "windows")
    linear, tanh, sine = (("networks", world, "errors") for world in ("linear", "tanh", "sine"))
    return {
        "gauge: it has learned": of(*policies, linear=1.0),
        "gauge: align": of(*policies, align=1.4),
        "gauge: canonical": of(*policies, canonical=9.0),
        "gauge: invariant": of(*policies, invariant=9.0),
        "gauge: raw": of(*policies, raw=9.0),
        "linear: FAR beats linear": of(*linear, linear_on_factors=0.9),
        "sine: GFANN beats linear": of(*sine, linear_on_factors=0.9),
        "linear: FAR before soft": of(*linear, soft=0.9),
        "linear: soft before GFANN": of(*linear, GFANN=1.9),
        "linear: FAR before GFANN": of(*linear, GFANN=0.9),
        "linear: soft before NN": of(*linear, NN=1.9),
        "linear: FAR before NN": of(*linear, NN_decay=0.9),
        "sine: GFANN before FAR": of(*sine, FAR=1.9),
        "sine: GFANN before NN": of(*sine, NN_decay=0.9),
        "sine: NN ties": of(*sine, NN_decay=1.1),
        "tanh: FAR before NN": of(*tanh, NN_decay=0.9),
        "returns: explained": of(*windows, "explained", **{"4": [0.986, 0.865, 0.73, 0.893]}),
        "returns: heads have learned": of(*windows, nothing=[0.3] * 9),
        "returns: drift": of(*windows, "drift", solver=[0.7] * 9),
        "returns: kept heads": of(*windows, "errors", solver=[0.7] * 9),
        "returns: a rule for signs is not enough": of(*windows, "errors", by_loadings=[0.3] * 9),
    }


def test_claims_hold_on_ideal_measures_and_each_can_fail(measures):
    good = ideal(measures)
    assert {claim.name for claim in judge(CLAIMS, 3 * [good]) if not claim.holds} == set()
    assert set(spoilt()) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt().items():
        bad = copy.deepcopy(good)
        spoil(bad)
        assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad])}[name] == "contradicted", name


def test_networks_that_are_all_alike_hold_no_order(measures):
    bad = ideal(measures)
    for world in bad["networks"].values():
        world["errors"] = dict.fromkeys(world["errors"], 1.0)
    held = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.holds}
    assert "sine: GFANN before FAR" not in held


def test_sections_have_their_tables_and_figures(measures):
    sections = told([measures, measures])
    assert [section.title for section in sections] == [
        "Networks on drawn tables",
        "The gauge of a layer in training",
        "Real returns",
    ]
    assert len(sections[0].table.rows) == len(NETWORKS) + 3
    assert len(sections[1].table.rows) == 7
    assert len(sections[2].table.rows) == 5
