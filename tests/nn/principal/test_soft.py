"""Soft principal components: where the penalty leads, what it is, and what a network adds up."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, HaarError, ShapeError
from haar.nn import SoftPCALayer
from haar.nn.principal import nearest_orthogonal, principal_penalty
from haar.training import Plan, Run

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def rows(n=60):
    return drawn(n, 5) * torch.tensor([3.0, 2, 1, 0.5, 0.2], dtype=F64) @ nearest_orthogonal(drawn(5, 5, seed=9)) + 2


def soft(k=2, **options):
    return SoftPCALayer(5, k, generator=torch.Generator().manual_seed(1), **options).double()


def trained(layer, x, steps=400, rate=0.05):
    def loss(_step, _generator):
        layer(x)
        return layer.penalty

    Run(layer.parameters(), loss, Plan(steps=steps, learning_rate=rate, schedule="cosine")).train()
    return layer


def principal(x, k):
    return torch.linalg.svd(x - x.mean(0), full_matrices=False)[2][:k].mT


def sines(one, other):
    return (1 - torch.linalg.svdvals(one.mT @ other).clamp(max=1).square()).sqrt()


def test_alone_it_finds_the_principal_subspace_with_orthonormal_columns():
    x = rows()
    w = trained(soft(exact=True), x).directions.detach()
    assert float((w.mT @ w - torch.eye(2, dtype=F64)).abs().max()) < 1e-3
    assert float(sines(w, principal(x, 2)).max()) < 1e-3


def test_a_strong_pull_lengthens_columns_by_their_share_of_the_variance():
    x = rows()
    layer = trained(soft(), x, steps=800)
    w = layer.weight.detach()
    assert float(sines(torch.linalg.qr(w).Q, principal(x, 2)).max()) < 1e-3
    shares = torch.linalg.svdvals(x - x.mean(0)).square()
    lengths = torch.linalg.svdvals(w).square()
    torch.testing.assert_close(lengths - 1, 0.1 / 2 * (shares / shares.sum())[:2], rtol=1e-2, atol=0)


def test_exact_columns_stay_orthonormal_and_deflation_tells_them_apart():
    x = rows()
    layer = trained(soft(exact=True, deflation=True), x)
    w = layer.directions.detach()
    torch.testing.assert_close(w.mT @ w, torch.eye(2, dtype=F64), rtol=0, atol=1e-12)
    assert float((w * principal(x, 2)).sum(0).abs().min()) > 1 - 1e-6


def test_without_deflation_the_penalty_does_not_see_rotations():
    x, layer = rows(), soft(exact=True)
    turned = copy.deepcopy(layer)
    with torch.no_grad():
        turned.weight.copy_(layer.weight @ nearest_orthogonal(drawn(2, 2, seed=5)))
    layer(x)
    turned(x)
    torch.testing.assert_close(layer.penalty, turned.penalty, rtol=1e-6, atol=0)
    told_apart = [SoftPCALayer(5, 2, exact=True, deflation=True).double() for _ in range(2)]
    for one, other in zip(told_apart, (layer, turned), strict=True):
        one.load_state_dict(other.state_dict())
        one(x)
    assert abs((told_apart[0].penalty - told_apart[1].penalty).item()) > 1e-4


def test_the_penalty_is_the_sum_that_is_stated():
    x, layer = rows(), soft(orthogonality=2.0, variance=0.3)
    with torch.no_grad():
        layer.weight.mul_(1.5)
    s = layer(x)
    centred = x - x.mean(0)
    expected = 2 * 2 * 1.25**2 + 0.3 * (1 - s.square().sum() / centred.square().sum())
    torch.testing.assert_close(layer.penalty, expected, rtol=1e-6, atol=0)  # first columns are of single precision
    torch.testing.assert_close(s, centred @ layer.weight)


def test_a_network_adds_up_its_penalties():
    one, other = soft(), soft(orthogonality=3.0)
    model = nn.Sequential(one, nn.Linear(2, 5).double(), other)
    model(rows())
    torch.testing.assert_close(principal_penalty(model), one.penalty + other.penalty)


def test_evaluation_uses_the_running_mean_and_is_exported():
    x, layer = rows(), soft(exact=True, momentum=1.0)
    layer(x)
    torch.testing.assert_close(layer.mean, x.mean(0))
    y = layer.eval()(x[:3])
    torch.testing.assert_close(y, (x[:3] - x.mean(0)) @ layer.directions)
    torch.testing.assert_close(layer.export()(x[:3]), y, rtol=0, atol=1e-12)


def test_copies_in_the_middle_of_training_leave_the_graph_behind():
    layer = soft()
    layer(rows())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        with pytest.raises(HaarError, match="SoftPCALayer: a penalty needs a forward pass in training"):
            _ = other.penalty


def test_autocast_leaves_the_penalty_in_single_precision():
    layer = SoftPCALayer(5, 2, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = layer(rows().float())
    assert scores.dtype is torch.bfloat16
    assert layer.penalty.dtype is torch.float32


def test_it_is_printed_with_what_differs_from_plain():
    assert repr(soft()) == "SoftPCALayer(5 -> 2, orthogonality=1.0, variance=0.1)"
    told = "SoftPCALayer(5 -> 3, orthogonality=0.0, variance=2.0, exact=True, deflation=True)"
    assert repr(soft(3, orthogonality=0, variance=2, exact=True, deflation=True)) == told


def test_components_are_weighted_by_their_place():
    x, layer = rows(), soft(3, exact=True, deflation=True, variance=0.3)
    shares = layer(x).square().sum(0) / (x - x.mean(0)).square().sum()
    expected = 0.3 * (1 - shares[0] - shares[1] * 5 / 6 - shares[2] * 4 / 6)
    torch.testing.assert_close(layer.penalty, expected, rtol=1e-9, atol=0)


def test_the_running_mean_moves_by_its_momentum_and_without_gradients():
    x, layer = rows(), soft(momentum=0.25)
    layer(x.requires_grad_())
    torch.testing.assert_close(layer.mean, 0.25 * x.mean(0).detach(), rtol=1e-12, atol=0)
    assert not layer.mean.requires_grad
    batch = soft()
    batch(x[None])
    torch.testing.assert_close(batch.mean, 0.1 * x.mean(0).detach(), rtol=1e-12, atol=0)


def test_rows_may_stand_on_several_axes_and_equal_ones_have_a_finite_penalty():
    x = rows()
    together, apart = soft()(x), soft()(x.reshape(6, 10, 5))
    torch.testing.assert_close(apart.reshape(60, 2), together, rtol=0, atol=1e-12)
    equal = soft(orthogonality=0)
    equal(torch.ones(2, 5, dtype=F64))
    assert equal.penalty.item() == pytest.approx(0.1)


def test_refusals():
    with pytest.raises(ArgumentError, match="in_features: expected at least 6, got 5"):
        SoftPCALayer(5, 6)
    with pytest.raises(ArgumentError, match="variance: expected 0 or more, got -1"):
        SoftPCALayer(5, 2, variance=-1)
    with pytest.raises(ArgumentError, match="orthogonality: expected 0 or more, got -1"):
        SoftPCALayer(5, 2, orthogonality=-1)
    with pytest.raises(ArgumentError, match="momentum: expected a positive number, got 0"):
        SoftPCALayer(5, 2, momentum=0)
    with pytest.raises(ArgumentError, match="k: expected at least 1, got 0"):
        SoftPCALayer(5, 0)
    with pytest.raises(ArgumentError, match="x: expected floating-point numbers"):
        soft()(torch.ones(9, 5, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="momentum: expected above 0, at most 1, got 2"):
        SoftPCALayer(5, 2, momentum=2)
    with pytest.raises(ArgumentError, match="deflation: expected exact=True beside it"):
        SoftPCALayer(5, 2, deflation=True)
    with pytest.raises(ShapeError, match=r"x: expected \(\*rows, 5 columns\), got \(9, 4\)"):
        soft()(torch.ones(9, 4, dtype=F64))
    with pytest.raises(ShapeError, match="x: expected at least 2 rows in training, which are centred, got 1"):
        soft()(rows()[:1])
    with pytest.raises(HaarError, match="principal_penalty: the network has no SoftPCALayer"):
        principal_penalty(nn.Linear(2, 2))
