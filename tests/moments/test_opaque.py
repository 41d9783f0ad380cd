"""Sampled parts: draws go through the whole model, so that nothing is worse than plain sampling."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.moments import Dense, Gaussian, Independent, compare, controlled_mean, kstats, propagate
from haar.moments.laws import Exponential
from haar.moments.opaque import estimated

LAW = Gaussian([1.0, 0.0, -1.0], 2.0)


def _norms():
    """A norm between activations: what stands before and behind it is far from normal."""
    torch.manual_seed(0)
    layers = [nn.Linear(3, 16), nn.ReLU(), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2)]
    return nn.Sequential(*layers).double()


def test_a_sampled_model_is_as_good_as_plain_draws():
    """It is plain draws: no normal law is put in between."""
    model = _norms()
    with torch.no_grad():
        for seed in range(3):
            made, same = (torch.Generator().manual_seed(seed) for _ in range(2))
            found = propagate(model, LAW, on_unsupported="sample", backend=Dense(samples=2000, generator=made))
            plain = model(LAW.sample(2000, same))
            torch.testing.assert_close(found.mean, plain.mean(0), rtol=1e-12, atol=1e-14)
            torch.testing.assert_close(found.cov, torch.cov(plain.mT), rtol=1e-10, atol=1e-14)
        truth = model(LAW.sample(400_000, torch.Generator().manual_seed(9)))
    assert ((found.mean - truth.mean(0)).abs() < 5 * found.sd / 2000**0.5).all()


def test_every_order_of_a_sample_is_estimated():
    x = Independent.same(Exponential(), 2).sample(200_000, torch.Generator().manual_seed(0))
    found = estimated(x, 4)
    assert found.cov.diagonal().tolist() == pytest.approx([1.0, 1.0], rel=0.03)
    assert [found.third[k, k, k].item() for k in (0, 1)] == pytest.approx([2.0, 2.0], rel=0.1)
    assert [found.fourth[k, k, k, k].item() for k in (0, 1)] == pytest.approx([6.0, 6.0], rel=0.25)
    assert found.fourth[0, 0, 1, 1].abs() < 0.2
    exact = kstats(x)
    torch.testing.assert_close(found.third.diagonal(dim1=0, dim2=1).diagonal(), exact.values[2])


def test_batches_gradients_and_orders():
    model = _norms()
    grid = Gaussian(torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]), 0.5)
    found = propagate(model, grid, on_unsupported="sample", backend=Dense(samples=500), order=4)
    assert found.third.shape == (2, 2, 2, 2)
    assert found.kurtosis.shape == (2, 2)
    assert found.mean_indicator is None  # two samples differ by noise
    assert "sampled" in found.summary
    assert [layer.how for layer in found.layers] == [
        "exact",
        "exact",
        "sampled",
        "sampled",
        "follows",
        "sampled",
        "follows",
    ]
    found.mean.sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in (model[0].weight, model[6].weight))
    with torch.no_grad():
        alone = propagate(model, Gaussian([0.0, 2.0, 0.0], 0.5), on_unsupported="sample", backend=Dense(samples=20_000))
        many = propagate(model, grid, on_unsupported="sample", backend=Dense(samples=20_000))
    assert ((alone.mean - many.mean[1]).abs() < 6 * alone.sd * (2 / 20_000) ** 0.5).all()


def test_noise_of_the_model_is_in_the_draws():
    model = nn.Sequential(nn.LayerNorm(3), nn.Dropout(0.5)).train()
    found = propagate(model, LAW, on_unsupported="sample", backend=Dense(samples=40_000))
    quiet = propagate(model.eval(), LAW, on_unsupported="sample", backend=Dense(samples=40_000))
    raw = quiet.variance + quiet.mean.square()
    torch.testing.assert_close(found.variance, quiet.variance + raw, rtol=0.05, atol=0.0)  # E b^2 = 2
    random = nn.Sequential(nn.LayerNorm(3), nn.RReLU(0.0, 1.0)).train()
    assert torch.equal(
        *(propagate(random, LAW, on_unsupported="sample", backend=Dense(samples=500)).mean for _ in range(2))
    )


def test_comparisons_leave_the_model_and_the_process_alone():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.4), nn.Linear(4, 2)).train()
    state = torch.get_rng_state()
    found = compare(model, LAW, 5000)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.z_variance.abs().max() < 5
    assert torch.equal(found.sampled.values, compare(model, LAW, 5000).sampled.values)


def test_controls_behind_a_sampled_part_are_not_taken_for_exact():
    torch.manual_seed(0)
    model = nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    found = controlled_mean(model, LAW, 2000)
    assert found.controls == ("input",)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 1)).double()
    found = controlled_mean(model, LAW, 2000)
    assert found.controls == ("input", "first hidden layer")
    with torch.no_grad():
        truth = model(LAW.sample(400_000, torch.Generator().manual_seed(7))).mean(0)
    assert (found.mean - truth).abs() < 5 * found.standard_error + 5e-3


def test_order_four_through_a_tangent():
    law = Independent.same(Exponential(), 3)
    model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(-1), nn.Linear(2, 1)).double()
    found = propagate(model, law, order=4, on_unsupported="linearise")
    hidden = model[0](torch.ones(3, dtype=torch.float64))
    tangent = model[2].weight @ torch.func.jacrev(lambda z: z.softmax(-1))(hidden) @ model[0].weight
    expected = 6.0 * tangent.pow(4).sum() / tangent.square().sum().square()
    torch.testing.assert_close(found.kurtosis.reshape(()), expected)


def test_order_four_knows_no_noise():
    with pytest.raises(
        ArgumentError, match="order: expected at most 3 for a model with dropout in training mode, got 4"
    ):
        propagate(nn.Sequential(nn.Dropout(0.3)).train(), LAW, order=4)
