"""The bases of the outer block: moments of sines, spot values, parities, gradients where they could fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from haar.errors import ArgumentError
from haar.nn.basis import OuterBlock, sine_moments
from haar.nn.basis.outer_block import BASES
from haar.nn.basis.sine_map import plain_sine_map, sine_map

F64 = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_moments_of_sines_are_those_of_quadrature():
    w = torch.tensor([0.0, 0.3, 1.0, 2.5], dtype=F64)
    p = torch.tensor([0.1, -0.1, 0.7, 2.0], dtype=F64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    u, weights = torch.from_numpy(nodes), torch.from_numpy(weights) / math.sqrt(2 * math.pi)
    values = torch.sin(w[:, None] * u + p[:, None])
    mean = values @ weights
    variance = (values - mean[:, None]).square() @ weights
    found = sine_moments(w, p)
    torch.testing.assert_close(found[0], mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(found[1], variance, rtol=0, atol=1e-12)


def test_sines_of_normal_units_have_mean_zero_and_variance_one():
    block = OuterBlock(1, 1, "sine", 6, generator=seeded()).double()
    xi = torch.randn(1, 200_000, generator=seeded(1), dtype=F64)
    for n in range(6):
        with torch.no_grad():
            block.weight.zero_()
            block.weight[0, 0, n] = 1
            y = block(xi)
        _, variance = sine_moments(block.frequencies.detach(), block.phases.detach())
        scale = (variance[n] / (variance[n] + 1e-6)).item()
        assert abs(y.mean().item()) < 0.02
        assert y.var().item() == pytest.approx(scale, rel=0.03)


def test_radial_functions_are_gaussians():
    block = OuterBlock(1, 1, "rbf", 2).double()
    with torch.no_grad():
        block.weight[:] = torch.tensor([[[1.0, 0.0]]])
    # centres -2 and 2, width 4
    xi = torch.tensor([[-2.0, 0.0, 2.0]], dtype=F64)
    wanted = [math.exp(-0.5 * (u + 2) ** 2 / 16) for u in (-2, 0, 2)]
    torch.testing.assert_close(block(xi)[0].detach(), torch.tensor(wanted, dtype=F64))


def test_fourier_functions_are_cosines_and_sines_of_multiples():
    block = OuterBlock(1, 1, "fourier", 2).double()
    found = block.terms(torch.tensor([[0.3]], dtype=F64)).flatten().tolist()
    assert found == pytest.approx([math.cos(0.3), math.cos(0.6), math.sin(0.3), math.sin(0.6)])


def test_a_grid_is_polynomials_of_the_mean_of_steps():
    block = OuterBlock(1, 1, "grid", 3).double()
    xi = torch.tensor([[0.3, -7.0]], dtype=F64)
    s = sum(torch.tanh(xi + b) for b in (-2.0, 0.0, 2.0)) / 3
    wanted = torch.stack([torch.ones_like(s), s, 2 * s**2 - 1, 4 * s**3 - 3 * s])
    torch.testing.assert_close(block.terms(xi).detach(), wanted)
    assert {name for name, _ in block.named_parameters()} == {"slopes", "shifts", "weight"}


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("parity", ["even", "odd"])
def test_functions_of_a_parity_have_it(basis, parity):
    block = OuterBlock(3, 2, basis, 5, parity=parity, generator=seeded()).double()
    xi = torch.randn(3, 7, generator=seeded(1), dtype=F64)
    sign = 1 if parity == "even" else -1
    torch.testing.assert_close(block(-xi), sign * block(xi), rtol=0, atol=1e-13)
    assert block(xi).std() > 1e-3


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_is_twice_differentiable(basis):
    block = OuterBlock(2, 2, basis, 3, generator=seeded()).double()
    if basis == "sine":
        with torch.no_grad():  # where sigma is 0
            block.frequencies[0] = 0
            block.phases[0] = 0
    names, values = zip(*block.named_parameters(), strict=True)
    xi = torch.tensor([[0.0, 1.0, -1.0], [0.4, -0.2, 0.0]], dtype=F64, requires_grad=True)

    def run(xi, *values):
        return torch.func.functional_call(block, dict(zip(names, values, strict=True)), (xi,))

    assert gradcheck(run, (xi, *values), atol=1e-5, rtol=1e-3)
    assert gradgradcheck(run, (xi, *values), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("outputs", [1, 3])
def test_gradients_by_hand_are_the_recorded_ones(outputs):
    g = seeded(2)
    given = [
        torch.randn(*shape, generator=g, dtype=F64, requires_grad=True)
        for shape in ((4, 6), (5,), (5,), (outputs, 4, 5))
    ]
    back = torch.randn(outputs, 6, generator=g, dtype=F64)
    hand = torch.autograd.grad(sine_map(*given), given, back)
    plain = torch.autograd.grad(plain_sine_map(*given), given, back)
    torch.testing.assert_close(hand, plain, rtol=1e-10, atol=1e-10)


def test_wrong_words_are_refused():
    with pytest.raises(
        ArgumentError, match="expected one of sine, rbf, chebyshev, legendre, fourier, grid, got 'spline'"
    ):
        OuterBlock(2, 1, "spline", 3)
    with pytest.raises(ArgumentError, match="parity: expected one of any, even, odd, got 'none'"):
        OuterBlock(2, 1, "sine", 3, parity="none")
    with pytest.raises(ArgumentError, match="degree: expected at least 2 for radial functions, got 1"):
        OuterBlock(2, 1, "rbf", 1)
