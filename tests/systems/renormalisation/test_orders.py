"""Rules that follow means and covariances, and how far they are from sampled moments."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.moments import Gaussian, propagate
from haar.systems.renormalisation import GraphEnsemble, Sizes
from haar.systems.renormalisation.orders import (
    ORDERS,
    first_order_pairs,
    graph_gaps,
    he_network,
    layer_by_layer,
    random_network_errors,
    sampled_moments,
    zero_mean_pairs,
)

MEAN = torch.tensor([0.3, -0.4, 0.0], dtype=torch.float64)
COV = torch.tensor([[1.0, 0.5, 0.2], [0.5, 2.0, -0.3], [0.2, -0.3, 0.5]], dtype=torch.float64)


def exact(mean, cov):
    """Exact moments of ReLUs of a normal vector: the library's own order 2, which quadrature checks elsewhere."""
    found = propagate(nn.ReLU(), Gaussian(mean, cov))
    return found.mean, found.cov


def test_network_moments_rule_is_exact_but_for_pairs_off_centre():
    level, cov = zero_mean_pairs(MEAN, COV)
    truth = exact(MEAN, COV)
    torch.testing.assert_close(level, truth[0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cov.diagonal(), truth[1].diagonal(), rtol=1e-10, atol=1e-12)
    off = ~torch.eye(3, dtype=torch.bool)
    assert float((cov - truth[1])[off].abs().max()) > 0.01
    centred = exact(torch.zeros(3).double(), COV)[1]
    torch.testing.assert_close(cov[off], centred[off], rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(zero_mean_pairs(torch.zeros(3).double(), COV)[1], centred, rtol=1e-9, atol=1e-12)


def test_torch_adf_rule_takes_slopes():
    level, cov = first_order_pairs(MEAN, COV)
    torch.testing.assert_close(level, exact(MEAN, COV)[0], rtol=1e-12, atol=1e-12)
    slope = [0.5 * (1 + math.erf(m / math.sqrt(2 * v))) for m, v in zip(MEAN, COV.diagonal(), strict=True)]
    assert cov[0, 1].item() == pytest.approx(slope[0] * slope[1] * 0.5)
    assert cov[1, 1].item() == pytest.approx(slope[1] ** 2 * 2.0)


def test_layers_are_followed_one_by_one(generator):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        mean, cov = layer_by_layer(model, MEAN, COV, exact)
        found = propagate(model, Gaussian(MEAN, COV))
    torch.testing.assert_close(mean, found.mean, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(cov, found.cov, rtol=1e-9, atol=1e-12)


def test_sampled_moments_are_those_of_a_linear_map():
    model = he_network(3, 1, torch.Generator().manual_seed(0))[:1]
    mean, cov = sampled_moments(model, 3, 200_000, torch.Generator().manual_seed(1))
    weight = model[0].weight.detach()
    assert mean.abs().max().item() < 0.02
    torch.testing.assert_close(cov, weight @ weight.mT, rtol=0.03, atol=0.02)


def test_networks_have_the_weights_that_are_said():
    model = he_network(200, 2, torch.Generator().manual_seed(0))
    assert [type(part).__name__ for part in model] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert all(part.bias is None for part in model[::2])
    assert model[2].weight.detach().var().item() == pytest.approx(2 / 200, rel=0.05)


def test_errors_on_a_random_network():
    found = random_network_errors(8, 1, seed=3, draws=200_000)
    assert set(found) == {"linearised", "torch-adf's rule", "network_moments' rule", *ORDERS, "2000 draws", "truth"}
    # one hidden layer and normal input: order 2 is exact, and so are means and variances alone
    assert found["order 2"] == pytest.approx([0.0, 0.0], abs=0.02)
    assert max(found["truth"]) < 0.02
    assert found["network_moments' rule"][0] == pytest.approx(found["order 2"][0], rel=1e-6)
    assert found["network_moments' rule"][1] == pytest.approx(found["order 2"][1], rel=1e-3)  # all means are 0 there
    assert found["torch-adf's rule"][1] > 0.2
    assert found["linearised"][0] > 0.3
    assert random_network_errors(8, 1, seed=3, draws=200_000) == found


def test_gaps_of_graph_networks():
    nets = GraphEnsemble("ring", "distinct", "relu", Sizes(4, 3, 1), seeds=[0, 1])
    found = graph_gaps(nets, "gauss", 50_000, seed=2)
    for order in (*ORDERS, "fused"):
        assert len(found[order]) == 2
        # one hidden layer and normal input
        assert max(gap for gaps in found[order] for gap in gaps) < 0.03
    with torch.no_grad():
        member = propagate(nets.member(1), Gaussian(torch.zeros(4).double(), 1.0))
    mean, variance = found["sampled"][1]
    assert found["order 2"][1][0] == pytest.approx(abs(float(member.mean[0]) - mean) / variance**0.5)
    assert found["order 2"][1][1] == pytest.approx(abs(float(member.cov[0, 0]) - variance) / variance)
    assert graph_gaps(nets, "gauss", 50_000, seed=3)["sampled"] != found["sampled"]
    skewed = graph_gaps(nets, "exponential", 50_000, seed=2)
    assert max(gap for gaps in skewed["order 2"] for gap in gaps) > 0.03
