"""How near the orders come: each beats the one below, with sampling and quadrature as the truth."""

from __future__ import annotations

import pytest
import torch
from moment_networks import mlp
from torch import nn

from haar.moments import Gaussian, Independent, propagate, sample_outputs
from haar.moments.laws import Exponential


@pytest.mark.parametrize(
    ("width", "depth", "limits"),
    [(16, 2, (0.02, 0.07)), (16, 3, (0.03, 0.10)), (64, 3, (0.008, 0.05))],
)
def test_order_three_beats_order_two_on_he_initialised_networks(width, depth, limits):
    """The rows of the accuracy table that matter, at the same sizes; averages over networks, sampling as the truth."""
    errors = {2: [], 3: []}
    for seed in (1, 2) if width > 16 else (1, 2, 3):
        model = mlp(width, depth, seed=seed)
        law = Gaussian(torch.zeros(width))
        y = sample_outputs(model, law, 100_000)
        mean, sd, cov = y.mean(0), y.std(0), torch.cov(y.mT)
        for order, found in errors.items():
            result = propagate(model, law, order=order)
            gap = ((result.mean - mean).abs() / sd).mean().item()
            found.append((gap, ((result.cov - cov).norm() / cov.norm()).item()))
    average = {order: torch.tensor(found).mean(0) for order, found in errors.items()}
    assert bool((average[3] < torch.tensor(limits)).all())
    assert bool((average[3] * 2 < average[2]).all())


def test_order_four_beats_order_three():
    model, law = mlp(16, 2, nn.GELU(), seed=1), Gaussian(torch.zeros(16))
    y = sample_outputs(model, law, 200_000)
    errors = {}
    for order in (3, 4):
        found = propagate(model, law, order=order)
        errors[order] = ((found.mean - y.mean(0)).abs() / y.std(0)).mean(), (found.cov - torch.cov(y.mT)).norm()
    assert errors[4][0] < 0.7 * errors[3][0]
    assert errors[4][1] < 0.6 * errors[3][1]


def test_edgeworth_orders_on_sums_of_exponentials_improve_with_the_number_of_terms():
    """E relu(S_n - 0.3): exact by one-dimensional quadrature of the gamma density."""
    from scipy import integrate, stats

    for n, limits in ((4, (1.5e-2, 1e-2, 2e-4)), (16, (1e-2, 3e-3, 2e-5))):
        exact = integrate.quad(lambda x, n=n: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - 0.3), 0.3, 40)[0]
        model = nn.Sequential(nn.Linear(n, 1), nn.ReLU()).double()
        nn.init.constant_(model[0].weight, n**-0.5)
        nn.init.constant_(model[0].bias, -0.3)
        law = Independent.same(Exponential(), n)
        errors = [abs(propagate(model, law, order=order).mean.item() - exact) for order in (2, 3, 4)]
        assert errors[0] > errors[1] > errors[2]
        assert all(error < limit for error, limit in zip(errors, limits, strict=True))
