"""Comparison with sampling, control variates, rigorous bounds: what tells how far a number can be trusted."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.moments import Gaussian, Independent, compare, controlled_mean, propagate, sample_outputs
from haar.moments.bounds import mean_bound, normal_approximation_bound
from haar.moments.laws import Exponential, Rademacher, StudentT
from haar.moments.trace import trace


def network(width=8, depth=1, inputs=3, outputs=2, activation=None):
    state = torch.get_rng_state()
    torch.manual_seed(0)
    sizes = [inputs, *([width] * depth), outputs]
    layers = [x for a, b in itertools.pairwise(sizes) for x in (nn.Linear(a, b), activation or nn.ReLU())]
    torch.set_rng_state(state)
    return nn.Sequential(*layers[:-1]).double()


def test_exact_moments_have_unremarkable_z_scores():
    found = compare(network(), Gaussian([0.1, -0.2, 0.3], 0.5), 40_000, order=3)
    assert found.propagation.exact
    for z in (found.z_mean, found.z_variance):
        assert z.abs().max() < 4.5
    assert found.mean_error < 0.03
    assert found.cov_error < 0.03
    assert found.sampled.count == 40_000


def test_wrong_moments_are_found_out():
    found = compare(network(depth=3), Gaussian([0.1, -0.2, 0.3], 4.0), 40_000, order=1)
    assert found.z_mean.abs().max() > 20
    assert found.z_variance.abs().max() > 20


def test_a_comparison_can_be_read_in_every_way(tmp_path):
    found = compare(network(), Gaussian(torch.zeros(3)), 1000, order=3)
    told = found.to_dict()
    assert told["schema"] == 1
    assert told["sampled"]["count"] == 1000
    assert told["equal_time_samples"] > 0
    assert found.time_ratio > 0
    assert found.table().row_count == 2
    assert found.figure().axes
    assert "as long as" in found.summary
    assert found.save_html(tmp_path / "page.html").exists()


def test_a_deterministic_output_scores_zero():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.zero_()
    found = compare(model, Gaussian([0.0, 1.0]), 200)
    assert found.z_mean.abs().max() < 1
    assert found.mean_error == 0.0


def test_sampling_repeats_with_its_seed_and_leaves_the_global_state_alone():
    model, law = network().float(), Gaussian(torch.zeros(3))
    before = torch.get_rng_state()
    first, second = sample_outputs(model, law, 10_000), sample_outputs(model, law, 10_000)
    assert torch.equal(first, second)
    assert first.dtype == torch.float64
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("function", [compare, controlled_mean])
def test_laws_with_batches_are_refused(function):
    with pytest.raises(ArgumentError, match="law: expected a law without batch axes"):
        function(nn.Linear(2, 1), Gaussian(torch.zeros(3, 2)), 200)


@pytest.mark.parametrize(
    ("function", "message"), [(compare, "at least 100 samples"), (controlled_mean, "at least 2 draws")]
)
def test_too_few_samples_are_refused(function, message):
    with pytest.raises(ArgumentError, match=f"samples: expected {message}"):
        function(nn.Linear(2, 1), Gaussian([0.0, 0.0]), 1)


def test_controls_explain_one_hidden_layer_completely():
    model, law = network(), Gaussian([0.2, -0.1, 0.0], 0.7)
    found = controlled_mean(model, law, 500)
    torch.testing.assert_close(found.mean, propagate(model, law).mean.detach(), rtol=1e-6, atol=1e-7)
    assert found.variance_reduction.min() > 1e6
    assert found.controls == ("input", "first hidden layer")


@pytest.mark.parametrize("law", [Gaussian(torch.zeros(6), 0.3), Independent.same(Exponential(), 6)])
def test_controlled_estimates_are_unbiased_and_less_noisy(law):
    """Forty independent estimates: their average agrees with a large sample, their spread with the stated error."""
    model = network(16, 3, inputs=6, activation=nn.GELU())
    runs = [controlled_mean(model, law, 200, generator=torch.Generator().manual_seed(seed)) for seed in range(40)]
    means = torch.stack([run.mean for run in runs])
    truth = sample_outputs(model, law, 200_000, generator=torch.Generator().manual_seed(99))
    error = (means.var(0) / 40 + truth.var(0) / 200_000).sqrt()
    assert bool(((means.mean(0) - truth.mean(0)).abs() < 4.5 * error).all())
    stated = torch.stack([run.standard_error for run in runs]).mean(0)
    torch.testing.assert_close(means.std(0), stated, rtol=0.45, atol=0)
    reduction = torch.stack([run.variance_reduction for run in runs]).mean(0)
    assert reduction.min() > (5 if law.normal else 2)
    told = runs[0].to_dict()
    assert told["schema"] == 1
    assert told["controls"][0] == "input"


def test_unsupported_parts_only_cost_efficiency():
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 1)).double()
    law = Gaussian(torch.zeros(3), 0.5)
    found = controlled_mean(model, law, 4000)
    truth = sample_outputs(model, law, 100_000, generator=torch.Generator().manual_seed(7))
    error = (found.standard_error.square() + truth.var(0) / 100_000).sqrt()
    assert (found.mean - truth.mean(0)).abs().item() < 5 * error.item()
    assert found.variance_reduction.item() > 1.5


@pytest.mark.parametrize("n", [4, 16])
@pytest.mark.parametrize("law", [Rademacher(), Exponential()])
def test_the_normal_approximation_bound_holds(n, law):
    """|E relu(S_n - t) - normal| by enumeration or the gamma density."""
    from scipy import integrate, stats

    t = 0.3
    model = nn.Sequential(nn.Linear(n, 1), nn.ReLU()).double()
    nn.init.constant_(model[0].weight, n**-0.5)
    nn.init.constant_(model[0].bias, -t)
    if isinstance(law, Rademacher):
        exact = sum(math.comb(n, k) * max((2 * k - n) / n**0.5 - t, 0.0) for k in range(n + 1)) / 2**n
    else:
        exact = integrate.quad(lambda x: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - t), t, 40)[0]
    found = propagate(model, Independent.same(law, n))
    error = abs(found.mean.item() - exact)
    assert 0 < error <= found.mean_bound.item()
    assert found.mean_bound.item() == pytest.approx(law.absolute_third() / n**0.5)
    assert found.to_dict()["mean_bound"] == pytest.approx([found.mean_bound.item()])


def test_the_bound_passes_through_the_output_layer():
    model = network(4, 1, inputs=3, outputs=2)
    law = Independent.same(Rademacher(), 3)
    found = propagate(model, law)
    x = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
    error = (found.mean - model(x).mean(0)).abs()
    assert bool((error <= found.mean_bound).all())
    hidden = normal_approximation_bound(
        model[0].weight.detach(), torch.ones(3).double(), model[0].weight.detach().square().sum(1)
    )
    torch.testing.assert_close(found.mean_bound, model[2].weight.detach().abs() @ hidden)


def test_no_bound_is_claimed_where_none_is_known():
    law = Independent.same(Exponential(), 3)

    class Square(nn.Module):
        def forward(self, x):
            return x**2

    class Residual(nn.Module):
        def forward(self, x):
            return x + torch.relu(x)

    for model, given in (
        (network(4, 2), law),
        (nn.Sequential(nn.Linear(3, 2), Square()).double(), law),
        (Residual(), law),
        (network(), Independent.same(StudentT(3), 3)),
        (network(), Gaussian(torch.zeros(3))),
        (nn.Linear(3, 2), law),
        (nn.Sequential(nn.ReLU(), nn.Dropout(0.5)).train(), law),
    ):
        assert mean_bound(trace(model, (3,)), given) is None


def test_units_that_do_not_move_need_no_bound():
    found = normal_approximation_bound(torch.zeros(2, 3), torch.ones(3), torch.zeros(2))
    assert found.tolist() == [0.0, 0.0]
    with pytest.raises(ShapeError, match=r"absolute_third: expected \(3,\)"):
        normal_approximation_bound(torch.zeros(2, 3), torch.ones(2), torch.zeros(2))
