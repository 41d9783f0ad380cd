from __future__ import annotations

import math

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.solvers import ExponentialRungeKutta, phi_functions
from haar.errors import ArgumentError


@given(st.one_of(st.floats(-500.0, 3.0), st.floats(-2.0, 2.0), st.floats(-1e-6, 1e-6), st.just(-1.0), st.just(0.0)))
def test_phi_functions_agree_with_their_integrals(z: float) -> None:
    """``phi_k(z) = int_0^1 e^{(1-t) z} t^{k-1} / (k-1)! dt``, here as a hypergeometric function with 50 digits."""
    found = phi_functions(torch.tensor([z], dtype=torch.float64))
    with mpmath.workdps(50):
        exact = [float(mpmath.hyp1f1(1, k + 1, mpmath.mpf(z)) / mpmath.factorial(k)) for k in (1, 2, 3)]
    for phi, value in zip(found, exact, strict=True):
        assert phi.item() == pytest.approx(value, rel=1e-12, abs=1e-13)


def coupled(order: int, steps: int) -> torch.Tensor:
    """The state at t = 1 of ``u' = -2 u + u v + v^2``, ``v' = -v/2 - u^2 v + 1``."""
    scheme = ExponentialRungeKutta(torch.tensor([-2.0, -0.5], dtype=torch.float64), 1 / steps, order=order)
    state = torch.tensor([0.9 + 0.2j, -0.3 + 0.5j], dtype=torch.complex128)

    def nonlinear(u: torch.Tensor) -> torch.Tensor:
        return torch.stack((u[0] * u[1] + u[1] ** 2, -(u[0] ** 2) * u[1] + 1))

    for _ in range(steps):
        state = scheme.step(state, nonlinear)
    return state


@pytest.mark.parametrize(("order", "ratio"), [(2, 4.0), (4, 16.0)])
def test_halving_the_step_divides_the_error_by_two_to_the_order(order: int, ratio: float) -> None:
    exact = coupled(4, 2048)
    errors = [(coupled(order, steps) - exact).abs().max().item() for steps in (16, 32, 64)]
    assert errors[0] / errors[1] == pytest.approx(ratio, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(ratio, rel=0.08)


@pytest.mark.parametrize("order", [2, 4])
@given(rate=st.floats(-50.0, 1.0), source=st.floats(-3.0, 3.0), step=st.floats(0.01, 1.0))
def test_linear_decay_with_a_constant_source_is_exact(order: int, rate: float, source: float, step: float) -> None:
    scheme = ExponentialRungeKutta(torch.tensor([rate], dtype=torch.float64), step, order=order)
    state = scheme.step(torch.tensor([2.0 + 1j], dtype=torch.complex128), lambda u: torch.full_like(u, source))
    gain = math.expm1(rate * step) / rate if rate else step
    expected = math.exp(rate * step) * (2 + 1j) + source * gain
    assert abs(state.item() - expected) < 1e-12 * (1 + abs(expected))


@pytest.mark.parametrize("order", [2, 4])
def test_the_state_given_is_left_alone(order: int) -> None:
    scheme = ExponentialRungeKutta(torch.tensor([-1.0]), 0.1, order=order)
    state = torch.tensor([1.0 + 2j])
    scheme.step(state, lambda u: u.square())
    assert state.item() == 1 + 2j
    assert scheme.step(state, lambda u: u.square()).dtype == torch.complex64


@pytest.mark.parametrize("step", [0.0, -1.0, math.nan, math.inf])
def test_a_step_that_is_not_positive_is_refused(step: float) -> None:
    with pytest.raises(ArgumentError, match="time_step: expected a positive number"):
        ExponentialRungeKutta(torch.zeros(1), step)


def test_an_order_that_is_not_there_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"order: expected 2 \(ETDRK2\) or 4 \(ETDRK4\), got 3"):
        ExponentialRungeKutta(torch.zeros(1), 0.1, order=3)
