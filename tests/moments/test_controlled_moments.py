"""Mean and covariance by controlled draws, and draws fused with a propagation."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import pytest
import torch
from moment_networks import mlp
from torch import nn

from haar.errors import ArgumentError
from haar.moments import (
    ControlledMoments,
    Gaussian,
    Independent,
    controlled_moments,
    moments_within,
    propagate,
    sample_outputs,
)
from haar.moments.laws import Exponential


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_one_hidden_layer_leaves_nothing_to_chance():
    model, law = mlp(8, 1, inputs=3, outputs=2), Gaussian([0.1, -0.2, 0.3], 0.5)
    exact, found = propagate(model, law), controlled_moments(model, law, 500)
    torch.testing.assert_close(found.mean, exact.mean, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found.cov, exact.cov, rtol=1e-9, atol=1e-9)
    assert found.controls == "first hidden layer"
    assert found.count == 500


def test_a_quadratic_form_of_inputs_that_are_not_normal_is_found_within_its_errors():
    class Square(nn.Module):
        def forward(self, x):
            return torch.stack([x.sum(-1) + (x[..., 0] * x[..., 1]), x[..., 2]], -1)

    law = Independent.same(Exponential(), 3)
    found = controlled_moments(Square(), law, 20_000)
    assert found.controls == "input"
    # three of variance 1, and a product of two of mean 0, uncorrelated with them
    cov = torch.tensor([[4.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    assert abs(float((found.cov - cov)[0, 0] / found.cov_error[0, 0])) < 4
    torch.testing.assert_close(found.cov[1, 1], cov[1, 1])  # affine: exact


def test_standard_errors_are_those_over_seeds():
    model, law = mlp(6, 2, outputs=2, seed=3), Gaussian(torch.zeros(6), 1.0)
    plain = torch.cat([sample_outputs(model, law, 100_000, generator=generator(seed)) for seed in (90, 91)])
    mean, cov = plain.mean(0), torch.cov(plain.mT)
    runs = [controlled_moments(model, law, 1600, generator=generator(seed)) for seed in range(30)]
    scores = torch.stack([(run.mean - mean) / run.mean_error for run in runs])
    assert 0.7 < float(scores.square().mean().sqrt()) < 1.4
    scores = torch.stack([(run.cov - cov) / run.cov_error for run in runs])
    assert 0.7 < float(scores.square().mean().sqrt()) < 1.4


def test_controls_make_the_scatter_over_seeds_smaller_than_that_of_plain_draws():
    model, law = mlp(8, 2, outputs=1, seed=3), Gaussian(torch.zeros(8), 1.0)
    ours = torch.stack([controlled_moments(model, law, 800, generator=generator(seed)).mean for seed in range(20)])
    plain = [sample_outputs(model, law, 800, generator=generator(seed)).mean(0) for seed in range(20)]
    assert ours.std() < 0.7 * torch.stack(plain).std()


def test_draws_move_a_propagation_as_far_as_they_contradict_it():
    """Two equal outputs: k = 2 effective entries of the mean, so that noise (1 + 2) is chance."""
    law = Gaussian(torch.zeros(2), 1.0)
    known = propagate(nn.Identity(), law)
    two = torch.zeros(2, dtype=torch.float64)
    for gap, weight in ((0.38, 0.0), (0.39, None), (10.0, None)):
        shift = torch.full_like(two, gap)
        error = torch.full_like(two, 0.05**0.5)  # the sum of their squares is 0.1, and 0.3 is chance
        drawn = ControlledMoments(known.mean + shift, known.cov, error, torch.ones_like(known.cov), "input", 100)
        fused = drawn.fused_with(known)
        beyond = max(0.0, 2 * gap**2 - 0.3)
        assert fused.mean_weight == pytest.approx(beyond / (beyond + 0.1) if beyond else 0.0)
        torch.testing.assert_close(fused.mean, fused.mean_weight * shift)
        assert fused.cov_weight == 0.0
        assert (weight == 0.0) == (fused.mean_weight == 0.0)


def test_an_exact_propagation_is_never_moved_far():
    model, law = mlp(8, 1, inputs=3, outputs=2), Gaussian([0.1, -0.2, 0.3], 0.5)
    exact = propagate(model, law)
    fused = controlled_moments(model, law, 500).fused_with(exact)
    torch.testing.assert_close(fused.mean, exact.mean.detach(), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(fused.cov, exact.cov.detach(), rtol=1e-9, atol=1e-9)


def test_what_time_is_left_goes_into_draws(monkeypatch):
    """By a clock that moves a hundredth of a second whenever it is read: 16 batches of 2 draws take one step."""
    model, law = mlp(6, 2, outputs=2), Gaussian(torch.zeros(6), 1.0)
    steps = itertools.count()
    clock = SimpleNamespace(perf_counter=lambda: 0.01 * next(steps))
    monkeypatch.setattr(sys.modules["haar.moments.controlled_moments"], "time", clock)  # its function has its name
    assert moments_within(model, law, 1e-9).drawn.count == 32
    assert 3000 < moments_within(model, law, 1.5).drawn.count < 5000


@pytest.mark.parametrize(
    "verb", [lambda law: controlled_moments(nn.Linear(2, 1), law), lambda law: moments_within(nn.Linear(2, 1), law, 1)]
)
def test_batches_of_laws_are_refused(verb):
    with pytest.raises(ArgumentError, match=r"law: expected a law without batch axes, got batch \(3,\)"):
        verb(Gaussian(torch.zeros(3, 2)))


def test_too_few_draws_and_no_time_are_refused():
    law = Gaussian(torch.zeros(20))
    with pytest.raises(ArgumentError, match="n: expected at least 42 draws, for 20 controls, got 41"):
        controlled_moments(nn.Linear(20, 1), law, 41)
    assert controlled_moments(nn.Linear(20, 1), law, 42).count == 42
    with pytest.raises(ArgumentError, match="seconds: expected a positive time, got 0"):
        moments_within(nn.Linear(20, 1), law, 0)
