"""Ensembles: every model goes its own way, as it would alone."""

from __future__ import annotations

import copy

import pytest
import torch
from relax_worlds import data, wrapped

from haar.errors import ArgumentError
from haar.relax.duals.duals import Duals
from haar.relax.ensemble import Ensemble, run_together


def _models(count, *, width=8, mode="weight"):
    return [wrapped(seed, width=width, mode=mode, generator=torch.Generator().manual_seed(5)) for seed in range(count)]


def _data(count):
    x, y = data(count * 16, beta=0.5)
    return x.reshape(count, 16, 6), y.reshape(count, 16, 2)


@pytest.mark.parametrize("mode", ["weight", "branches"])
def test_every_model_runs_as_it_would_alone(mode):
    models, (x, _) = _models(3, mode=mode), _data(3)
    ensemble = Ensemble(models)
    expected = torch.stack([model(one) for model, one in zip(models, x, strict=True)])
    torch.testing.assert_close(ensemble(x), expected, rtol=0, atol=1e-13)
    with ensemble.at(0.25):
        moved = ensemble(x)
    for model, one, out in zip(models, x, moved, strict=True):
        with model.at(0.25):
            torch.testing.assert_close(model(one), out, rtol=0, atol=1e-13)
    torch.testing.assert_close(ensemble(x), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("problem", ["equality", "resilient"])
def test_training_together_is_training_alone(problem):
    models, (x, y) = _models(3), _data(3)
    alone = []
    for model, x1, y1 in zip(copy.deepcopy(models), x, y, strict=True):
        duals = Duals(model, problem, steps=40)
        optimizer = torch.optim.Adam(duals.weights(), lr=1e-2)
        for _ in range(12):
            optimizer.zero_grad()
            duals.lagrangian((model(x1) - y1).square().mean()).backward()
            optimizer.step()
            duals.step()
        alone.append((model, duals))
    ensemble = Ensemble(models)
    duals = Duals(ensemble, problem, steps=40)
    optimizer = torch.optim.Adam(duals.weights(), lr=1e-2)
    for _ in range(12):
        optimizer.zero_grad()
        duals.lagrangian((ensemble(x) - y).square().mean((1, 2)).sum()).backward()
        optimizer.step()
        duals.step()
    for place, (model, own) in enumerate(alone):
        member = ensemble.member(place)
        for name, value in model.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value, rtol=0, atol=1e-9)
        for name, value in own.multipliers.items():
            torch.testing.assert_close(duals.multipliers[name][place], value, rtol=0, atol=1e-9)
        for name, layer in model.layers.items():
            size = ensemble.layers[name].effective_size()[place]
            torch.testing.assert_close(size, layer.effective_size(), rtol=0, atol=1e-9)


def test_ensembles_run_together_and_keep_their_own_parameters():
    one, two = Ensemble(_models(2)), Ensemble(_models(3))
    x = _data(5)[0]
    both = run_together([one, two], lambda model, x: model(x), x)
    torch.testing.assert_close(both[0], one(x[:2]))
    torch.testing.assert_close(both[1], two(x[2:]))
    both[1].sum().backward()
    assert all(p.grad is None or not p.grad.any() for p in one.parameters())
    assert all(p.grad is not None and p.grad.any() for p in two.parameters())


def test_a_state_travels():
    one, two = Ensemble(_models(2)), Ensemble(_models(2))
    with torch.no_grad():
        for p in one.parameters():
            p.add_(0.1)
    two.load_state_dict(one.state_dict())
    x = _data(2)[0]
    assert torch.equal(one(x), two(x))
    assert torch.equal(copy.deepcopy(one)(x), one(x))


def test_models_that_differ_are_refused():
    with pytest.raises(ArgumentError, match="models: expected at least one model"):
        Ensemble([])
    with pytest.raises(ArgumentError, match="2 that differ"):
        Ensemble([*_models(1), *_models(1, width=12)])
    with pytest.raises(ArgumentError, match="ensembles: expected at least one, all of one form"):
        run_together([Ensemble(_models(1)), Ensemble(_models(1, width=12))], lambda model: model)
    with pytest.raises(ArgumentError, match="index: expected 0 to 1, got 2"):
        Ensemble(_models(2)).member(2)
