from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.moments import Activation, Erf, Exponential, Gelu, NormalPair, Polynomial, Sine
from haar.moments.mehler import mehler, mehler_tail
from haar.moments.pairs import all_pairs, cross_pairs
from haar.moments.quadrature import GaussianRule
from haar.moments.registry import hardtanh, leaky_relu, quadratic, relu

ACTIVATIONS = [relu(), leaky_relu(0.2), hardtanh(), Gelu(), Erf(), quadratic(0.5), Sine(0.3), Exponential()]
ids = [f.name for f in ACTIVATIONS]


def by_two_dimensional_quadrature(f, mean, sd, rho):
    """Cov(f(x), f(y)) from values of f alone: an outer rule in x, a rule of its own in y for every x."""
    q = math.sqrt(1 - rho**2)
    kinks = tuple(f.breaks)
    # The inner expectation turns quickly where y's kinks pass: cut the outer rule there too.
    passing = tuple(float(mean[0] + sd[0] * (k - mean[1]) / (sd[1] * rho)) for k in kinks) if rho else ()
    outer = GaussianRule(mean[:1], sd[:1], (*kinks, *passing), scale=float(sd[0]) * q / max(abs(rho), 0.05) / 2)
    xi = outer.xi[0] if outer.xi.ndim > 1 else outer.xi
    inner = GaussianRule(mean[1] + sd[1] * rho * xi, (sd[1] * q).expand_as(xi), kinks, scale=f.scale)
    conditional = inner.expect(f(inner.z))
    product = outer.expect(f(outer.z) * conditional).item()
    single = [GaussianRule(mean[i : i + 1], sd[i : i + 1], kinks, scale=f.scale) for i in (0, 1)]
    means = [rule.expect(f(rule.z)).item() for rule in single]
    return product - means[0] * means[1]


@pytest.mark.parametrize("f", ACTIVATIONS, ids=ids)
@given(
    st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    st.tuples(st.floats(0.1, 1.5), st.floats(0.1, 1.5)),
    st.sampled_from([-0.95, -0.5, 0.1, 0.6, 0.97]),
)
def test_pair_covariances_are_two_dimensional_quadrature(f, means, sds, rho):
    mean, sd = torch.tensor(means, dtype=torch.float64), torch.tensor(sds, dtype=torch.float64)
    matrix = torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64)
    expected = by_two_dimensional_quadrature(f, mean, sd, rho)
    found = all_pairs(f, mean, sd, matrix)
    scale = max(1.0, found.covariance.diagonal().max().item())
    assert found.covariance[0, 1].item() == pytest.approx(expected, abs=1e-10 * scale)
    exact = f.covariance(NormalPair(mean[:1], sd[:1], mean[1:], sd[1:], matrix[0, 1:]))
    if exact is not None:
        assert exact.item() == pytest.approx(expected, abs=1e-10 * scale)


@given(st.floats(0.1, 3), st.floats(0.1, 3), st.floats(-1, 1))
def test_zero_mean_relu_is_the_arc_cosine_form(s1, s2, rho):
    zero = torch.zeros(1, dtype=torch.float64)
    sds = torch.tensor([s1], dtype=torch.float64), torch.tensor([s2], dtype=torch.float64)
    found = relu().covariance(NormalPair(zero, sds[0], zero, sds[1], torch.tensor([rho], dtype=torch.float64))).item()
    angle = math.acos(max(-1.0, min(1.0, rho)))
    expected = s1 * s2 / (2 * math.pi) * (math.sin(angle) + rho * (math.pi - angle) - 1)
    assert found == pytest.approx(expected, abs=1e-13 * max(1.0, s1 * s2))


@given(st.floats(-0.999, 0.999))
def test_zero_mean_erf_is_the_arc_sine_form(rho):
    one = torch.ones(1, dtype=torch.float64)
    found = Erf().covariance(NormalPair(0 * one, one, 0 * one, 2 * one, rho * one)).item()
    assert found == pytest.approx(2 / math.pi * math.asin(2 * rho * 2 / math.sqrt(3 * 9)), abs=1e-13)


def test_relu_is_the_limit_of_the_smoothed_family():
    mean, sd = torch.tensor([0.3, -0.4], dtype=torch.float64), torch.tensor([0.8, 1.2], dtype=torch.float64)
    rho = torch.tensor([0.6], dtype=torch.float64)
    pair = NormalPair(mean[:1], sd[:1], mean[1:], sd[1:], rho)
    gaps = [(Gelu(nu).covariance(pair) - relu().covariance(pair)).abs().item() for nu in (1e-3, 1e-5)]
    assert gaps[0] < 1e-3
    assert gaps[1] < gaps[0] / 50


@pytest.mark.parametrize(
    "f", [relu(), Erf(), Gelu(), Activation(torch.tanh, name="tanh"), Activation(F.elu, name="elu")]
)
@given(
    st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    st.tuples(st.floats(0.1, 2), st.floats(0.1, 2)),
    st.floats(-1, 1),
    st.integers(1, 20),
)
def test_the_remainder_of_mehlers_series_is_within_its_bound(f, means, sds, rho, order):
    mean, sd = torch.tensor(means, dtype=torch.float64), torch.tensor(sds, dtype=torch.float64)
    a = f.hermite(mean, sd, 128)
    matrix = torch.full((2, 2), rho, dtype=torch.float64)
    remainder = (mehler(matrix, a, a) - mehler(matrix, a[:, : order + 1], a[:, : order + 1]))[0, 1].abs()
    tail = mehler_tail(f.variance(mean, sd), a, order)
    bound = abs(rho) ** (order + 1) * (tail[0] * tail[1]).sqrt()
    assert remainder.item() <= bound.item() + 1e-14


def test_the_reported_bound_holds_where_no_closed_form_exists():
    """ELU at correlation 1: the exact value is the variance, the series is cut at 128 terms."""
    f = Activation(F.elu, name="elu")
    mean, sd = torch.full((2,), 0.1, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    found = all_pairs(f, mean, sd, torch.ones(2, 2, dtype=torch.float64))
    variance = f.variance(mean, sd)[0]
    assert 0 < found.bound < 1e-5
    assert (found.covariance[0, 1] - variance).abs().item() <= found.bound * variance.item()


def random_problem(n, seed=0, shift=0.5):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, dtype=torch.float64, generator=generator) + shift
    cov = a @ a.mT / n
    sd = cov.diagonal().sqrt()
    rho = (cov / sd / sd[:, None]).clamp(-1, 1).fill_diagonal_(1.0)
    return torch.randn(n, dtype=torch.float64, generator=generator), sd, rho


@pytest.mark.parametrize("f", [relu(), Gelu(), Erf()])
def test_many_units_take_the_same_values_as_their_pairs(f):
    mean, sd, rho = random_problem(150)
    rho[0, 1] = rho[1, 0] = 0.99999
    found = all_pairs(f, mean, sd, rho)
    i, j = torch.triu_indices(150, 150, 1)
    exact = f.covariance(NormalPair(mean[i], sd[i], mean[j], sd[j], rho[i, j]))
    scale = f.variance(mean, sd).sqrt()
    assert ((found.covariance[i, j] - exact).abs() / (scale[i] * scale[j])).max() < 1e-10
    torch.testing.assert_close(found.covariance, found.covariance.mT, rtol=0, atol=1e-15)
    torch.testing.assert_close(found.covariance.diagonal(), f.variance(mean, sd))


@pytest.mark.parametrize("f", [*ACTIVATIONS, Activation(torch.tanh, name="tanh")])
@pytest.mark.parametrize("rho", [1.0, -1.0])
def test_perfect_correlation_gives_the_variance_or_its_mirror(f, rho):
    mean = torch.tensor([0.3, 0.3 * rho], dtype=torch.float64)
    sd = torch.full((2,), 0.9, dtype=torch.float64)
    found = all_pairs(f, mean, sd, torch.tensor([[1.0, rho], [rho, 1.0]], dtype=torch.float64)).covariance[0, 1].item()
    rule = GaussianRule(mean[:1], sd[:1], (*f.breaks, *(-b for b in f.breaks)), scale=f.scale)
    other = f(rule.z if rho > 0 else -rule.z)
    values = f(rule.z)
    expected = rule.expect(values * other) - rule.expect(values) * rule.expect(other)
    assert found == pytest.approx(expected.item(), rel=1e-8, abs=1e-9)


def test_cross_pairs_are_blocks_of_all_pairs():
    mean, sd, rho = random_problem(6)
    for f in (relu(), Sine(), quadratic(), Activation(torch.tanh, name="tanh")):
        whole = all_pairs(f, mean, sd, rho).covariance
        left, right = torch.tensor([0, 1]), torch.tensor([1, 0])
        blocks, bound = cross_pairs(
            f, mean.reshape(2, 3), sd.reshape(2, 3), left=left, right=right, rho=torch.stack([rho[:3, 3:], rho[3:, :3]])
        )
        torch.testing.assert_close(blocks[0], whole[:3, 3:], rtol=1e-9, atol=1e-11)
        torch.testing.assert_close(blocks[1], whole[3:, :3], rtol=1e-9, atol=1e-11)
        assert bound < 1e-9


def test_polynomials_are_exact_with_finitely_many_terms():
    mean, sd, rho = random_problem(4)
    found = all_pairs(Polynomial((0.0, 1.0, 0.5)), mean, sd, rho)
    s = rho * sd[:, None] * sd
    expected = s * (1 + mean[:, None]) * (1 + mean) + 0.5 * s.square()
    torch.testing.assert_close(found.covariance, expected, rtol=1e-12, atol=1e-13)
    assert (found.order, found.bound) == (2, 0.0)


@pytest.mark.parametrize("f", [relu(), Gelu(), Sine(), Activation(torch.tanh, name="tanh")])
def test_pair_covariances_are_differentiable(f):
    mean, sd, rho = random_problem(3)
    rho = 0.6 * rho + 0.4 * torch.eye(3, dtype=torch.float64)

    def covariance(m, s, r):
        r = 0.5 * (r + r.mT)
        return all_pairs(f, m, s, r, tolerance=1e-13).covariance

    inputs = [x.clone().requires_grad_() for x in (mean, sd, rho)]
    assert torch.autograd.gradcheck(covariance, inputs, atol=1e-6)


def test_batches_are_computed_one_by_one():
    parts = [random_problem(4, seed) for seed in range(3)]
    stacked = [torch.stack(x) for x in zip(*parts, strict=True)]
    for f in (relu(), Gelu(), Sine(), quadratic()):
        whole = all_pairs(f, *stacked).covariance
        for at, part in enumerate(parts):
            torch.testing.assert_close(whole[at], all_pairs(f, *part).covariance, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("f", ACTIVATIONS, ids=ids)
@pytest.mark.parametrize("order", [4, 20, 128])
def test_coefficients_that_are_known_change_nothing(f, order):
    mean, sd = torch.tensor([0.3, -0.4, 1.0], dtype=torch.float64), torch.tensor([0.5, 1.0, 1.3], dtype=torch.float64)
    rho = torch.tensor([[1.0, 0.7, -0.3], [0.7, 1.0, 0.2], [-0.3, 0.2, 1.0]], dtype=torch.float64)
    found, expected = all_pairs(f, mean, sd, rho, known=f.hermite(mean, sd, order)), all_pairs(f, mean, sd, rho)
    assert (found.order, found.closed_pairs) == (expected.order, expected.closed_pairs)
    torch.testing.assert_close(found.covariance, expected.covariance, rtol=1e-12, atol=1e-13)
