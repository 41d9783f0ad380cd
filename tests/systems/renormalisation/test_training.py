"""Training of ensembles: every network as if alone; symmetric starts stay symmetric."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.systems.renormalisation import (
    PROTOCOL,
    BreakingLog,
    GraphEnsemble,
    PerceptronEnsemble,
    Sizes,
    fit,
    hidden_units,
    one_shot,
)
from haar.systems.renormalisation.restoration import SCENARIOS, Scenario, equalise_units, run_scenario
from haar.weights import breaking_distance


def blocks(networks=3, samples=64, inputs=4, seed=0):
    return torch.randn(networks, samples, inputs, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("family", ["free", "odd", "tied"])
def test_networks_train_as_if_alone(family):
    x = blocks()
    together = PerceptronEnsemble(family, "tanh", Sizes(4, 4, 2), seeds=[1, 2, 3])
    losses = fit(together, x, one_shot(x), plan=replace(PROTOCOL, steps=30))
    assert losses.shape == (30, 3)
    for index, seed in enumerate((1, 2, 3)):
        alone = PerceptronEnsemble(family, "tanh", Sizes(4, 4, 2), seeds=[seed])
        own = fit(alone, x[index : index + 1], one_shot(x[index : index + 1]), plan=replace(PROTOCOL, steps=30))
        torch.testing.assert_close(losses[:, index], own[:, 0], rtol=1e-9, atol=1e-12)


def test_a_graph_ensemble_trains_as_the_perceptrons_it_is():
    x = blocks(2)
    nets = GraphEnsemble("ring", "distinct", "gelu", Sizes(4, 3, 1), seeds=[1, 2])
    y = one_shot(x)
    loss = (nets(x) - y).square().mean().detach().item()
    member = (nets.member(0)(x[0])[:, 0] - y[0]).square().mean() + (nets.member(1)(x[1])[:, 0] - y[1]).square().mean()
    assert loss == pytest.approx(member.detach().item() / 2, rel=1e-12)
    assert float(fit(nets, x, y, plan=replace(PROTOCOL, steps=60))[-1].max()) < loss


def test_a_network_that_explodes_harms_nobody():
    x = blocks(2)
    nets = PerceptronEnsemble("free", "quadratic", Sizes(4, 4, 1), seeds=[1, 2])
    with torch.no_grad():
        nets.free["weight0"][0] = torch.inf
    alone = PerceptronEnsemble("free", "quadratic", Sizes(4, 4, 1), seeds=[2])
    losses = fit(nets, x, one_shot(x), plan=replace(PROTOCOL, steps=20))
    own = fit(alone, x[1:], one_shot(x[1:]), plan=replace(PROTOCOL, steps=20))
    assert not bool(torch.isfinite(losses[-1, 0]))
    torch.testing.assert_close(losses[:, 1], own[:, 0], rtol=1e-9, atol=1e-12)


def test_a_linear_network_learns_the_map_exactly():
    x = blocks(2)
    nets = PerceptronEnsemble("tied", "linear", Sizes(4, 4, 1), seeds=[1, 2])
    assert float(fit(nets, x, one_shot(x), plan=replace(PROTOCOL, steps=600, learning_rate=3e-2))[-1].max()) < 1e-10


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 1e-3), ("adam", 1e-2)])
@pytest.mark.parametrize("batch", [None, 7])
@pytest.mark.parametrize("activation", ["relu", "quadratic"])
def test_an_exactly_symmetric_start_stays_symmetric(optimizer, rate, batch, activation):
    x = blocks()
    nets = PerceptronEnsemble("free", activation, Sizes(4, 6, 1), seeds=[1, 2, 3])
    equalise_units(nets)
    log, y = BreakingLog(every=5), one_shot(x)
    before = (nets(x) - y).square().mean().item()
    plan = replace(PROTOCOL, steps=100, learning_rate=rate, batch_size=batch, optimizer=optimizer)
    fit(nets, x, y, plan=plan, observer=log)
    assert float(torch.stack(log.distance).max()) < 1e-12
    assert float(breaking_distance(hidden_units(nets)).max()) < 1e-12
    assert (nets(x) - y).square().mean().item() < before
    assert torch.stack(log.clusters).unique().tolist() == [1]
    assert log.steps == list(range(0, 100, 5))


def test_the_same_seed_gives_the_same_training():
    x = blocks()
    runs = [
        fit(
            PerceptronEnsemble("free", "relu", Sizes(4, 4, 1), seeds=[1, 2, 3]),
            x,
            one_shot(x),
            plan=replace(PROTOCOL, steps=10, batch_size=8),
            seed=5,
        )
        for _ in range(2)
    ]
    assert torch.equal(*runs)


def test_scenarios_start_where_they_say():
    x = blocks(2)
    logs = {name: run_scenario(one, x, [0, 1], width=6, steps=40, every=7) for name, one in SCENARIOS.items()}
    assert all(log.steps == [0, 7, 14, 21, 28, 35, 42] for log in logs.values())
    assert float(torch.stack(logs["symmetric"].distance).max()) < 1e-12
    assert 1e-9 < float(logs["perturbed"].distance[0].min()) < float(logs["perturbed"].distance[0].max()) < 1e-3
    assert torch.equal(logs["perturbed"].distance[0], logs["decayed"].distance[0])
    assert float(logs["biased"].distance[0].min()) > 1e-2
    assert float(logs["generic"].distance[0].min()) > 0.5


def test_strong_decay_restores_the_symmetry():
    x = blocks(2, samples=256)
    log = run_scenario(Scenario("strong decay", noise=1e-3, decay=1.0), x, [0, 1], width=6, steps=300)
    free = run_scenario(Scenario("no decay", noise=1e-3), x, [0, 1], width=6, steps=300)
    assert float(log.losses[-1].min()) > float(free.losses[-1].max())
    units_shrink = float(log.distance[-1].max())
    assert units_shrink <= float(free.distance[-1].max())


def test_refusals():
    x = blocks()
    nets = PerceptronEnsemble("free", "relu", Sizes(4, 4, 1), seeds=[1, 2, 3])
    with pytest.raises(ShapeError, match=r"y: expected one target a sample, \(3, 64\), got \(64,\)"):
        fit(nets, x, torch.zeros(64, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="ensemble: expected free networks with one hidden layer, got relu tied"):
        equalise_units(PerceptronEnsemble("tied", "relu", Sizes(), seeds=[0]))
