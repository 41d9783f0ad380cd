"""Gradients by effective weights: those of plain layers at gamma = 0, of a batch and of every sample."""

from __future__ import annotations

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, mse, wrapped
from torch import nn

from haar.actions import Regular, Symmetry, Vector
from haar.errors import ArgumentError
from haar.relax import homotopise
from haar.relax.diagnosis.gradients import batch_gradients, sample_gradients

X, Y = data(7)


class Classified(nn.Module):
    """Classes, dropout, a norm, a second argument of whole numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(4, 8), nn.LayerNorm(8), nn.Dropout(0.5)
        self.last = nn.Linear(8, 4)

    def forward(self, x, k):
        return self.last(self.drop(self.norm(self.first(x)))) + k.unsqueeze(-1)


@pytest.fixture(scope="module")
def classified():
    rep = Regular(C4)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Classified()
    one = Vector(rep)
    from haar.actions import Invariant

    return homotopise(net, Symmetry(C4, (one, Invariant(C4)), one), example=(torch.randn(3, 4), torch.arange(3)))


def test_samples_and_batches_have_the_gradients_of_plain_layers_in_eval_mode(classified):
    """In double precision whatever the model has, whole numbers left as they are; norms have no matrix."""
    model = classified.train()
    x, k, target = torch.randn(7, 4, generator=torch.Generator().manual_seed(1)), torch.arange(7), torch.arange(7) % 4
    loss = nn.functional.cross_entropy
    assert set(model.layers) == {"first", "norm", "last"}
    each = sample_gradients(model, loss, (x, k), target)
    whole = batch_gradients(model, loss, (x, k), target)
    assert list(each) == list(whole) == ["first", "last"]
    plain = model.export(0.0).double().eval()
    weights = [plain.first.weight, plain.last.weight]
    expected = torch.autograd.grad(loss(plain(x.double(), k), target), weights)
    for name, gradient in zip(("first", "last"), expected, strict=True):
        assert each[name].dtype == whole[name].dtype == torch.float64
        assert torch.allclose(each[name].mean(0), gradient, rtol=0, atol=1e-12)
        assert torch.allclose(whole[name], gradient, rtol=0, atol=1e-12)
    assert model.training


def test_chunks_make_no_difference():
    model = wrapped()
    whole = sample_gradients(model, mse, X, Y)
    parts = sample_gradients(model, mse, X, Y, chunk=2)
    for name, gradient in whole.items():
        assert torch.allclose(parts[name], gradient, rtol=0, atol=1e-14)


def test_a_model_that_is_one_layer_is_read():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = homotopise(nn.Linear(6, 2).double(), SYMMETRY)
    each = sample_gradients(model, mse, X, Y)
    whole = batch_gradients(model, mse, X, Y)
    assert list(each) == list(whole) == ["model"]
    assert torch.allclose(each["model"].mean(0), whole["model"], rtol=0, atol=1e-14)


def test_a_model_without_a_matrix_is_refused():
    rep = Regular(C4)
    model = homotopise(nn.LayerNorm(4).double(), Symmetry(C4, Vector(rep), Vector(rep)))
    with pytest.raises(ArgumentError, match="model: expected a wrapped layer with a weight matrix or kernel, got none"):
        batch_gradients(model, mse, X[:, :4], X[:, :4])
