"""Heads and encoders: sums of functions of one factor, sparse parts, penalties."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.nn.principal import PCALayer, nearest_orthogonal
from haar.systems.factor_networks import AdditiveHead, FactorNetwork, FixedFactors, SparseThroughput
from haar.systems.factor_networks.heads import perceptron
from haar.systems.factor_networks.networks import soft_encoder

F64 = torch.float64
pytestmark = pytest.mark.filterwarnings("ignore::haar.nn.principal.DegenerateCutWarning")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def mixed_difference(head, step=0.3):
    """In two factors, at random points."""
    f = drawn(50, 3, seed=2)
    one, other = torch.zeros_like(f), torch.zeros_like(f)
    one[:, 0], other[:, 1] = step, step
    with torch.no_grad():
        return float((head(f + one + other) - head(f + one) - head(f + other) + head(f)).abs().max())


def test_an_additive_head_has_no_mixed_differences():
    generator = torch.Generator().manual_seed(0)
    assert mixed_difference(AdditiveHead(3, (16, 16), generator).double()) < 1e-12
    assert mixed_difference(perceptron((3, 16, 16, 1), generator).double()) > 1e-3


def test_an_additive_head_is_one_perceptron_a_factor():
    head = AdditiveHead(2, (4,), torch.Generator().manual_seed(0)).double()
    f = drawn(6, 2)
    for factor in range(2):
        hidden = (f[:, factor, None] @ head.weights[0][factor] + head.biases[0][factor]).relu()
        single = hidden @ head.weights[1][factor] + head.biases[1][factor]
        torch.testing.assert_close(head.terms(f)[:, factor], single[:, 0])
    torch.testing.assert_close(head(f)[:, 0], head.terms(f).sum(-1))


def test_a_rotated_frame_and_a_counter_rotated_first_layer_give_the_same():
    x = drawn(60, 8) * torch.tensor([5.0, 4, 3, 1, 1, 1, 1, 1], dtype=F64)
    factors, turn = FixedFactors(PCALayer(3).fit(x)), nearest_orthogonal(drawn(3, 3, seed=5))
    head = perceptron((3, 16, 1), torch.Generator().manual_seed(0)).double()
    plain = FactorNetwork(factors, head)(x)
    with torch.no_grad():
        factors.layer.reference.copy_(factors.layer.reference @ turn)
        head[0].weight.copy_(head[0].weight @ turn)
    torch.testing.assert_close(FactorNetwork(factors, head)(x), plain, rtol=0, atol=1e-10)


def test_the_sparse_part_sees_what_factors_do_not_explain():
    x = drawn(60, 8) * torch.tensor([5.0, 4, 3, 1, 1, 1, 1, 1], dtype=F64)
    factors = FixedFactors(PCALayer(3).fit(x))
    part = SparseThroughput(factors, x, 2, torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        part.theta.copy_(torch.zeros(8, 2))
        part.theta[4, 0] = 1.0
        found = part(x)
    reference = factors.layer.reference
    rest = (x - x.mean(0)) @ (torch.eye(8, dtype=F64) - reference @ reference.mT)
    torch.testing.assert_close(found[:, 3], rest[:, 4], rtol=0, atol=1e-10)
    assert part.selected.tolist() == [False] * 4 + [True] + [False] * 3


def test_the_clipped_penalty_is_the_sum_that_is_stated():
    x = drawn(60, 8)
    part = SparseThroughput(FixedFactors(PCALayer(2).fit(x)), x, 1).double()
    with torch.no_grad():
        part.theta.copy_(torch.tensor([0.5, 0.05, 0, 0, 0, 0, 0, 0.1])[:, None])
    weight = 1.3 * math.log(8) / 60
    assert math.isclose(part.penalty.item(), weight * (1 + 0.5 + 1), rel_tol=1e-6)
    part.anneal(1.0)
    assert math.isclose(part.penalty.item(), weight * 3, rel_tol=1e-6)
    part.anneal(0.5)
    assert math.isclose(part.threshold, 0.0525, rel_tol=1e-12)


def test_a_network_adds_the_penalty_of_its_encoder():
    x = drawn(30, 6).float()
    encoder = soft_encoder(6, 2, (8,), generator=torch.Generator().manual_seed(0))
    network = FactorNetwork(encoder, perceptron((2 + 6, 8, 1)), observed=True)
    assert network(x).shape == (30,)
    assert torch.equal(torch.as_tensor(network.penalty()), encoder[-1].penalty)
    bottleneck = FactorNetwork(soft_encoder(6, 2, orthogonality=0.0, variance=0.0), perceptron((2, 8, 1)))
    bottleneck(x)
    assert float(bottleneck.penalty().detach()) == 0
    assert FactorNetwork(nn.Identity(), perceptron((6, 1))).penalty() == 0.0
