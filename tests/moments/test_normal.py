from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf, ncdf, npdf, quad

from haar.moments import bivariate_cdf
from haar.moments.normal import cdf, hermite_polynomials, legendre, pdf, price_integral, relu_limit


def tensor(*values):
    return [torch.tensor([v], dtype=torch.float64) for v in values]


def reference(h, k, r):
    """Phi2 by one-dimensional quadrature of the conditional law, 30 digits."""
    mp.dps = 30
    h, k, r = mpf(h), mpf(k), mpf(r)
    q = mp.sqrt(1 - r * r)
    centre = k / r if r else mpf(0)
    cuts = sorted(
        {mpf(-14), *(min(h, max(mpf(-14), p)) for p in (centre - 6 * q, centre, centre + 6 * q, mpf(-4), mpf(0))), h}
    )
    return float(quad(lambda x: npdf(x) * ncdf((k - r * x) / q), cuts))


POINTS = [
    (h, k, r)
    for r in (0.3, -0.6, 0.9, -0.97, 0.9994, 0.9996, -0.99999, 1 - 1e-9)
    for h, k in ((0.2, 0.5), (-1.0, -1.001), (1.5, -0.7), (0.4, 0.4))
]


@pytest.mark.parametrize(("h", "k", "r"), POINTS)
def test_bivariate_cdf_against_quadrature_with_thirty_digits(h, k, r):
    assert bivariate_cdf(*tensor(h, k, r)).item() == pytest.approx(reference(h, k, r), abs=2e-11)


@given(st.floats(-40, 40), st.floats(-40, 40))
def test_limits_at_correlation_one(h, k):
    at, other = tensor(h, k), tensor(1.0, -1.0)
    assert bivariate_cdf(*at, other[0]).item() == pytest.approx(cdf(torch.tensor(min(h, k))).item(), abs=1e-7)
    opposite = max(0.0, float(cdf(at[0]) + cdf(at[1])) - 1.0)
    assert bivariate_cdf(*at, other[1]).item() == pytest.approx(opposite, abs=1e-14)
    assert bivariate_cdf(*at, other[0]).item() == pytest.approx(float(cdf(at[0].minimum(at[1]))), abs=1e-14)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-0.99, 0.99))
def test_symmetries(h, k, r):
    a = bivariate_cdf(*tensor(h, k, r)).item()
    assert a == pytest.approx(bivariate_cdf(*tensor(k, h, r)).item(), abs=1e-14)
    assert a == pytest.approx(float(cdf(tensor(h)[0])) - bivariate_cdf(*tensor(h, -k, -r)).item(), abs=1e-13)


@given(st.floats(-3, 3), st.floats(-3, 3), st.sampled_from([-0.999999, -0.9995, -0.5, 0.0, 0.8, 0.99949, 0.99951, 1.0]))
def test_weighted_integral_is_the_relu_covariance(h, k, r):
    """Second derivative in rho: compare with the arc-cosine-like integral over the conditional law."""
    a, b, rho = tensor(h, k, r)
    own = price_integral(a, b, rho, 1) + rho * cdf(a) * cdf(b)
    nodes, weights = legendre(200, a)
    # E relu(h + x) E[relu(k + y) | x] with y = r x + q w, cut at the kinks.
    q = math.sqrt(max(1 - r * r, 0.0))
    edges = sorted({-h, 9.0, *(p for p in ([-k / r + c * q for c in (-6, -1, 0, 1, 6)] if r else []) if -h < p < 9.0)})
    total = 0.0
    for low, high in itertools.pairwise(edges):
        x = low + (high - low) * nodes
        level = b + rho * x
        inner = level * cdf(level / q) + q * pdf(level / q) if q > 0 else level.clamp(min=0)
        total += float((weights * (high - low) * pdf(x) * (a + x) * inner).sum())
    means = [t * cdf(t) + pdf(t) for t in (a, b)]
    assert own.item() == pytest.approx(total - float(means[0] * means[1]), abs=1e-11)


def test_derivatives_are_those_of_the_normal_law():
    h, k, r = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (0.3, -0.8, 0.7))
    assert torch.autograd.gradcheck(bivariate_cdf, (h, k, r), atol=1e-7)
    (slope,) = torch.autograd.grad(bivariate_cdf(h, k, r), r)
    q2 = 1 - r * r
    expected = torch.exp(-(h * h - 2 * r * h * k + k * k) / (2 * q2)) / (2 * math.pi * q2.sqrt())
    assert slope.item() == pytest.approx(expected.item(), abs=1e-12)


@given(st.floats(-1e8, 1e8), st.floats(-1e8, 1e8), st.floats(-1, 1))
def test_far_thresholds_stay_finite(h, k, r):
    for weight in (0, 1):
        assert bool(torch.isfinite(price_integral(*tensor(h, k, r), weight)).all())
    value = bivariate_cdf(*tensor(h, k, r)).item()
    assert 0.0 <= value <= 1.0


@given(st.floats(-30, 30))
def test_relu_limit_is_the_variance(h):
    (a,) = tensor(h)
    up = cdf(a)
    # Var relu(h + x) in a form without cancellation for h >> 0.
    expected = up + a * a * up * cdf(-a) + a * pdf(a) * (1 - 2 * up) - pdf(a).square()
    assert relu_limit(a, a).item() == pytest.approx(expected.item(), abs=1e-13)


def test_weighted_hermite_polynomials_do_not_overflow():
    x = torch.tensor([0.5, 40.0, 1e8], dtype=torch.float64)
    found = torch.stack(hermite_polynomials(x, 128, start=pdf(x)))
    assert bool(torch.isfinite(found).all())
    assert found[:, 1:].abs().max() == 0
    plain = torch.stack(hermite_polynomials(x[:1], 3))[:, 0]
    expected = torch.tensor([1, 0.5, (0.25 - 1) / 2**0.5, (0.125 - 1.5) / 6**0.5], dtype=torch.float64)
    torch.testing.assert_close(plain, expected)
    assert len(hermite_polynomials(x, 0)) == 1
