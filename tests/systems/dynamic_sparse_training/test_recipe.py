"""Networks are trained sparse, judged and told; agents live; finished parts are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from haar.actions.representation import Regular
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.systems.dynamic_sparse_training.control import Agent, Twins, network
from haar.systems.dynamic_sparse_training.orbits import network as circulant
from haar.systems.dynamic_sparse_training.protocol import measure
from haar.systems.dynamic_sparse_training.recipe import RECIPE
from haar.systems.dynamic_sparse_training.sections import told
from haar.systems.recipe import Recipe
from haar.watch import Unwatched

pytest.importorskip("gymnasium", reason="the extra haar[control] is not installed")
AGENTS = ("dense", "module-specific", "narrow", "swapped", "static", "revival", "dense actor")
TINY = {
    "digits": {
        "networks": 1, "steps": 30, "learning_rate": 0.003, "tuned_rate": 0.01, "linear_rate": 0.03,
        "batch_size": 16, "width": 20,
        "narrow": 5, "every": 5, "alpha": 0.3, "sparsity": 0.8, "lower": 0.5,
    },
    "control": {
        "steps": 212, "random": 200, "batch_size": 8, "discount": 0.98, "averaging": 0.01, "width": 12, "narrow": 6,
        "every": 3, "sparsity": 0.6, "agents": dict.fromkeys(AGENTS, 0.001), "tuned": [0.001, 0.003],
    },
    "orbits": {
        "order": 4, "copies": 2, "samples": 16, "test": 20, "noise": 0.5, "steps": 20, "learning_rate": 0.01,
        "every": 5, "sparsity": 0.75,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def measures(tmp_path_factory):
    return measure(TINY, 0, tmp_path_factory.mktemp("seed"), Unwatched())


def test_the_recipe_is_one_and_its_presets_are_plain():
    assert isinstance(RECIPE, Recipe)
    assert json.loads(json.dumps(RECIPE.presets)) == RECIPE.presets
    for preset in RECIPE.presets.values():
        assert {part: set(options) - {"tuned"} for part, options in preset.items()} == {
            part: set(options) - {"tuned"} for part, options in TINY.items()
        }
        assert set(preset["control"]["agents"]) <= set(AGENTS)


def test_an_option_that_a_preset_does_not_have_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"got 'sparsities'; did you mean sparsity"):
        measure({**TINY, "orbits": TINY["orbits"] | {"sparsities": 1}}, 0, tmp_path, Unwatched())


def test_an_agent_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"agents: expected some of dense, module-specific, .* got 'lazy'"):
        measure({**TINY, "control": TINY["control"] | {"agents": {"lazy": 0.1}}}, 0, tmp_path, Unwatched())


def test_a_seed_measures_what_it_did(measures, as_recorded):
    kept = {
        **measures,
        "control": {name: {**agent, "returns": agent["returns"][:1]} for name, agent in measures["control"].items()},
    }
    as_recorded(kept, Path(__file__).parent / "measured.json")


def test_agents_live_and_are_as_sparse_as_is_said(measures):
    agents = measures["control"]
    assert set(agents) == {*AGENTS, "dense at 0.003", "module-specific at 0.003"}
    whole = agents["dense"]["active"]
    for name in ("module-specific", "swapped", "static", "revival"):
        assert agents[name]["active"] == pytest.approx(0.4 * whole, abs=8)
    assert 0.4 * whole < agents["dense actor"]["active"] < whole
    critic = [density for name, density in agents["dense actor"]["densities"].items() if name.startswith("critic")]
    assert len(critic) == len(agents["dense actor"]["densities"]) == 6


def test_orbits_are_exact_and_entries_are_not(measures):
    assert max(run["defect"] for run in measures["orbits"]["orbits"].values()) < 1e-12
    assert min(run["defect"] for name, run in measures["orbits"]["entries"].items() if name != "dense") > 0.1
    assert measures["orbits"]["orbits"]["RigL"]["density"] == pytest.approx(0.25)


def test_the_table_of_what_others_report_says_whether_it_is_the_same(measures):
    section = told([measures])[2]
    assert [row[0] for row in section.table.rows] == ["encoder", "critic", "actor"]
    assert all(row[3] in ("same order", "another order") for row in section.table.rows[1:])
    few = {**measures, "control": {name: measures["control"][name] for name in ("dense", "module-specific")}}
    assert [row[3] for row in told([few])[2].table.rows] == ["-", "not all measured", "not all measured"]


def test_the_actors_loss_leaves_the_critic_alone():
    torch.manual_seed(0)
    agent = Agent(network(3, 8, 1), Twins(8))
    loss = agent.actor_loss((torch.randn(4, 3),))
    assert torch.autograd.grad(loss, agent.actor[0].weight, retain_graph=True)[0].abs().sum() > 0
    assert torch.autograd.grad(loss, agent.critic.first[0].weight, allow_unused=True) == (None,)
    assert all(p.requires_grad for p in agent.critic.parameters())


def test_targets_go_a_part_of_the_way():
    torch.manual_seed(0)
    agent = Agent(network(3, 8, 1), Twins(8))
    before = agent.critic_target.first[0].weight.clone()
    with torch.no_grad():
        agent.critic.first[0].weight.add_(1)
    agent.follow(0.25)
    assert torch.allclose(agent.critic_target.first[0].weight, before + 0.25)


def test_finished_parts_are_kept(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "control-dense.json").write_text(json.dumps({"kept": 1}))
    short = {**TINY, "digits": TINY["digits"] | {"steps": 1}, "orbits": TINY["orbits"] | {"steps": 1}}
    found = measure(
        {**short, "control": TINY["control"] | {"agents": {"dense": 0.1}, "tuned": []}}, 0, tmp_path, Unwatched()
    )
    assert found["control"] == {"dense": {"kept": 1}}


def test_first_weights_are_the_seeds_own():
    rep = Regular(cyclic(4))
    before = torch.random.get_rng_state()
    one, again, other = (circulant(rep, seed)[0].weight for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=0.01)
