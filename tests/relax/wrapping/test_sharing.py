"""Weights shared within a step: the gradients of all passes, sent back once."""

from __future__ import annotations

import copy

import pytest
import torch
from relax_networks import D4
from torch import nn

from haar.actions import Field, Regular, Symmetry, Vector
from haar.errors import ArgumentError
from haar.relax import Duals, homotopise
from haar.relax.wrapping import mixing

F64 = torch.float64


def dense(**options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 16), nn.SiLU(), nn.LayerNorm(16), nn.Linear(16, 16)).double()
    rep = 2 * Regular(D4)
    return homotopise(net, Symmetry(D4, Vector(rep), Vector(rep)), **options)


def images():
    torch.manual_seed(0)
    layers = [nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1)]
    net = nn.Sequential(*layers).double()
    rep = Regular(D4)
    return homotopise(net, Symmetry(D4, Field(rep), Field(rep)), example=torch.randn(1, 8, 5, 5, dtype=F64))


def gradients(model, batches):
    for x in batches:
        model(x).square().mean().backward()
    return {name: p.grad for name, p in model.named_parameters()}


BATCHES = torch.randn(3, 4, 16, dtype=F64, generator=torch.Generator().manual_seed(1))
PICTURES = torch.randn(2, 2, 8, 5, 5, dtype=F64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("made", "batches"),
    [
        (dense, BATCHES),
        (lambda: dense(mode="branches"), BATCHES),
        (lambda: dense(chain="auto"), BATCHES),
        (images, PICTURES),
    ],
)
def test_gradients_are_those_of_every_pass_by_itself(made, batches):
    alone, together = made(), made()
    wanted = gradients(alone, batches)
    with together.shared():
        found = gradients(together, batches)
    found = {name: p.grad for name, p in together.named_parameters()}
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-10, atol=1e-12)


def test_a_weight_is_made_once(monkeypatch):
    model, made = dense(), []
    mix = mixing._mix
    monkeypatch.setattr(mixing, "_mix", lambda *given: made.append(given) or mix(*given))
    dense_layers = 2
    with model.shared():
        gradients(model, BATCHES)
    norms = len(made) - dense_layers
    assert norms % len(BATCHES) == 0  # of norms nothing is shared
    gradients(model, BATCHES)  # three passes without a block: the second one's mixtures are kept
    assert len(made) == 2 * norms + dense_layers * (1 + 2)
    gradients(model, BATCHES)
    assert len(made) == 3 * norms + dense_layers * (1 + 2)


def test_duals_move_as_without():
    ends = []
    for shared in (False, True):
        model = dense()
        duals = Duals(model, steps=100)
        optimizer = torch.optim.Adam(duals.weights(), lr=1e-2)
        for _ in range(3):
            optimizer.zero_grad()
            if shared:
                with model.shared():
                    for x in BATCHES:
                        duals.lagrangian(model(x).square().mean() / 3).backward()
            else:
                for x in BATCHES:
                    duals.lagrangian(model(x).square().mean() / 3).backward()
            optimizer.step()
            duals.step()
        ends.append(copy.deepcopy(model.state_dict()))
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=1e-8, atol=1e-10)


def test_other_gammas_and_evaluation_within_the_block_are_what_they_are_outside():
    model = dense()
    with model.at(0.0):
        wanted = model(BATCHES[0])
    with model.shared():
        free = model(BATCHES[0])
        with model.at(0.0):
            torch.testing.assert_close(model(BATCHES[0]), wanted)
        with torch.no_grad():
            torch.testing.assert_close(model(BATCHES[0]), free)
    torch.testing.assert_close(model(BATCHES[0]), free)


def test_weights_written_within_the_block_are_refused():
    model = dense()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step():
        with model.shared():
            gradients(model, BATCHES[:1])
            for p in model.parameters():
                p.grad = torch.ones_like(p)
            optimizer.step()

    with pytest.raises(ArgumentError, match="shared: expected weights that stay as they are within the block"):
        step()
    assert model(BATCHES[0]).isfinite().all()  # the block is left, nothing is shared any more


def test_an_error_in_the_block_leaves_no_gradients_and_shares_no_more():
    model = dense()

    def fails():
        with model.shared():
            gradients(model, BATCHES)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fails()
    assert model.get_parameter("model.0.weight").grad is None
    assert model.layers["0"]._sharing is None


def test_a_sum_of_two_passes_is_differentiated_as_one():
    model, other = dense(), dense()
    with model.shared():
        (model(BATCHES[0]) + model(BATCHES[1])).square().mean().backward()
    (other(BATCHES[0]) + other(BATCHES[1])).square().mean().backward()
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-10, atol=1e-12)
