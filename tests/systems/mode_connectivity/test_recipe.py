"""A pair is trained, brought together on every rung, judged and told; claims can fail."""

from __future__ import annotations

import copy
import json
import sysconfig
from pathlib import Path

import pytest
import torch

from haar.data.digits import handwritten_digits
from haar.errors import ArgumentError, DataError
from haar.systems.claim import judge
from haar.systems.mode_connectivity import tasks
from haar.systems.mode_connectivity.claims import CLAIMS
from haar.systems.mode_connectivity.ladder import one_cycle, trained
from haar.systems.mode_connectivity.options import Training
from haar.systems.mode_connectivity.protocol import measure
from haar.systems.mode_connectivity.recipe import RECIPE
from haar.systems.mode_connectivity.sections import told
from haar.systems.mode_connectivity.tasks import CONTEXT, TRANSFORMERS, handwritten, perceptron, text
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

SMALL = {"steps": 2, "learning_rate": 0.002, "batch_size": 4, "test": 8}
TINY = {
    "perceptron": {"steps": 40, "learning_rate": 0.003, "batch_size": 32, "test": 100},
    "widths": [8, 16],
    "transformers": {},
    "points": 5,
    "rotation_steps": 2,
    "order_steps": 2,
}
RUNGS = ["vanilla", "permutation", "orthogonal", "learned permutation", "learned orthogonal"]


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert set(preset) == set(TINY)
        assert set(preset["transformers"]) <= set(TRANSFORMERS)
    assert set(RECIPE.presets["full"]["transformers"]) == set(TRANSFORMERS)


def test_an_option_that_a_preset_does_not_have_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"got 'width'; did you mean widths"):
        measure(TINY | {"width": [3]}, 0, tmp_path, Unwatched())


def test_a_seed_measures_what_it_did(measures, as_recorded):
    as_recorded(measures, Path(__file__).parent / "measured.json")


def test_finished_pairs_are_kept(measures, tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "perceptrons-width-8.json").write_text(json.dumps({"kept": 1}))
    found = measure(TINY, 0, tmp_path, Unwatched())
    assert found["perceptrons"]["width 8"] == {"kept": 1}
    assert found["halves"] == measures["halves"]


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_every_transformer_goes_up_the_ladder(name, tmp_path):
    found = measure(TINY | {"widths": [4], "transformers": {name: SMALL}}, 1, tmp_path, Unwatched())
    pair = found["transformers"][name]
    assert list(pair["lines"]) == RUNGS
    ends = [(line["losses"][0], line["losses"][-1]) for line in pair["lines"].values()]
    assert all(end == pytest.approx(ends[0], rel=1e-4) for end in ends)  # the two networks stay what they are
    assert pair["moved"] < 1e-12
    assert pair["planted"] < 1e-6 < 0.5 < pair["planted_before"]
    assert 0 < pair["turned"] < 2
    assert {claim.name for claim in judge(CLAIMS, [found])} > {"perceptrons: weights"}


def test_both_networks_of_a_pair_have_first_weights_and_an_order_of_their_own():
    how = Training(steps=1, learning_rate=0.1, batch_size=4, test=4)
    task = handwritten(lambda: perceptron(4))
    before = torch.random.get_rng_state()
    one, again, other = (trained(task, how, seed)[0].weight for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=0.01)


def test_the_rate_rises_and_falls():
    rates = [one_cycle(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[30] == 1.0
    assert rates == sorted(rates[:30]) + sorted(rates[30:], reverse=True)


def test_halves_have_nothing_in_common_and_nothing_of_the_test():
    x, y = handwritten_digits()
    generator = torch.Generator().manual_seed(0)
    seen = [
        {tuple(row.tolist()) for row in handwritten(lambda: perceptron(4), half=k).batch(2000, generator)[0]}
        for k in (0, 1)
    ]
    places = [{tuple(row.tolist()) for row in x[begin:end]} for begin, end in ((0, 600), (600, 1200))]
    assert seen[0] <= places[0]
    assert seen[1] <= places[1]
    held_out = handwritten(lambda: perceptron(4)).test(597)
    assert torch.equal(held_out[0], x[1200:])
    assert torch.equal(held_out[1], y[1200:])


def test_text_is_split_and_its_baseline_is_that_of_counts():
    task, whole = TRANSFORMERS["llama"](), text()
    cut = int(0.9 * len(whole))
    assert task.test(3).shape == (3, CONTEXT + 1)
    assert torch.equal(task.test(1)[0], whole[cut : cut + CONTEXT + 1])
    assert 2.5 < task.baseline < float(torch.tensor(96.0).log())
    assert whole.min() == 0
    assert whole.max() <= 95


IDEAL = {"vanilla": 2.0, "permutation": 1.2, "orthogonal": 0.8, "learned permutation": 0.9, "learned orthogonal": 0.3}


def _ideal(measures):
    """Measures that show every effect."""
    good = copy.deepcopy(measures)

    def line(height, low=1.0):
        return {"barrier": height, "middle": low + height, "losses": [low, low + height / 2, low + height, low, low]}

    for name, pair in {**good["perceptrons"], "halves": good["halves"]["perceptrons"]}.items():
        wide = 0.01 if name == "width 16" else 0.02
        pair["lines"] = {"vanilla": line(0.5, 0.1), "weights": line(wide, 0.1), "activations": line(0.03, 0.1)}
    one = {"lines": {rung: line(height) for rung, height in IDEAL.items()}, "baseline": 3.0, "turned": 0.5}
    one |= {"moved": 1e-14, "moved_single": 1e-6, "planted": 1e-13, "planted_before": 1.0}
    good["transformers"] = {name: copy.deepcopy(one) for name in TRANSFORMERS}
    return good


def _spoilt():
    def barrier(group, name, rung, height):
        return lambda m: m[group][name]["lines"][rung].update(barrier=height)

    def slow(m):
        m["perceptrons"]["width 16"]["lines"]["vanilla"]["losses"][-1] = 2.0

    def poor(m):
        for width, height in (("width 16", 0.05), ("width 8", 0.06)):
            m["perceptrons"][width]["lines"]["weights"]["barrier"] = height

    told = {
        "perceptrons: they have learned": slow,
        "perceptrons: weights": poor,
        "perceptrons: activations": barrier("perceptrons", "width 16", "activations", 0.51),
        "perceptrons: width": barrier("perceptrons", "width 8", "weights", 0.009),
        "perceptrons: planted elements": lambda m: m["perceptrons"]["width 8"].update(planted=1e-4),
        "perceptrons: split data": barrier("halves", "perceptrons", "weights", 0.3),
    }
    for key, name in {"llama": "Llama", "gpt2": "GPT-2", "vit": "ViT"}.items():

        def lines(key, **heights):
            def spoil(m):
                for rung, height in heights.items():
                    m["transformers"][key]["lines"][rung.replace("_", " ")]["barrier"] = height

            return spoil

        def number(key, **values):
            return lambda m: m["transformers"][key].update(values)

        told |= {
            f"{name}: it has learned": number(key, baseline=1.05),
            f"{name}: permutations": lines(key, vanilla=1.1),
            f"{name}: rotations": lines(key, orthogonal=1.3),
            f"{name}: learned rotations": lines(key, learned_permutation=0.5),
            f"{name}: learned rotations and permutations": lines(key, permutation=0.82),
            f"{name}: no function is changed": number(key, moved=1e-9),
            f"{name}: single precision": number(key, moved_single=1e-3),
            f"{name}: planted elements": number(key, planted=1e-4),
        }
    return told


def test_claims_hold_on_ideal_measures_and_each_can_fail(measures):
    good = _ideal(measures)
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [good]) if not claim.holds} == {}
    spoilt = _spoilt()
    assert set(spoilt) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt.items():
        bad = copy.deepcopy(good)
        spoil(bad)
        assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad]) if not claim.holds} == {
            name: "contradicted"
        }


def test_networks_that_no_symmetry_brings_together_hold_nothing_of_the_ladder(measures):
    """A matching that does nothing: every rung has the barrier of plain averages, a little more or less."""
    bad = _ideal(measures)
    for pair in bad["transformers"].values():
        for k, rung in enumerate(RUNGS):
            pair["lines"][rung]["barrier"] = 2.0 + 0.01 * k
    for pair in [*bad["perceptrons"].values(), bad["halves"]["perceptrons"]]:
        for k, rung in enumerate(pair["lines"]):
            pair["lines"][rung]["barrier"] = 0.5 + 0.01 * k
    held = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.holds}
    assert not [name for name in held if name.endswith(("permutations", "rotations", "weights", "activations", "data"))]


def test_sections_have_their_tables_and_figures(measures):
    good = _ideal(measures)
    sections = told([good, good])
    assert [section.title for section in sections] == ["Perceptrons", "Transformers", "Nothing changed"]
    assert len(sections[0].table.rows) == 3
    assert len(sections[1].table.rows) == 15
    assert len(sections[1].figure.axes) == 3
    assert [section.title for section in told([measures])] == ["Perceptrons"]


def test_a_text_needs_the_sources_of_the_library(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"stdlib": str(tmp_path)})
    for size, too_few in ((499_999, True), (500_000, False)):
        (tmp_path / "a.py").write_text("x" * size)
        tasks.text.cache_clear()
        if too_few:
            with pytest.raises(DataError, match="standard library: expected 500000 characters and more, got fewer"):
                tasks.text()
        else:
            assert tasks.text().shape == (500_000,)
    tasks.text.cache_clear()
