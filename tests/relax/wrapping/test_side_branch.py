"""Branches of the user's own: exact at gamma = 0, checked when the homotopy is made, driven by the multipliers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector, direct_sum
from haar.errors import ArgumentError, NotEquivariantError
from haar.groups import O, cyclic
from haar.relax import Duals, SideBranch, tension, with_side_branches
from haar.relax.ensemble import Ensemble

F64 = torch.float64
SPACE = O(3)
VECTOR = Defining(SPACE)
SYMMETRY = Symmetry(SPACE, Vector(direct_sum([VECTOR] * 2)), Vector(VECTOR))


class Pull(nn.Module):
    """u |v|^2 - v u.v, and a branch that knows up from down."""

    def __init__(self, *, broken=False):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.side = SideBranch(nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 3)))
        self.broken = broken

    def forward(self, x):
        u, v = x[..., :3], x[..., 3:]
        y = self.scale * (u * v.square().sum(-1, keepdim=True) - v * (u * v).sum(-1, keepdim=True))
        y = y + 0.1 * y.abs() if self.broken else y
        return self.side(y, x)


def test_gamma_mixes_and_zero_is_equivariant():
    model = with_side_branches(Pull(), SYMMETRY).double()
    assert model.error < 1e-12
    x = torch.randn(5, 6, dtype=F64)
    pull, side = model.model, model.model.side
    with model.at(0.0):
        strict = model(x)
    torch.testing.assert_close(strict, model.export(0.0)(x), rtol=0, atol=0)
    with model.at(0.3):
        torch.testing.assert_close(model(x), strict + 0.3 * side.branch(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(model.export(0.3)(x), model(x), rtol=0, atol=0)
    assert isinstance(pull, Pull)
    g = SPACE.sample(1, torch.Generator().manual_seed(3))[0]
    with model.at(0.0):
        torch.testing.assert_close(model(SYMMETRY.inputs[0].act(g, x)), SYMMETRY.outputs.act(g, strict))


def test_a_model_that_breaks_the_symmetry_elsewhere_is_refused():
    with pytest.raises(NotEquivariantError, match="something else than its SideBranch"):
        with_side_branches(Pull(broken=True), SYMMETRY)
    turned = Defining(cyclic(4))
    with pytest.raises(ArgumentError, match="a model with SideBranch modules"):
        with_side_branches(nn.Linear(2, 2), Symmetry(turned.group, Vector(turned), Vector(turned)))


def test_what_belongs_to_weights_is_refused_in_words():
    model = with_side_branches(Pull(), SYMMETRY)
    with pytest.raises(ArgumentError, match="layers wrapped by homotopise, got a SideBranch"):
        tension(model, nn.functional.mse_loss, torch.randn(7, 6), torch.zeros(7, 6))


def test_effective_size_is_measured_in_training():
    model = with_side_branches(Pull(), SYMMETRY)
    x = torch.randn(7, 6)
    out = model.train()(x)
    with model.at(0.0):
        base = model.eval()(x)
    torch.testing.assert_close(model.layers["side"].effective_size(), (out - base).norm() / base.norm())


def test_multipliers_drive_it_alone_and_in_ensembles():
    torch.manual_seed(0)
    models = [with_side_branches(Pull(), SYMMETRY) for _ in range(2)]
    ensemble = Ensemble(models)
    duals = Duals(ensemble, "equality", steps=250)
    optimizer = torch.optim.Adam(duals.weights(), lr=3e-3)
    x = 0.6 * torch.randn(2, 64, 6)
    with ensemble.at(0.0):
        y = 0.5 * ensemble(x).detach()
    for _ in range(250):
        optimizer.zero_grad()
        duals.lagrangian((ensemble(x) - y).square().mean((1, 2)).sum()).backward()
        optimizer.step()
        duals.step()
    assert max(ensemble.gammas()["side"].abs().tolist()) < 0.06
    with ensemble.at(0.0):
        torch.testing.assert_close(ensemble(x)[1], ensemble.member(1).export(0.0)(x[1]))
