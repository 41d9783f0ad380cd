from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar.errors import ArgumentError
from haar.moments import Activation, Erf, Exponential, Gelu, PiecewiseLinear, Polynomial, Sine
from haar.moments.quadrature import GaussianRule, quadrature_error
from haar.moments.registry import hardtanh, leaky_relu, normal_cdf, quadratic, relu

CLOSED = [
    relu(),
    leaky_relu(0.2),
    hardtanh(-0.5, 2.0),
    hardtanh(-0.5, math.inf),
    hardtanh(-math.inf, 0.5),
    hardtanh(-math.inf, math.inf),
    PiecewiseLinear((-0.5, 0.5), (-1.0, 1.0), slope=1.0, offset=0.5, name="softshrink"),
    Gelu(),
    Gelu(0.2),
    Erf(),
    normal_cdf(),
    Sine(),
    Sine(0.7),
    quadratic(0.5),
    Polynomial((1.0, 0.0, -2.0, 1.0)),
    Exponential(),
]
ids = [f"{number}-{f.name}" for number, f in enumerate(CLOSED)]
unit = st.tuples(st.floats(-3, 3), st.floats(0.01, 2))


def by_quadrature(f):
    return Activation(f.function, name="values alone", breaks=f.breaks, scale=f.scale)


@pytest.mark.parametrize("f", CLOSED, ids=ids)
@given(st.lists(unit, min_size=1, max_size=4))
def test_closed_forms_are_the_quadrature_of_the_function_alone(f, units):
    mean, sd = torch.tensor(units, dtype=torch.float64).unbind(-1)
    other = by_quadrature(f)
    own, theirs = f.hermite(mean, sd, 12), other.hermite(mean, sd, 12)
    torch.testing.assert_close(own, theirs, rtol=1e-11, atol=1e-11 * float(own.abs().max() + sd.max()))
    torch.testing.assert_close(f.variance(mean, sd), other.variance(mean, sd), rtol=1e-10, atol=1e-13)
    assert f.closed_form
    assert not other.closed_form


@pytest.mark.parametrize("f", CLOSED, ids=ids)
def test_the_variance_is_the_sum_of_squared_coefficients(f):
    mean, sd = torch.tensor([0.3], dtype=torch.float64), torch.tensor([0.8], dtype=torch.float64)
    total = f.hermite(mean, sd, 128)[..., 1:].square().sum(-1)
    assert total.item() <= f.variance(mean, sd).item() * (1 + 1e-12)
    assert total.item() == pytest.approx(f.variance(mean, sd).item(), rel=3e-3)


def test_wick_coefficients_are_derivatives_of_the_mean_in_the_mean():
    """a_k = s^k d^k/dmu^k E f(mu + s xi)."""
    sd = torch.tensor([0.7], dtype=torch.float64)
    for f in (relu(), Gelu(), Erf(), Activation(torch.tanh, name="tanh")):
        mean = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
        value = f.hermite(mean, sd, 0)[..., 0]
        for k in range(4):
            expected = f.wick(mean, sd, 4)[..., k].item()
            assert (value * sd**k).item() == pytest.approx(expected, abs=1e-10)
            (value,) = torch.autograd.grad(value, mean, create_graph=True)


def test_relu_coefficients_of_the_literature():
    mu, s = 0.6, 1.3
    h = mu / s
    up, bell = 0.5 * math.erfc(-h / 2**0.5), math.exp(-h * h / 2) / (2 * math.pi) ** 0.5
    expected = [mu * up + s * bell, s * up, s * bell, -s * h * bell, s * (h * h - 1) * bell]
    found = relu().wick(torch.tensor([mu], dtype=torch.float64), torch.tensor([s], dtype=torch.float64), 4)[0]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("shift", [-40.0, 40.0])
@pytest.mark.parametrize("f", [relu(), leaky_relu(0.1), hardtanh(), Gelu(), Erf(), Activation(torch.tanh, name="tanh")])
def test_far_means_have_the_right_limits(f, shift):
    for sd in (1e-8, 1e-3, 1.0, 25.0):
        mean, s = torch.tensor([shift * sd], dtype=torch.float64), torch.tensor([sd], dtype=torch.float64)
        found = f.hermite(mean, s, 64)[0]
        assert bool(torch.isfinite(found).all())
        assert f.variance(mean, s).item() >= 0
        if f.name in ("relu", "leaky_relu"):  # linear out there
            slope = 1.0 if shift > 0 else (0.0 if f.name == "relu" else 0.1)
            expected = torch.tensor([float(f(mean)), slope * sd], dtype=torch.float64)
            torch.testing.assert_close(found[:2], expected, rtol=1e-12, atol=1e-300)
            assert f.variance(mean, s).item() == pytest.approx((slope * sd) ** 2, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("f", [*CLOSED, Activation(torch.tanh, name="tanh")])
def test_a_unit_that_does_not_move_is_the_function_at_its_mean(f):
    mean = torch.tensor([-1.0, 0.0, 0.4], dtype=torch.float64)
    found = f.hermite(mean, torch.zeros_like(mean), 5)
    torch.testing.assert_close(found[:, 0], f(mean), rtol=1e-12, atol=1e-12)
    assert found[:, 1:].abs().max() < 1e-14
    assert f.variance(mean, torch.zeros_like(mean)).abs().max() < 1e-28


def test_tiny_noise_on_a_large_value_keeps_its_digits():
    mean, sd = torch.tensor([3.0], dtype=torch.float64), torch.tensor([1e-9], dtype=torch.float64)
    for f in (relu(), Activation(torch.nn.functional.silu, name="silu"), Activation(torch.exp, name="exp")):
        probe = mean.clone().requires_grad_()
        (slope,) = torch.autograd.grad(f(probe).sum(), probe)
        assert f.variance(mean, sd).item() == pytest.approx(float(slope * sd) ** 2, rel=1e-5)
        assert f.hermite(mean, sd, 1)[0, 1].item() == pytest.approx(float(slope * sd), rel=1e-6)


@pytest.mark.parametrize("sd", [0.05, 1.0, 30.0])
@pytest.mark.parametrize(
    ("function", "breaks"),
    [(F.elu, (0.0,)), (torch.tanh, (0.0,)), (F.hardshrink, (-0.5, 0.5)), (F.relu6, (0.0, 6.0)), (F.softsign, (0.0,))],
)
def test_the_composite_rule_against_a_fine_grid(function, breaks, sd):
    mean, s = torch.tensor([0.3], dtype=torch.float64), torch.tensor([sd], dtype=torch.float64)
    f = Activation(function, name="f", breaks=breaks)
    # Midpoint rule with 1e6 points.
    edges = torch.linspace(-9, 9, 1_000_001, dtype=torch.float64)
    x = (edges[1:] + edges[:-1]) / 2
    weight = torch.exp(-x.square() / 2) / (2 * math.pi) ** 0.5 * (edges[1] - edges[0])
    expected = (function(mean + s * x) * weight).sum()
    tolerance = 1e-5 * max(1.0, sd)  # the grid, not the rule: it smears a jump by half a cell
    assert f.hermite(mean, s, 0).item() == pytest.approx(expected.item(), abs=tolerance)


@pytest.mark.parametrize("scale", [0.3, 1.0])
@pytest.mark.parametrize("ratio", [0.2, 0.75, 0.76, 1.0, 1.6, 5.0, 8.0, 8.01, 30.0])
def test_smooth_rule_and_cut_rule_agree(ratio, scale):
    """Up to eight times the scale all units share their nodes, and the digits of both rules are the same."""
    mean = scale * torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64)
    sd = ratio * scale * torch.tensor([0.9, 1.0, 0.2], dtype=torch.float64)
    smooth = GaussianRule(mean, sd, (0.0,), scale=scale, smooth=True)
    cut = GaussianRule(mean, sd, (0.0,), scale=scale, nodes=32)
    assert (smooth.xi.ndim == 1) == (ratio <= 8)
    for function in (torch.tanh, torch.nn.functional.silu):
        found, expected = (rule.hermite(function(rule.z / scale), 40) for rule in (smooth, cut))
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=2e-14 * max(1.0, ratio))


def test_the_quadrature_error_finds_an_unlisted_kink():
    mean, sd = torch.tensor([0.3], dtype=torch.float64), torch.ones(1, dtype=torch.float64)

    def kinked(z):
        return (z - 0.77).clamp(min=0)

    assert quadrature_error(kinked, mean, sd, (0.0,)).item() > 1e-5
    assert quadrature_error(kinked, mean, sd, (0.0, 0.77)).item() < 1e-14


def test_centred_powers_of_a_polynomial_are_exact():
    mean, sd = torch.tensor([0.5], dtype=torch.float64), torch.tensor([2.0], dtype=torch.float64)
    square, cube = Polynomial((0.0, 1.0)).centred_powers(mean, sd, 4, (2, 3))
    torch.testing.assert_close(
        square[0, :3], torch.tensor([4.0, 0.0, 4 * 2**0.5], dtype=torch.float64), atol=1e-12, rtol=0
    )
    torch.testing.assert_close(cube[0, 1], torch.tensor(24.0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Activation(torch.tanh, name="t", scale=-1.0), "scale: expected a length >= 0"),
        (lambda: PiecewiseLinear((0.0,), (), name="p"), "turns: expected 1 changes of slope"),
        (lambda: PiecewiseLinear((math.inf,), (1.0,), name="p"), r"knots: expected finite numbers, got \(inf,\) in p"),
        (lambda: PiecewiseLinear((0.0,), (math.nan,), name="p"), "turns: expected finite numbers"),
        (lambda: PiecewiseLinear((0.0,), (1.0,), slope=math.inf, name="p"), "slope: expected finite numbers"),
        (lambda: PiecewiseLinear((0.0,), (1.0,), offset=-math.inf, name="p"), "offset: expected finite numbers"),
        (lambda: hardtanh(-math.inf, -math.inf), "offset: expected finite numbers"),
        (lambda: Erf(math.inf), "gain: expected a finite number, got inf"),
        (lambda: Erf(height=math.nan), "height: expected a finite number, got nan"),
        (lambda: Erf(offset=-math.inf), "offset: expected a finite number"),
        (lambda: Sine(math.nan), "phase: expected a finite number"),
        (lambda: Gelu(0.0), "nu: expected a variance > 0"),
        (lambda: Polynomial(()), "coefficients: expected at least one number"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_names_are_shown():
    assert repr(relu()) == "PiecewiseLinear(relu)"
    assert relu().lipschitz == 1.0
    assert Polynomial((1.0, 3.0)).lipschitz == 3.0
    assert Polynomial((1.0,)).lipschitz == 0.0
    assert quadratic().lipschitz is None
    assert Gelu().lipschitz >= 1.128
