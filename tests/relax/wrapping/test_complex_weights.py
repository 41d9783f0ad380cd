"""Layers with complex weights: their gamma is real, and what it mixes and its gradient are those of the formula."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Symmetry, Vector
from haar.actions.representation import Defining
from haar.groups import cyclic, dihedral
from haar.relax import Duals, SideBranch, homotopise

COMPLEX = torch.complex128
GROUPS = [dihedral(4), cyclic(5)]  # means over orbits of entries, and in blocks


def symmetry(group):
    rep = Defining(group)
    return Symmetry(group, Vector(rep), Vector(rep))


def wrapped(group, *, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        plain, x = nn.Linear(2, 2, dtype=COMPLEX), torch.randn(6, 2, dtype=COMPLEX)
    return homotopise(nn.Sequential(plain), symmetry(group), example=(x,), **options), plain, x


def mean(group, weight):
    """The Reynolds projection, element by element."""
    rep = Defining(group)
    moved = [rep.matrix(g).to(COMPLEX) @ weight @ rep.matrix(group.inverse(g)).to(COMPLEX) for g in group.elements()]
    return torch.stack(moved).mean(0)


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_a_real_gamma_mixes_complex_weights(group, gamma):
    model, plain, x = wrapped(group, kappa=False)
    (layer,) = model.layers.values()
    assert (layer.gamma.dtype, layer.kappa.dtype) == (torch.float64, torch.float64)
    with torch.no_grad():
        own = mean(group, plain.weight)
        weight = own + gamma * (plain.weight - own)
        expected = x @ weight.T + gamma * plain.bias  # no vector is left where it is by every turn
        with model.at(gamma):
            torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)
            torch.testing.assert_close(model.export(gamma)(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_gradients_are_those_of_differences(group):
    model, plain, x = wrapped(group, kappa=False)
    (layer,) = model.layers.values()
    with torch.no_grad():
        layer.gamma.fill_(0.4)

    def made(gamma, weight, bias):
        given = {"model.0.gamma": gamma, "model.0.weight": weight, "model.0.bias": bias}
        return torch.func.functional_call(model, given, (x,))

    numbers = [p.detach().clone().requires_grad_() for p in (layer.gamma, plain.weight, plain.bias)]
    assert torch.autograd.gradcheck(made, numbers)


@pytest.mark.parametrize("mode", ["weight", "branches"])
@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_multipliers_drive_a_real_gamma(group, mode):
    model, _, x = wrapped(group, mode=mode)
    (layer,) = model.layers.values()
    duals = Duals(model, "equality", "damped", steps=40)
    optimiser = torch.optim.Adam(duals.weights(), 1e-2)
    for _ in range(10):
        loss = (model(x) - x).abs().square().mean()
        optimiser.zero_grad()
        duals.lagrangian(loss).backward()
        optimiser.step()
        duals.step()
    assert not layer.gamma.is_complex()
    assert 0 < abs(float(layer.gamma.detach())) < 1
    if mode == "branches":
        assert float(layer.free.detach().imag.abs().min()) > 0  # both parts are drawn


class Turn(nn.Module):
    """Complex parameters alone."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2, dtype=COMPLEX))

    def forward(self, x):
        return (x * self.w).real


def test_a_gamma_beside_complex_parameters_has_their_precision():
    assert SideBranch(Turn()).gamma.dtype == torch.float64
    x = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = homotopise(Turn(), symmetry(GROUPS[0]), mode="function", example=(x,))
    assert {gamma.dtype for gamma in model.gammas().values()} == {torch.float64}
