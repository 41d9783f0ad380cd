"""A dense layer that is mixed and applied in one step: numbers, gradients, and never a weight of yesterday."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from haar.actions import Regular, Symmetry, Vector
from haar.groups import dihedral
from haar.relax import homotopise

DOUBLE = torch.float64
D4 = dihedral(4)
REP = 2 * Regular(D4)
SYMMETRY = Symmetry(D4, Vector(REP), Vector(REP))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def layer(*, bias=True, gamma=0.4):
    torch.manual_seed(0)
    model = homotopise(nn.Linear(16, 16, bias=bias, dtype=DOUBLE), SYMMETRY)
    with torch.no_grad():
        model.layers["model"].gamma.fill_(gamma)
    return model


def formula(own, x):
    """The layer by means over matrices, gamma in kappa a constant."""
    g = D4.elements()
    turns = REP.matrix(g)

    def mean(value):
        return (turns @ value @ turns.mT).mean(0) if value.ndim > 1 else (turns @ value).mean(0)

    gamma, held = own.gamma, own.gamma.detach()
    kappa = 1 + (own.kappa - 1) * (1 - held)
    weight = kappa * mean(own.weight) + gamma * (own.weight - mean(own.weight))
    y = x @ weight.T
    return y if own.bias is None else y + mean(own.bias) + gamma * (own.bias - mean(own.bias))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5, 16), (16,), (2, 3, 16)])
def test_numbers_and_gradients_are_those_of_the_formula(bias, shape):
    model = layer(bias=bias)
    own, x = model.layers["model"], normal(*shape, seed=1).requires_grad_()
    D = normal(*shape, seed=2)
    asked = [x, *own.parameters()]
    found, wanted = model(x), formula(own, x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    for one, two in zip(torch.autograd.grad(found, asked, D), torch.autograd.grad(wanted, asked, D), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("held", ["weight", "bias", "gamma"])
def test_what_is_not_trained_gets_no_gradient(held):
    model = layer()
    own, x = model.layers["model"], normal(5, 16, seed=1)
    own.get_parameter(held).requires_grad_(False)
    model(x).square().sum().backward()
    other = copy.deepcopy(own)
    other.zero_grad()
    formula(other, x).square().sum().backward()
    for name, p in own.named_parameters():
        assert (p.grad is None) == (name == held)
        if p.grad is not None:
            torch.testing.assert_close(p.grad, other.get_parameter(name).grad, rtol=1e-12, atol=1e-12)


def test_second_derivatives():
    model = layer()
    own, x = model.layers["model"], normal(3, 16, seed=1).requires_grad_()
    asked = [x, *own.parameters()]

    def twice(y):
        first = torch.autograd.grad(y.pow(3).sum(), asked, create_graph=True)
        return torch.autograd.grad(sum(part.square().sum() for part in first), asked)

    for one, two in zip(twice(model(x)), twice(formula(own, x)), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def changes(model):
    """Everything that gives a layer other numbers."""
    own = model.layers["model"]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    yield "in place", lambda: own.weight.mul_(2)
    yield "through data", lambda: own.weight.data.add_(1)
    yield "another tensor's memory", lambda: setattr(own.weight, "data", own.weight.data + 1)
    yield "the bias", lambda: own.bias.add_(1)
    yield "gamma", lambda: own.gamma.fill_(0.9)
    yield "kappa", lambda: own.kappa.mul_(1.5)
    yield "a new parameter", lambda: setattr(own, "weight", nn.Parameter(own.weight.detach() * 3))
    yield "a state", lambda: model.load_state_dict({k: v + 0.1 for k, v in model.state_dict().items()})
    yield "a fixed gamma", lambda: own.fix(torch.tensor(0.25, dtype=DOUBLE))
    yield "the learned one again", lambda: own.fix(None)
    yield "a step", optimizer.step


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("trained", [True, False], ids=["with gradients", "without"])
def test_no_weight_is_stale(mode, trained):
    """Training and evaluation by turns, and every way there is to change a weight."""
    model = getattr(layer(), mode)()
    own, x = model.layers["model"], normal(4, 16, seed=3)

    def run():
        with torch.set_grad_enabled(trained):
            return model(x).detach()

    with torch.enable_grad():
        model(x).square().sum().backward()
    for name, change in changes(model):
        before = run()
        torch.testing.assert_close(before, run(), rtol=0, atol=0)
        with torch.no_grad():
            change()
            assert not torch.allclose(run(), before, rtol=0, atol=1e-6), name
            if own._fixed is None:
                torch.testing.assert_close(run(), formula(own, x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_passes_without_a_change_between_give_the_gradients_of_the_formula(bias):
    """The second pass keeps the mixture, the third uses it: numbers and gradients are those of every other pass."""
    model = layer(bias=bias)
    own, x = model.layers["model"], normal(5, 16, seed=1).requires_grad_()
    asked, D = [x, *own.parameters()], normal(5, 16, seed=2)
    for change in (None, 0.9, None):
        if change is not None:
            with torch.no_grad():
                own.weight.mul_(change)
        wanted = formula(own, x)
        gradients = torch.autograd.grad(wanted, asked, D)
        for _ in range(4):
            found = model(x)
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
            for one, two in zip(torch.autograd.grad(found, asked, D), gradients, strict=True):
                torch.testing.assert_close(one, two, rtol=0, atol=1e-12)


def test_graphs_of_several_passes_are_independent():
    model = layer()
    x = normal(3, 4, 16, seed=5)
    whole = torch.autograd.grad(formula(model.layers["model"], x).pow(3).sum(), list(model.parameters()))
    for _ in range(3):
        runs = [model(each).pow(3).sum() for each in x]  # all forward, then all backward
        found = torch.autograd.grad(runs, list(model.parameters()))
        for one, two in zip(found, whole, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-11)


def test_copies_go_their_own_way():
    model = layer()
    x = normal(4, 16, seed=3)
    for _ in range(3):
        model(x)  # kept with gradients
    with torch.no_grad():
        model(x)  # kept
        other = copy.deepcopy(model)
        other.layers["model"].weight.mul_(2)
        torch.testing.assert_close(other(x), formula(other.layers["model"], x), rtol=0, atol=1e-12)
        torch.testing.assert_close(model(x), formula(model.layers["model"], x), rtol=0, atol=1e-12)
    torch.testing.assert_close(other(x), formula(other.layers["model"], x), rtol=0, atol=1e-12)


def test_compiled_checkpointed_and_transformed_runs_are_the_same():
    model = layer()
    own, x = model.layers["model"], normal(4, 16, seed=3)
    wanted = formula(own, x).detach()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x).detach(), wanted, rtol=0, atol=1e-12)
    with torch.no_grad():
        own.weight.mul_(2)
    wanted = formula(own, x)
    torch.testing.assert_close(compiled(x).detach(), wanted.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.func.vmap(model)(x).detach(), wanted.detach(), rtol=0, atol=1e-12)
    gradients = torch.autograd.grad(wanted.square().sum(), list(own.parameters()))
    found = torch.autograd.grad(checkpoint(model, x, use_reentrant=False).square().sum(), list(own.parameters()))
    for one, two in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_mixed_precision_computes_the_layer_in_half_and_the_weight_in_full():
    model = homotopise(nn.Linear(16, 16), SYMMETRY)
    own, x = model.layers["model"], normal(4, 16, seed=3).float()
    with torch.no_grad():
        own.gamma.fill_(0.4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = model(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), formula(own.double(), x.double()).float(), rtol=0.02, atol=0.02)
    own.float()
    y.float().square().sum().backward()
    assert own.weight.grad.dtype == torch.float32
