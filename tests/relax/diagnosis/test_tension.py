"""Tension: zero where the loss asks for no asymmetry, by the plain gradient elsewhere."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import data, mse, orbits, wrapped

from haar.errors import ArgumentError
from haar.relax.diagnosis.tension import tension


def test_tension_is_zero_on_orbits_and_not_after_a_break():
    model = wrapped()
    x, y = orbits(*data(20))
    assert max(tension(model, mse, x, y).values()) < 1e-12
    broken = y + torch.tensor([0.5, 0.0])
    assert min(tension(model, mse, x, broken).values()) > 0.1


def test_it_is_the_share_of_the_gradient_beside_the_symmetry():
    model = wrapped()
    x, y = data(20, beta=1.0)
    plain = model.export(0.0)
    gradients = torch.autograd.grad(mse(plain(x), y), [plain[k].weight for k in (0, 2, 4)])
    found = tension(model, mse, x, y)
    assert list(found) == ["0", "2", "4"]
    for (name, value), gradient in zip(found.items(), gradients, strict=True):
        beside = gradient - model.layers[name].project(gradient)
        assert value == pytest.approx(float(beside.norm() / gradient.norm()), rel=1e-10)
    assert tension(model, mse, x, y, layers=["2"]) == {"2": found["2"]}
    with pytest.raises(ArgumentError, match="layers: expected names among 0, 2, 4, got '1'"):
        tension(model, mse, x, y, layers=["1"])


def test_a_loss_without_a_gradient_pulls_nowhere():
    x, y = data(4)
    assert set(tension(wrapped(), lambda predicted, _: 0 * predicted.sum(), x, y).values()) == {0.0}
