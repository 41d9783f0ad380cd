"""Averages against a density, worked out in closed form; and how nearly equivariant they are."""

from __future__ import annotations

import math

import pytest
import torch

from haar.average import AgainstDensity, Motion, scaling, scalings
from haar.errors import ArgumentError, ShapeError

X = torch.linspace(0.5, 3, 11, dtype=torch.float64)


def test_a_square_is_averaged_in_closed_form():
    """E[e^-s (e^s x)^2] = e^(spread^2 / 2) x^2 for normal s."""
    found = AgainstDensity(torch.square, *scalings(0.4, nodes=15))(X)
    torch.testing.assert_close(found, math.exp(0.4**2 / 2) * X**2, rtol=1e-12, atol=0)


def test_degrees_say_how_both_sides_scale():
    motions, weights = scalings(0.4, nodes=15, degree_in=2.0, degree_out=3.0)
    found = AgainstDensity(torch.square, motions, weights)(X)  # e^(-3 s) (e^(2 s) x)^2
    torch.testing.assert_close(found, math.exp(0.4**2 / 2) * X**2, rtol=1e-12, atol=0)


def test_an_equivariant_model_is_left_as_it_is():
    found = AgainstDensity(lambda x: 3 * x, *scalings(1.0))
    torch.testing.assert_close(found(X), 3 * X, rtol=1e-12, atol=0)
    assert found.defect(scaling(0.7), X) < 1e-14


def wavy(x):
    """x times a wave in log x: Q_w multiplies the wave by exp(-2 spread^2)."""
    return x * (1 + 0.5 * torch.sin(2 * torch.log(x)))


@pytest.mark.parametrize("spread", [0.3, 0.8])
def test_waves_in_the_logarithm_are_damped_as_their_characteristic_function_says(spread):
    found = AgainstDensity(wavy, *scalings(spread, nodes=40))(X)
    expected = X * (1 + 0.5 * math.exp(-2 * spread**2) * torch.sin(2 * torch.log(X)))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)


def test_the_defect_falls_as_the_density_spreads_and_is_told_as_approximate():
    found = [AgainstDensity(wavy, *scalings(spread, nodes=40)) for spread in (0.1, 0.5, 1.0)]
    defects = [each.defect(scaling(0.7), X) for each in found]
    assert defects[0] > defects[1] > defects[2] > 1e-3
    assert all(each.error.startswith("approximate") for each in found)


def test_the_defect_is_relative_to_the_prediction():
    same = AgainstDensity(torch.square, [scaling(0.0)])  # e^-s (e^s x)^2 = e^s x^2
    assert same.defect(scaling(0.7), X) == pytest.approx(math.exp(0.7) - 1)
    assert math.isnan(AgainstDensity(lambda x: 0 * x, [scaling(0.0)]).defect(scaling(0.7), X))


def test_a_galilean_boost_is_a_motion_like_any_other():
    """u(x) -> u + c: f(u) = u + a u^2 is averaged to u + a (u^2 + mean of c^2) over boosts of both signs."""
    boosts = [Motion(lambda u, c=c: u + c, lambda u, c=c: u - c) for c in (-0.5, 0.5)]
    found = AgainstDensity(lambda u: u + 0.1 * u**2, boosts, [1, 1])
    torch.testing.assert_close(found(X), X + 0.1 * (X**2 + 0.25), rtol=1e-12, atol=0)


def test_weights_are_normalised_and_equal_if_not_given():
    motions = [scaling(0.0), scaling(math.log(2))]
    assert AgainstDensity(torch.square, motions, [1, 3]).weights.tolist() == [0.25, 0.75]
    torch.testing.assert_close(AgainstDensity(torch.square, motions)(X), 1.5 * X**2, rtol=1e-12, atol=0)


def test_gradients_flow_and_the_model_is_part_of_it():
    model = torch.nn.Linear(2, 2)
    averaged = AgainstDensity(model, *scalings(0.5))
    averaged(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is not None
    assert "model.weight" in averaged.state_dict()


@pytest.mark.parametrize("weights", [[1.0, -1.0], [0.0, 0.0], [1.0, math.nan]])
def test_weights_of_the_wrong_sign_are_refused(weights):
    with pytest.raises(ArgumentError, match="weights: expected finite, not negative, not all 0"):
        AgainstDensity(torch.square, [scaling(0.0)] * 2, weights)


def test_as_many_weights_as_elements_are_needed():
    with pytest.raises(ShapeError, match=r"weights: expected \(2,\), one an element, got \(3,\)"):
        AgainstDensity(torch.square, [scaling(0.0)] * 2, [1, 1, 1])


def test_no_elements_are_refused():
    with pytest.raises(ArgumentError, match="motions: expected at least one, got none"):
        AgainstDensity(torch.square, [])


@pytest.mark.parametrize("spread", [0, -1.0, math.inf, math.nan])
def test_a_density_without_spread_is_refused(spread):
    with pytest.raises(ArgumentError, match="spread: expected a positive number"):
        scalings(spread)
