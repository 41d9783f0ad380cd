"""Every baseline by the property that defines it."""

from __future__ import annotations

import math

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, orbits, wrapped
from torch import nn

from haar.errors import ArgumentError
from haar.probing import defect
from haar.relax.baselines import (
    Augmentation,
    EquivariancePenalty,
    FixedRidge,
    Free,
    ProjectionRegulariser,
    RelaxedConvolution,
    ResidualPathway,
    Scheduled,
    Soft,
    Strict,
)

X, Y = data(32)


def broken(model):
    return defect(model, SYMMETRY, (X,), SYMMETRY.group.elements(), norm="squares").mean


def train(rule, steps=3, inputs=X, target=Y, make=lambda p: torch.optim.Adam(p, lr=1e-2)):
    optimizer = make(rule.weights())
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        x, y = rule.batch(inputs, target, generator)
        optimizer.zero_grad()
        rule.model.train()
        rule.lagrangian(mse(rule.model(x), y)).backward()
        optimizer.step()
        rule.step()
    return rule


RULES = {
    "strict": Strict,
    "free": Free,
    "augmentation": Augmentation,
    "ridge": lambda model: FixedRidge(model, steps=100),
    "residual": ResidualPathway,
    "scheduled": lambda model: Scheduled(model, steps=100),
    "projection": ProjectionRegulariser,
    "soft": Soft,
    "relaxed": RelaxedConvolution,
    "penalty": lambda model: EquivariancePenalty(model, mse, adapt=True),
}


@pytest.mark.parametrize("make", RULES.values(), ids=RULES)
def test_every_rule_trains_saves_and_goes_on(make):
    rule = train(make(wrapped()))
    again = make(wrapped())
    again.model.load_state_dict(rule.model.state_dict())
    again.load_state_dict(rule.state_dict())
    assert again.taken == 3
    # without Adam's memory, the next plain step is the same
    for one in (rule, again):
        train(one, 1, make=lambda p: torch.optim.SGD(p, lr=1e-2))
    for a, b in zip(rule.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    gammas = {id(g) for g in rule.model.gammas().values()}
    assert not gammas & {id(p) for p in rule.weights()}


def test_strict_stays_equivariant_and_free_does_not():
    assert broken(train(Strict(wrapped())).model) < 1e-12
    assert broken(train(Free(wrapped())).model) > 1e-2


def test_augmentation_moves_inputs_and_targets_together():
    rule = Augmentation(wrapped())
    x, y = rule.batch(X, Y, torch.Generator().manual_seed(4))
    g = C4.sample(len(X), torch.Generator().manual_seed(4))
    assert torch.equal(x, SYMMETRY.act_inputs(g, (X,))[0])
    assert torch.equal(y, SYMMETRY.act_outputs(g, Y))
    assert len(g.unique()) == 4  # every sample its own


def test_the_ridge_pulls_harder_the_heavier_it_is():
    sizes = [
        sum(float(g.detach().abs()) for g in train(FixedRidge(wrapped(), w, steps=100), 30).model.gammas().values())
        for w in (0.1, 10.0)
    ]
    assert sizes[1] < 0.2 * sizes[0]


def test_residual_pathway_adds_both_branches_and_prices_them():
    rule = ResidualPathway(wrapped(), equivariant_weight=0.5, free_weight=3.0)
    assert 0 < broken(rule.model) < 1e-2  # nearly equivariant at the start
    prior = torch.zeros((), dtype=torch.float64)
    for name, layer in rule.model.layers.items():
        law = rule.laws[name]
        effective = layer.kappa * layer.project(layer.weight) + law.weight
        assert torch.allclose(layer.effective_weight(), effective, rtol=0, atol=1e-14)
        prior = prior + 0.5 * (layer.weight**2).sum() + 3 * (law.weight**2).sum()
        prior = prior + 0.5 * (layer.bias**2).sum() + 3 * (law.bias**2).sum()
    assert rule.lagrangian(torch.zeros((), dtype=torch.float64)).item() == pytest.approx(prior.item(), rel=1e-12)
    heavy, light = (train(ResidualPathway(wrapped(), free_weight=w), 30).model for w in (1e2, 1e-4))
    assert broken(heavy) < 0.5 * broken(light)


def test_the_schedule_is_a_triangle_and_the_deployed_model_equivariant():
    rule = Scheduled(wrapped(), steps=10)
    seen = []
    for _ in range(11):
        seen.append(rule.mixing())
        rule.step()
    assert seen == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2, 0], abs=1e-12)
    rule = train(Scheduled(wrapped(), steps=10, weight=0.0), 5)
    assert broken(rule.model) > 1e-3  # free at the top of the triangle
    with rule.deployed():
        assert broken(rule.model) < 1e-12
    assert broken(rule.model) > 1e-3


def test_the_price_of_the_schedule_is_the_written_one():
    rule = Scheduled(wrapped(), steps=10, weight=0.3)
    rule.model.train()
    price = rule.lagrangian(mse(rule.model(X), Y)).item() - mse(rule.model(X), Y).item()
    expected, z = 0.0, X
    with torch.no_grad():
        for name, layer in rule.model.layers.items():
            S, turn = rule.laws[name].side, C4.generators()[0]
            moved = layer.move(turn[None], S[None])[0] - S
            expected += (z @ moved.T).norm().item() + (z @ S.T).norm().item()
            z = nn.functional.silu(layer(z))
    assert price == pytest.approx(0.3 * expected, rel=1e-9)


def test_the_projection_regulariser_prices_both_parts():
    rule = ProjectionRegulariser(wrapped(), equivariant_weight=0.2, free_weight=0.7)
    price = 0.0
    for layer in rule.model.layers.values():
        turns = layer.out_representation.matrix(C4.elements())
        for value, own in ((layer.weight, layer.project(layer.weight)), (layer.bias, turns.mean(0) @ layer.bias)):
            price = price + 0.2 * own.norm() + 0.7 * (value - own).norm()
    zero = torch.zeros((), dtype=torch.float64)
    assert rule.lagrangian(zero).item() == pytest.approx(price.item(), rel=1e-12)
    tight, loose = (train(ProjectionRegulariser(wrapped(), free_weight=w), 30).model for w in (0.3, 0.0))
    beside = [
        sum((layer.weight - layer.project(layer.weight)).norm().item() for layer in model.layers.values())
        for model in (tight, loose)
    ]
    assert beside[0] < 0.7 * beside[1]


def test_softness_goes_from_equivariant_to_trained():
    trained = wrapped()
    with torch.no_grad():
        plain = trained(X)
    assert broken(Soft(wrapped(), 0.0).model) < 1e-12
    with torch.no_grad():
        assert torch.allclose(Soft(wrapped(), 1.0).model(X), plain, rtol=0, atol=1e-14)
    model = Soft(wrapped(), 0.3).model
    for layer in model.layers.values():
        own = layer.project(layer.weight)
        assert torch.allclose(layer.effective_weight(), own + 0.3 * (layer.weight - own), rtol=0, atol=1e-14)


def test_relaxed_filters_start_equivariant_and_part_only_where_data_break_the_symmetry():
    rule = RelaxedConvolution(wrapped(), banks=2)
    assert set(rule.laws) == {"2", "4"}  # the first layer reads vectors, not functions on the group
    assert broken(rule.model) < 1e-12
    x, y = orbits(X[:8], Y[:8])
    sgd = lambda p: torch.optim.SGD(p, lr=0.05)  # noqa: E731
    train(rule, 5, x, y, make=sgd)
    for weights in rule.readout().values():
        assert (weights - weights.mean(1, keepdim=True)).abs().max() < 1e-12
    train(rule, 5, x, y + torch.tensor([1.0, 0.0]), make=sgd)
    assert max((w - w.mean(1, keepdim=True)).abs().max().item() for w in rule.readout().values()) > 1e-4


@pytest.mark.parametrize("against", ["target", "output"])
def test_the_penalty_is_the_loss_on_moved_samples(against):
    rule = EquivariancePenalty(wrapped(), mse, alpha=0.5, beta=2.0, against=against)
    x, y = rule.batch(X, Y, torch.Generator().manual_seed(2))
    assert x is X
    assert y is Y
    g = C4.sample(len(X), torch.Generator().manual_seed(2))
    task = mse(rule.model(X), Y)
    goal = Y if against == "target" else rule.model(X)
    second = mse(rule.model(SYMMETRY.act_inputs(g, (X,))[0]), SYMMETRY.act_outputs(g, goal))
    assert rule.lagrangian(task).item() == pytest.approx((0.5 * task + 2 * second).item(), rel=1e-12)


def test_gradnorm_moves_the_weights_toward_equal_gradients_and_keeps_their_sum():
    rule = EquivariancePenalty(wrapped(), mse, alpha=1.0, beta=50.0, adapt=True, asymmetry=0.0, learning_rate=0.5)
    before = rule.scales[1] / rule.scales[0]
    train(rule, 5)
    assert sum(rule.scales) == pytest.approx(51.0, rel=1e-12)
    assert rule.scales[1] / rule.scales[0] < before
    assert math.isfinite(rule.scales[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Soft(wrapped(), 1.5), "softness: expected a number from 0 to 1, got 1.5"),
        (lambda: Scheduled(wrapped(), steps=0), "steps: expected at least 1, got 0"),
        (lambda: ResidualPathway(wrapped(), free_weight=0.0), "free_weight: expected a number above 0"),
        (lambda: ProjectionRegulariser(wrapped(), free_weight=-1.0), "free_weight: expected a number of at least 0"),
        (lambda: RelaxedConvolution(wrapped(), banks=0), "banks: expected at least 1, got 0"),
        (lambda: RelaxedConvolution(Soft(wrapped()).model), "model: expected layers without a law, got one in '0'"),
        (lambda: EquivariancePenalty(wrapped(), mse, against="both"), "against: expected 'target' or 'output'"),
        (lambda: EquivariancePenalty(wrapped(), mse).lagrangian(torch.ones(())), "lagrangian: expected a batch first"),
        (lambda: Strict(nn.Linear(2, 2)), "model: expected a model with gammas, got Linear; wrap it with"),
        (lambda: Soft({"a": nn.Parameter(torch.ones(()))}), "model: expected a model with wrapped layers, got dict"),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
