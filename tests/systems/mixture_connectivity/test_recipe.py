"""A pair of mixtures is trained on one trunk, brought together in every way, judged and told; claims can fail."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.claim import judge
from haar.systems.experiment import options
from haar.systems.mixture_connectivity.claims import CLAIMS
from haar.systems.mixture_connectivity.options import Options
from haar.systems.mixture_connectivity.pairs import trained
from haar.systems.mixture_connectivity.protocol import measure
from haar.systems.mixture_connectivity.recipe import RECIPE
from haar.systems.mixture_connectivity.sections import told
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

TINY = {
    "experts": 3, "units": 6, "dim": 8, "chosen": [3, 2], "trunk_steps": 30, "steps": 40, "learning_rate": 0.01,
    "batch_size": 32, "noise": 0.15, "points": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    assert all(set(preset) == set(TINY) for preset in RECIPE.presets.values())
    assert min(RECIPE.default_seeds.values()) >= 3


def test_an_option_that_a_preset_does_not_have_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"got 'expert'; did you mean experts"):
        measure(TINY | {"expert": 3}, 0, tmp_path, Unwatched())


def test_a_seed_measures_what_it_did(measures, as_recorded):
    as_recorded(measures, Path(__file__).parent / "measured.json")


def test_ways_lie_between_the_best_and_the_worst_of_all_orders(measures):
    assert list(measures["mixtures"]) == ["dense", "top 2"]
    for pair in measures["mixtures"].values():
        assert pair["best"] <= pair["inner alone"] <= pair["worst"]
        for way in pair["ways"].values():
            assert pair["best"] <= way["barrier"] <= pair["worst"]
            assert 1 <= way["rank"] <= 6
            assert (way["rank"] == 1) == (way["barrier"] == pair["best"])
        assert pair["translated"] < 1e-12
        assert pair["planted"] < 1e-12


def test_both_networks_have_the_trunk_that_they_were_given():
    preset = options(Options, TINY)
    trunk = trained(preset, 0, 3, None, Unwatched())
    one, other = (trained(preset, seed, 3, trunk, Unwatched()) for seed in (1, 2))
    for name in ("trunk.weight", "head.bias"):
        assert torch.equal(one.state_dict()[name], trunk.state_dict()[name])
        assert torch.equal(other.state_dict()[name], trunk.state_dict()[name])
    assert float(trunk.down.abs().max()) == 0.0
    assert not torch.allclose(one.up, other.up, atol=0.01)


def _ideal(measures):
    good = copy.deepcopy(measures)
    for pair in good["mixtures"].values():
        pair |= {"naive": 0.1, "inner alone": 0.05, "best": 0.01, "worst": 0.08, "losses": [0.1, 0.11], "trunk": 0.3}
        pair |= {"translated": 1e-15, "barrier translated": 1e-9, "planted": 1e-15}
        for k, way in enumerate(pair["ways"].values()):
            way |= {"barrier": 0.02 + 0.01 * k, "order alone": 0.09 + 0.01 * k}
    return good


def test_claims_hold_on_ideal_measures_and_each_can_fail(measures):
    good = _ideal(measures)
    assert {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [good]) if not claim.holds} == {}

    def every(**values):
        return lambda pair: pair.update(values)

    def smooth(pair):
        """A plain average that is nearly as good, with everything else in proportion."""
        pair.update({"naive": 0.077, "inner alone": 0.06})
        for way in pair["ways"].values():
            way.update({"barrier": 0.039, "order alone": 0.06})

    spoilt = {
        "it has learned": every(losses=[0.2, 0.31]),
        "orders and units": smooth,
        "orders matter": every(**{"inner alone": 0.0249}),
        "units matter": lambda pair: pair["ways"]["gram"].update({"order alone": 0.059}),
        "gates are seen up to a translation": every(translated=1e-9),
        "barriers are not": every(**{"barrier translated": 1e-5}),
        "planted elements": every(planted=1e-4),
    }  # fmt: skip
    assert set(spoilt) == {claim.name for claim in CLAIMS}
    for name, spoil in spoilt.items():
        bad = copy.deepcopy(good)
        for pair in bad["mixtures"].values():
            spoil(pair)
        verdicts = {claim.name: claim.verdict for claim in judge(CLAIMS, 3 * [bad]) if not claim.holds}
        assert verdicts == {name: "contradicted"}


def test_ways_that_are_no_better_than_chance_hold_nothing(measures):
    bad = _ideal(measures)
    for pair in bad["mixtures"].values():
        for way in pair["ways"].values():
            way["barrier"] = 0.06
    held = {claim.name for claim in judge(CLAIMS, 3 * [bad]) if claim.holds}
    assert not held & {"orders and units", "orders matter"}


def test_sections_have_their_tables_and_figures(measures):
    sections = told([measures, measures])
    assert [section.title for section in sections] == ["Barriers", "Ranks"]
    assert len(sections[0].table.rows) == 14
    assert len(sections[1].table.rows) == 6
    assert len(sections[0].figure.axes) == 1
