"""Wrapping networks: the user's own at gamma = 1, equivariant at gamma = 0, and what lies between."""

from __future__ import annotations

import pytest
import torch
from relax_networks import D4, R4, double, perceptron, worst
from relax_worlds import C4
from relax_worlds import SYMMETRY as VECTORS
from torch import nn

from haar.actions import Defining, Field, Invariant, Points, Space, Symmetry, Trivial, Vector
from haar.groups import SO, octahedral, reflections, symmetric
from haar.relax import enforce, homotopise, relax

S3 = symmetric(3)
CHANNELS = Symmetry(C4, Vector(2 * R4), Vector(2 * R4))


class Residual(nn.Module):
    """What image classifiers are made of: shared and in-place activations, norms, a sum of two branches, a mean."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm, self.act = nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.pool, self.drop, self.last = nn.MaxPool2d(2), nn.Dropout(0.1), nn.Linear(8, 5)

    def forward(self, x):
        h = self.act(self.first(x))
        h = h + self.act(self.norm(self.second(h)))
        return self.last(self.drop(self.pool(h)).mean((2, 3)))


class Twice(nn.Module):
    """One layer under two names, used three times."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(8, 8)
        self.other = self.one

    def forward(self, x):
        return self.one(torch.relu_(self.other(x).relu_() + x.relu())) + self.one(x)


class Text(nn.Module):
    """An embedding of symbols that do not move, into channels that do."""

    def __init__(self):
        super().__init__()
        self.table, self.mix = nn.Embedding(7, 8), nn.Linear(8, 8)

    def forward(self, x, symbols):
        return self.mix(torch.tanh(self.table(symbols) + x))


def sequence():
    return nn.Sequential(nn.Conv1d(1, 4, 5, padding=2, padding_mode="circular"), nn.PReLU(4), nn.Conv1d(4, 2, 3))


def volume():
    return nn.Sequential(
        nn.Conv3d(1, 24, 3, padding=1), nn.ELU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, 3)
    )


def flat():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.GroupNorm(8, 8), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 4)
    )


O, E1 = octahedral(), reflections(1)
CASES = {
    "perceptron": (perceptron, VECTORS, lambda: torch.randn(5, 6)),
    "residual": (Residual, Symmetry(D4, Field(Space(D4)), Invariant(D4)), lambda: torch.randn(3, 2, 8, 8)),
    "one layer": (lambda: nn.Linear(8, 8, bias=False), CHANNELS, lambda: torch.randn(5, 8)),
    "shared": (Twice, CHANNELS, lambda: torch.randn(5, 8)),
    "text": (
        Text,
        Symmetry(C4, (Vector(2 * R4), Invariant(C4)), Vector(2 * R4)),
        lambda: (torch.randn(5, 8), torch.arange(5)),
    ),
    "sequence": (sequence, Symmetry(E1, Field(Trivial(E1)), Field(Trivial(E1, 2))), lambda: torch.randn(3, 1, 9)),
    "volume": (volume, Symmetry(O, Field(Trivial(O)), Invariant(O)), lambda: torch.randn(2, 1, 4, 4, 4)),
    "flat": (flat, Symmetry(C4, Field(Trivial(C4)), Invariant(C4)), lambda: torch.randn(3, 1, 8, 8)),
    "points": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3)),
        Symmetry(S3, Points(rotation=Trivial(S3, 2), relabelling=Defining(S3)), Vector(Defining(S3))),
        lambda: torch.randn(4, 3, 2),
    ),
}


def made(name, **options):
    build, symmetry, inputs = CASES[name]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        plain = build()
        x = inputs()
    x = x if isinstance(x, tuple) else (x,)
    return plain, homotopise(plain, symmetry, example=x, **options), x


def same(one, other):
    """Layers that keep a folded weight and plain ones may add products in another order."""
    return torch.allclose(one, other, rtol=0, atol=1e-13 * float(other.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_both_ends_are_what_they_are_called(name):
    plain, model, x = made(name)
    before = {key: value.clone() for key, value in plain.state_dict().items()}
    with torch.no_grad():
        plain.eval()
        assert torch.allclose(model.eval()(*x), plain(*x), rtol=0, atol=1e-6 * float(plain(*x).abs().max()))
    model.double()
    assert worst(model, model.symmetry, x) > 1e-3  # gamma = 1: the user's own
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    assert all(torch.equal(value, before[key]) for key, value in plain.state_dict().items())
    exported = model.export(0.0)
    assert not any("haar" in type(part).__module__ for part in exported.modules())
    with torch.no_grad(), model.at(0.0):
        assert same(model(*double(x)), exported(*double(x)))
    with torch.no_grad(), model.at(0.3):
        assert same(model(*double(x)), model.export(0.3)(*double(x)))


@pytest.mark.parametrize("name", ["perceptron", "residual"])
def test_branches_are_equivariant_at_zero_and_of_one_size(name):
    _, model, x = made(name, mode="branches")
    model.double().eval()
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    assert worst(model, model.symmetry, x) > 1e-3
    for key, layer in model.layers.items():
        if hasattr(layer, "free"):
            own, beside = layer.equivariant_weight().detach(), layer.free_weight().detach()
            assert beside.norm().item() == pytest.approx(own.norm().item(), rel=1e-5), key
            assert layer.project(beside).norm() < 1e-6


@pytest.mark.parametrize("name", ["perceptron", "residual"])
def test_the_defect_of_a_function_is_gamma_times_its_own(name):
    _, model, x = made(name, mode="function")
    model.double().eval()
    symmetry = model.symmetry

    def defects():
        with torch.no_grad():
            y = model(*double(x))
            acted = [symmetry.act_outputs(g, y) for g in symmetry.group.elements()]
            moved = [model(*symmetry.act_inputs(g, double(x))) for g in symmetry.group.elements()]
        return torch.stack(moved) - torch.stack(acted)

    own = defects()
    for gamma in (0.0, 0.25, -2.0):
        with model.at(gamma):
            assert torch.allclose(defects(), gamma * own, rtol=0, atol=1e-12)
    with torch.no_grad():
        assert same(model(*double(x)), model.export(1.0)(*double(x)))


def test_in_training_batch_norm_and_gradients_are_the_users_at_gamma_one():
    plain, model, x = made("residual")
    plain.drop.p = model.model.drop.p = 0.0
    for one in (plain.double(), model.double()):
        one.train()
        one(*double(x)).square().sum().backward()
    assert model.layers["norm"].running_mean == pytest.approx(plain.norm.running_mean, abs=1e-12)
    assert model.layers["norm"].running_var == pytest.approx(plain.norm.running_var, abs=1e-12)
    assert model.layers["last"].weight.grad == pytest.approx(plain.last.weight.grad, abs=1e-10)


def test_statistics_at_gamma_zero_are_shared_along_orbits_in_training_too():
    _, model, x = made("residual")
    model.double().train()
    model.model.drop.p = 0.0
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10


def test_gammas_along_a_chain_open_one_group_after_the_other():
    _, model, x = made("perceptron", chain=[C4.subgroup([2])])
    model.double()
    x = double(x)
    half = model.symmetry.restrict(C4.subgroup([2]))
    assert all(gamma.shape == (2,) for gamma in model.gammas().values())
    with model.at(0.0):
        assert worst(model, model.symmetry, x) < 1e-10
    with model.at(torch.tensor([1.0, 0.0])):  # free of C4, still C2
        assert worst(model, half, x) < 1e-10
        assert worst(model, model.symmetry, x) > 1e-3
    plain, whole, _ = made("perceptron", chain="auto")
    with torch.no_grad():
        assert torch.allclose(whole(*made("perceptron")[2]), plain(*made("perceptron")[2]), rtol=0, atol=1e-6)
    layer = model.layers["0"]
    W, nested = layer.weight, [space(layer.weight) for space in layer._symmetry.spaces["weight"]]
    gamma = torch.tensor([0.7, -0.2], dtype=torch.float64)
    with model.at(gamma), torch.no_grad():
        kappa = 1 + (layer.kappa - 1) * (1 - (layer.share * gamma).sum())
        expected = kappa * nested[0] + 0.7 * (nested[1] - nested[0]) - 0.2 * (W - nested[1])
        assert torch.allclose(layer.effective_weight(), expected, rtol=0, atol=1e-12)


def test_kappa_keeps_the_scale_and_is_bounded():
    _, model, _ = made("perceptron")
    for layer in (layer for layer in model.layers.values() if layer.scaled):
        assert 1 < layer.kappa <= 2
        if layer.kappa < 2 - 1e-6:
            own, whole = layer.equivariant_weight().detach(), layer.weight.detach()
            assert own.norm().item() == pytest.approx(whole.norm().item(), rel=1e-5)
    _, without, _ = made("perceptron", kappa=False)
    assert all(layer.kappa == 1 for layer in without.layers.values())


def test_evaluation_at_a_gamma_leaves_what_is_trained_alone():
    _, model, x = made("perceptron")
    model.train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        before = model(*x)
        with model.at({"0": 0.0}), model.at(0.5):
            assert not torch.equal(model(*x), before)
        assert torch.equal(model(*x), before)
    with pytest.raises(RuntimeError, match="stop"), model.at(0.0):
        raise RuntimeError("stop")
    assert torch.equal(model(*x), before)
    assert model.training
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    model(*x).sum().backward()
    assert all(gamma.grad is not None for gamma in model.gammas().values())


def test_dropout_can_be_shared_along_orbits():
    _, model, x = made("residual", shared_dropout=True)
    model.double().train()
    x = double(x)
    with model.at(0.0), torch.no_grad():
        results = []
        for g in D4.elements()[:3]:
            torch.manual_seed(0)
            results.append(model(*model.symmetry.act_inputs(g, x)))
    assert all(torch.allclose(results[0], other, rtol=0, atol=1e-10) for other in results)


def test_lie_groups_are_wrapped_by_named_layers_and_sampled_as_functions():
    G = SO(3)
    rep = Defining(G)
    symmetry = Symmetry(G, Vector(2 * rep), Vector(rep))
    model = homotopise(nn.Linear(6, 3), symmetry).double()
    x = torch.randn(5, 6, dtype=torch.float64)
    with model.at(0.0), torch.no_grad():
        for g in G.sample(3, torch.Generator().manual_seed(0)):
            assert torch.allclose(
                model(symmetry.act_inputs(g, (x,))[0]), symmetry.act_outputs(g, model(x)), rtol=0, atol=1e-10
            )
    sampled = homotopise(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), symmetry, mode="function")
    assert sampled.approximate
    assert 1e-6 < sampled.error < 2


def test_enforce_gives_plain_layers_and_relax_the_duals():
    plain, model, x = made("perceptron")
    strict = enforce(plain, VECTORS)
    with torch.no_grad(), model.at(0.0):
        assert torch.equal(strict(*x), model(*x))
    both = relax(plain, VECTORS, problem="resilient", steps=100)
    assert both.duals.model is both.model
    assert (both.duals.problem, both.duals.steps) == ("resilient", 100)
