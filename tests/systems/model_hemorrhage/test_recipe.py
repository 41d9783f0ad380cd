"""Networks are trained, compressed, judged and told; every claim can fail."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.claim import judge
from haar.systems.model_hemorrhage.characters import badly_scaled, gated, measured, rectified
from haar.systems.model_hemorrhage.claims import CLAIMS
from haar.systems.model_hemorrhage.options import Characters
from haar.systems.model_hemorrhage.protocol import measure
from haar.systems.model_hemorrhage.recipe import RECIPE
from haar.systems.model_hemorrhage.sections import told
from haar.systems.model_hemorrhage.symmetric import invariant_function, quarter_turns
from haar.systems.model_hemorrhage.text import CONTEXT, topics, trained, unigram
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

SMALL = {"layers": 3, "steps": 2, "batch_size": 2, "texts": 2, "calibration": 2}
TINY = {
    "characters": SMALL,
    "gated": SMALL | {"layers": 1},
    "perceptron": {"steps": 5, "samples": 16},
    "surrogate": {"steps": 2, "samples": 1},
    "gauge_texts": 1,
}


@pytest.fixture
def measures():
    """Of hardly trained networks, as they were once measured."""
    return json.loads((Path(__file__).parent / "measures.json").read_text())[0]


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    assert all(set(preset) == set(TINY) for preset in RECIPE.presets.values())
    assert RECIPE.default_seeds["quick"] == 3


def test_text_is_split_and_its_baseline_is_that_of_counts():
    found = topics()
    assert found.characters == 94
    assert len(found.learned) == int(0.9 * (len(found.learned) + len(found.held)))
    texts = found.drawn(3, 0)
    assert texts.shape == (3, CONTEXT)
    assert torch.equal(texts, found.drawn(3, 0))
    assert not torch.equal(texts, found.drawn(3, 1))
    assert 15 < unigram() < 40


def test_a_badly_scaled_copy_computes_the_same():
    how = Characters(**SMALL)
    model = trained(rectified(how), how, 0).double()
    copied = badly_scaled(model, 3)
    texts = topics().drawn(2, 0)
    with torch.no_grad():
        assert torch.allclose(copied(texts), model(texts), atol=1e-12)
    up = [one.transformer["h"][0].mlp.c_fc.weight.detach().norm(dim=0).sort().values for one in (model, copied)]
    assert float(up[1][-1] / up[1][0]) > 10 * float(up[0][-1] / up[0][0])


def test_training_comes_from_the_seed_alone():
    how = Characters(**SMALL)
    made = [gated(how) for _ in range(3)]
    state = torch.random.get_rng_state()
    pairs = zip(made, (0, 0, 1), strict=True)
    one, again, other = (trained(model, how, seed).lm_head.weight for model, seed in pairs)
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_invariant_function_is_invariant():
    x = torch.randn(20, 2, dtype=torch.float64)
    symmetry = quarter_turns()
    for g in symmetry.group.elements():
        assert torch.allclose(invariant_function(symmetry.act_inputs(g, (x,))[0]), invariant_function(x))
    assert float(invariant_function(x).std()) > 0.2


def _ideal(measures):
    """Measures that show every effect."""
    good = copy.deepcopy(measures)
    m = good["characters"]["rectified"]
    m.update(dense=4.0, dense_copy=4.0, unigram=24.0)
    for curves in (m["curves"], m["copy"]):
        for levels in curves.values():
            levels.update(dict.fromkeys(levels, 8.0))
    c = m["curves"]
    c["quantise"]["4"], c["magnitude"]["0.5"], c["4:8"]["0.5"], c["2:4"]["0.5"] = 4.3, 5.0, 5.7, 6.4
    c["units"]["0.5"] = m["copy"]["units"]["0.5"] = 6.6
    c["wanda"]["0.5"] = m["copy"]["wanda"]["0.5"] = 5.3
    c["random"].update(dict.fromkeys(c["random"], 40.0))
    m["copy"]["magnitude"].update({"0.5": 6.8, "0.7": 14.0})
    m["copy"]["quantise"]["4"], c["noise"]["0.2"], m["copy"]["noise"]["0.2"] = 6.0, 4.6, 16.0
    m["skips"] = {"0": 12.0, "1": 6.0, "2": 6.5, "1+2": 13.0}
    m["crossings"] = {"magnitude": {"value": 0.55}, "quantise": {"value": 2.8}}
    m["stacked"] = {"0.2": {"8": 0.0, "4": 0.01}, "0.6": {"8": 0.0, "4": 0.5}}
    for gauge in good["gauge"].values():
        for method in gauge["gaps"]:
            gauge["gaps"][method] = dict.fromkeys(gauge["gaps"][method], 0.0)
        for method in ("magnitude", "quantise"):
            gauge["gaps"][method] = {k: 0.0 if k == "units: order" else 0.4 for k in gauge["gaps"][method]}
        gauge["gaps"]["low rank"]["units: scale"] = 0.4
        gauge["canonical"] = dict.fromkeys(gauge["canonical"], 1e-13)
        gauge["moved"] = 1e-15
    for part in good["symmetric"].values():
        for rows in (part["magnitude"], part["quantise"]):
            for row in rows.values():
                row.update(loss=0.5, orbit=0.5, average=0.4, spread=0.1, identity=1e-16)
        part["magnitude"]["dense"].update(loss=0.3, orbit=0.31, average=0.28, spread=0.03)
        part["magnitude"]["0.2"].update(orbit=0.36, spread=0.06)
        part["magnitude"]["0.9"].update(spread=0.03)
    good["symmetric"]["perceptron"]["invariant"] = 1e-16
    raw = good["characters"]["gated"]
    raw["unigram"] = 24.0
    for name in ("raw", "canonical"):
        for method in raw[name]:
            raw[name][method] = 4.7 if method == "dense" else {"0.5": 6.0, "0.7": 12.0 if name == "raw" else 10.0}
    good["published"]["tables"]["Wanda"]["law"].update(gain=-1.0, residual=0.001, rival=0.02)
    return good


def _spoilt():
    def at(value, *keys):
        def spoil(m):
            for key in keys[:-1]:
                m = m[key]
            m[keys[-1]] = value

        return spoil

    text = ("characters", "rectified")
    found = {
        "characters: it has learned": at(6.0, *text, "unigram"),
        "characters: bits before weights": at(5.1, *text, "curves", "quantise", "4"),
        "characters: any before 4:8": at(4.9, *text, "curves", "4:8", "0.5"),
        "characters: 4:8 before 2:4": at(5.6, *text, "curves", "2:4", "0.5"),
        "characters: 2:4 before units": None,
        "characters: size counts": at(9.0, *text, "curves", "random", "0.3"),
        "characters: first block": at(6.0, *text, "skips", "0"),
        "characters: magnitude sees scales": at(4.9, *text, "copy", "magnitude", "0.5"),
        "characters: bits see scales": at(4.2, *text, "copy", "quantise", "4"),
        "characters: noise sees scales": at(4.5, *text, "copy", "noise", "0.2"),
        "characters: wanda on the copy": at(15.0, *text, "copy", "wanda", "0.7"),
        "characters: damages add": at(0.2, *text, "stacked", "0.2", "4"),
        "characters: wanda on the copy is the same": at(5.4, *text, "copy", "wanda", "0.5"),
        "characters: units on the copy is the same": at(6.7, *text, "copy", "units", "0.5"),
    }
    for key, label in {"llama": "Llama, grouped queries", "gpt2": "GPT-2 with ReLU"}.items():
        found |= {
            f"{label}: zeros": at(1e-11, "gauge", key, "gaps", "wanda", "norms: gain"),
            f"{label}: zeros, factors of data": at(1e-6, "gauge", key, "gaps", "low rank (data)", "norms: gain"),
            f"{label}: canonical": at(1e-7, "gauge", key, "canonical", "sparsegpt"),
            f"{label}: nothing moved": at(1e-11, "gauge", key, "moved"),
            f"{label}: seen": at(0.04, "gauge", key, "gaps", "quantise", "residual stream"),
        }
    for part in ("perceptron", "surrogate"):
        found |= {
            f"{part}: it has learned": at(0.95, "symmetric", part, "magnitude", "dense", "loss"),
            f"{part}: the split": at(1e-11, "symmetric", part, "quantise", "3", "identity"),
        }
    found |= {
        "perceptron: symmetry goes first": at(0.03, "symmetric", "perceptron", "magnitude", "0.2", "spread"),
        "perceptron: a dead network is symmetric": at(0.2, "symmetric", "perceptron", "magnitude", "0.9", "spread"),
        "perceptron: the average is invariant": at(1e-9, "symmetric", "perceptron", "invariant"),
        "gated: it has learned": at(9.0, "characters", "gated", "unigram"),
    }
    for method in ("magnitude", "magnitude (row)", "wanda", "obs", "taylor"):
        found[f"gated: canonical gauge, {method}"] = at(10.5, "characters", "gated", "canonical", method, "0.7")
    for name in ("magnitude", "Wanda", "SparseGPT", "ADMM", "SliceGPT, no finetune", "LLM-Pruner", "SLEB"):
        found[f"published: {name}"] = at(0.7, "published", "tables", name, "crossing")
    found["published: Wanda has no kink"] = at(3.0, "published", "tables", "Wanda", "law", "gain")
    found["published: Wanda's row, fitted to the end"] = at(0.003, "published", "tables", "Wanda", "law", "residual")

    def both(m):
        rectified = m["characters"]["rectified"]
        rectified["curves"]["units"]["0.5"] = rectified["copy"]["units"]["0.5"] = 6.3

    found["characters: 2:4 before units"] = both
    return found


def test_claims_hold_on_ideal_measures_and_each_can_fail(measures):
    good = _ideal(measures)
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [good]) if not claim.holds} == {}
    spoilt = _spoilt()
    assert set(spoilt) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt.items():
        bad = copy.deepcopy(good)
        spoil(bad)
        failed = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad]) if not claim.holds}
        assert failed == {name: "contradicted"}, name


def test_a_finished_part_is_not_measured_again(tmp_path):
    (tmp_path / "parts").mkdir()
    names = ("characters-rectified", "characters-gated", "symmetric-surrogate", "gauge-llama", "gauge-gpt2")
    for name in names:
        (tmp_path / "parts" / f"{name}.json").write_text(json.dumps({"kept": name}))
    found = measure(TINY, 0, tmp_path, Unwatched())
    assert found["gauge"]["llama"] == {"kept": "gauge-llama"}
    assert found["symmetric"]["perceptron"]["invariant"] < 1e-12
    for rows in ("magnitude", "quantise"):
        assert all(row["identity"] < 1e-12 for row in found["symmetric"]["perceptron"][rows].values())
    assert found["published"]["tables"]["SLEB"]["crossing"] == pytest.approx(0.234, abs=1e-3)
    with pytest.raises(ArgumentError, match="got 'gate'"):
        measure(TINY | {"gate": 1}, 0, tmp_path, Unwatched())


def test_a_language_model_measures_what_is_claimed_of():
    how = Characters(**(SMALL | {"layers": 2, "texts": 5}))
    found = measured(how, 0, Unwatched())
    assert {"quantise", "magnitude", "4:8", "2:4", "units", "random", "wanda", "noise"} <= set(found["curves"])
    assert found["dense"] == pytest.approx(found["dense_copy"], rel=1e-5)
    assert found["curves"]["wanda"]["0.5"] == pytest.approx(found["copy"]["wanda"]["0.5"], rel=1e-5)
    assert set(found["stacked"]) == {"0.2", "0.4", "0.5", "0.6"}


def test_sections_have_their_tables_and_figures(measures):
    sections = told([measures, measures])
    assert [section.title for section in sections if section.title] == [
        "A language model, compressed",
        "Damage on damage",
        "Who sees the choice of parameters",
        "Does a canonical gauge help?",
        "Symmetry under compression",
        "The published tables",
    ]
    assert sum(section.figure is not None for section in sections) == 3
    assert all(section.table is not None for section in sections)
