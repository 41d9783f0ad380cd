"""Densities and quantiles, training on moments, symmetry in distribution."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.moments import (
    Exchangeable,
    Gaussian,
    cornish_fisher,
    density,
    distributional_defect,
    edgeworth_expectation,
    expected_squared_error,
    moment_loss,
    propagate,
    train_on_moments,
)
from haar.moments.laws import Exponential
from haar.moments.registry import relu


@pytest.mark.parametrize("series", ["edgeworth", "gram-charlier"])
def test_series_densities_have_the_cumulants_they_were_given(series):
    mean, sd, g1, g2 = 0.7, 1.5, 0.3, 0.2

    def moment(n):
        return integrate.quad(
            lambda x: (
                (x - mean) ** n * float(density(torch.tensor(x).double(), mean, sd, g1, g2, series=series).values)
            ),
            -20,
            20,
        )[0]

    m2, m3, m4 = (moment(n) for n in (2, 3, 4))
    assert moment(0) == pytest.approx(1)
    assert moment(1) == pytest.approx(0, abs=1e-8)
    assert m2 == pytest.approx(sd**2)
    assert m3 == pytest.approx(g1 * sd**3)
    assert m4 - 3 * m2**2 == pytest.approx(g2 * sd**4)


def test_edgeworth_improves_the_density_of_a_sum():
    n, x = 20, torch.linspace(-2, 3, 41, dtype=torch.float64)
    exact = torch.as_tensor(stats.gamma.pdf(x.numpy() * n**0.5 + n, n) * n**0.5)
    law = Exponential().scaled_sum(n)
    g1, g2 = float(law.cumulant(3)), float(law.cumulant(4))
    errors = [
        (density(x, 0, 1, *shape, series=series).values - exact).abs().max()
        for shape, series in (((), "edgeworth"), ((g1, g2), "gram-charlier"), ((g1, g2), "edgeworth"))
    ]
    assert errors[2] < 0.3 * errors[1] < 0.3 * errors[0]


def test_negative_values_are_shown_and_flagged():
    x = torch.linspace(-4, 4, 81, dtype=torch.float64)
    found = density(x, 0.0, 1.0, skewness=2.0)
    assert found.negative
    assert found.values.min() < 0
    assert not density(x, 0.0, 1.0, skewness=0.1).negative


def test_cornish_fisher_quantiles_of_a_gamma_law():
    n = 30
    p = torch.tensor([0.01, 0.25, 0.5, 0.9, 0.99], dtype=torch.float64)
    exact = torch.as_tensor((stats.gamma.ppf(p.numpy(), n) - n) / n**0.5)
    found = cornish_fisher(p, 0, 1, 2 / n**0.5, 6 / n)
    assert (found - exact).abs().max() < 0.01
    assert (cornish_fisher(p, 0, 1) - exact).abs().max() > 0.1


def test_edgeworth_expectations_of_the_literature():
    """E relu(S_n - 0.3) for sums of exponentials: the rule that the last two terms belong together."""
    n = 16
    exact = integrate.quad(lambda x: stats.gamma.pdf(x * n**0.5 + n, n) * n**0.5 * (x - 0.3), 0.3, 40)[0]
    errors = [abs(edgeworth_expectation(relu(), -0.3, 1, 2 / n**0.5, 6 / n, order=k) - exact) for k in (2, 3, 4)]
    assert errors[0] == pytest.approx(7.4e-3, rel=0.05)
    assert errors[1] == pytest.approx(2e-3, rel=0.1)
    assert errors[2] == pytest.approx(1e-5, rel=0.1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: edgeworth_expectation(relu(), 0, 1, order=5), "order: expected 2, 3 or 4"),
        (lambda: density(torch.zeros(1), 0, 0), "sd: expected a number > 0"),
        (lambda: density(torch.zeros(1), 0, 1, series="taylor"), "series: expected 'edgeworth' or 'gram-charlier'"),
        (lambda: cornish_fisher(torch.ones(1), 0, 1), r"probability: expected numbers in \(0, 1\)"),
        (
            lambda: moment_loss(nn.Linear(1, 1), [Gaussian([0.0])], [1.0, 2.0]),
            "targets: expected 1 targets and weights",
        ),
        (lambda: moment_loss(nn.Linear(1, 1), [], []), "targets: expected 0 targets"),
        (lambda: train_on_moments(nn.Linear(1, 1), [Gaussian([0.0])], [1.0], steps=0), "steps: expected at least 1"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


class Quadratic(nn.Module):
    def forward(self, z):
        return z + 0.5 * z**2


def xor(spread=0.2):
    """Two classes of two blobs each, equal means: class + on the diagonal, class - on the other."""
    plus, minus = torch.tensor([[1.0, 1.0], [-1.0, -1.0]]), torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    return [Gaussian(plus, spread), Gaussian(minus, spread)]


def test_xor_is_learnt_from_moments_alone(generator):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), Quadratic(), nn.Linear(4, 1))
    losses = train_on_moments(model, xor(), [1.0, -1.0], steps=40, learning_rate=0.15)
    assert losses[-1] < 0.4 * losses[0]
    correct = []
    for law, sign in zip(xor(), (1, -1), strict=True):
        x = law.sample(2000, generator).reshape(-1, 2).float()
        correct.append((model(x).sign() == sign).float().mean())
    assert min(correct) > 0.95
    # A linear network cannot tell classes of equal mean apart: its best loss is that of the constant 0.
    flat = train_on_moments(nn.Linear(2, 1), xor(), [1.0, -1.0], steps=50, learning_rate=0.1)
    assert flat[-1] == pytest.approx(1.0, abs=0.02)


def test_the_moment_loss_is_the_expected_sample_loss(generator):
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    laws, weights = xor(), [0.3, 0.7]
    found = moment_loss(model, laws, [1.0, -1.0], weights=weights)
    total, error = 0.0, 0.0
    for law, target, weight in zip(laws, (1.0, -1.0), weights, strict=True):
        with torch.no_grad():
            losses = (model(law.sample(40_000, generator)) - target).square().mean(1)[:, 0]
        total += weight * float(losses.mean())
        error += (weight * float(losses.std()) / 200) ** 2
    assert abs(found.item() - total) < 5 * math.sqrt(error)


def test_somebody_is_told_of_every_step(told):
    watch = told()
    losses = train_on_moments(nn.Linear(1, 1), [Gaussian([0.0])], [1.0], steps=3, watch=watch)
    assert (watch.stages, watch.steps) == ([("training", 3)], 3)
    assert losses[-1] < losses[0]


def test_targets_must_fit():
    found = propagate(nn.Identity(), Gaussian([0.0, 1.0]))
    assert expected_squared_error(found, torch.tensor([0.0, 1.0])).item() == pytest.approx(2.0)
    with pytest.raises(ShapeError, match=r"target: expected \(2,\), got \(3,\)"):
        expected_squared_error(found, torch.zeros(3))


def permutations(n):
    eye = torch.eye(n)
    return torch.stack([eye.roll(1, 0), eye.flip(0)])


@pytest.mark.parametrize("order", [2, 3])
def test_an_equivariant_model_has_no_defect_in_distribution(order):
    class Symmetric(nn.Module):
        def forward(self, x):
            return torch.relu(2 * x - x.mean(1, keepdim=True) + 0.3)

    law, g = Exchangeable(4, [0.2], [[1.0]], [[0.3]]), permutations(4)
    found = distributional_defect(law, propagate(Symmetric(), law, order=order), g, g)
    assert found.worst < 1e-14
    assert found.law_is_invariant
    assert found.defects.shape == (2, order)
    assert "without sampling" in found.summary


def test_a_broken_symmetry_is_measured():
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    torch.nn.init.eye_(model[0].weight)
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.1]))
    law, g = Gaussian(torch.zeros(4)), permutations(4)
    small = distributional_defect(law, propagate(model, law), g, g)
    with torch.no_grad():
        model[0].bias[3] = 0.4
    large = distributional_defect(law, propagate(model, law), g, g)
    assert 0.01 < small.worst < large.worst
    told = large.to_dict()
    assert told["law_is_invariant"]
    assert large.table().row_count == 2


def test_a_law_that_moves_is_told():
    law, g = Gaussian(torch.arange(4.0)), permutations(4)
    found = distributional_defect(law, propagate(nn.ReLU(), law), g, g, names=("turn", "flip"))
    assert not found.law_is_invariant
    assert "says nothing about the model" in found.summary
    assert found.names == ("turn", "flip")


def test_symmetry_refusals():
    law, g = Gaussian(torch.zeros(4)), permutations(4)
    with pytest.raises(ShapeError, match=r"inputs: expected \(2, 4, 4\)"):
        distributional_defect(law, propagate(nn.ReLU(), law), permutations(3), g)
    with pytest.raises(ShapeError, match=r"outputs: expected \(2, 4, 4\)"):
        distributional_defect(law, propagate(nn.ReLU(), law), g, permutations(3))
    batch = Gaussian(torch.zeros(2, 4))
    with pytest.raises(ArgumentError, match="result: expected no batch axes"):
        distributional_defect(batch, propagate(nn.ReLU(), batch), g, g)
