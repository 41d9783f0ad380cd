"""Conditions beside an equation: weights against the rule by hand, a fit that meets them, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.nn import KKAN
from haar.nn.basis import Conditions, fit_residual, laplacian
from haar.training import Plan

ENDS = torch.tensor([[-1.0], [1.0]])


def values(u, x):
    return u(x)


def poisson(u, x):
    return laplacian(u, x) + 2


def test_weights_follow_the_ratio_of_gradients():
    slope = nn.Parameter(torch.tensor(3.0, dtype=torch.float64))
    conditions = Conditions([(values, ENDS.double()), (lambda u, x: 2 * u(x), ENDS.double())], alpha=0.5)
    # E = 5 a has slope 5; B_0 = a^2 has 2 a = 6, B_1 = 4 a^2 has 24; at a = 3
    total = conditions(lambda x: slope * x, 5 * slope, [slope])
    wanted = torch.tensor([0.5 + 0.5 * 5 / 6, 0.5 + 0.5 * 5 / 24])
    torch.testing.assert_close(conditions.weights, wanted)
    torch.testing.assert_close(total.detach(), 15 + wanted[0].double() * 9 + wanted[1].double() * 36)
    (moved,) = torch.autograd.grad(total, slope)  # none through the weights
    torch.testing.assert_close(moved, 5 + wanted[0].double() * 6 + wanted[1].double() * 24)
    conditions.eval()
    conditions(lambda x: slope * x, 5 * slope, [slope])
    torch.testing.assert_close(conditions.weights, wanted)


@pytest.mark.parametrize(("options", "looked"), [({"alpha": 1.0}, 0), ({"alpha": 0.5, "every": 3}, 2), ({}, 4)])
def test_how_often_gradients_are_looked_at(options, looked):
    slope, seen = nn.Parameter(torch.tensor(3.0)), []
    conditions = Conditions([(values, ENDS)], first=2.0, **options)
    before = conditions.weights.clone()
    for _ in range(4):
        conditions(lambda x: slope * x, 5 * slope, [slope])
        seen.append(bool((conditions.weights != before).any()))
        before = conditions.weights.clone()
    assert sum(seen) == looked


def test_a_condition_that_is_met_keeps_its_weight():
    slope = nn.Parameter(torch.tensor(0.0))
    conditions = Conditions([(values, ENDS)], alpha=0.5)
    conditions(lambda x: slope * x, 5 * slope, [slope])
    assert conditions.weights.tolist() == [1.0]


def test_a_fit_comes_near_a_solution_whose_boundary_is_a_condition(tmp_path):
    model = KKAN(1, inner=(4, 2), mixing=4, generator=torch.Generator().manual_seed(0))
    x = torch.linspace(-1, 1, 24)[:, None]
    conditions = Conditions([(values, ENDS)], alpha=0.9)
    plan = Plan(steps=120, learning_rate=1e-2)
    file = str(tmp_path / "run.pt")
    fit_residual(model, poisson, x, conditions=conditions, plan=plan, checkpoint=file)
    with torch.no_grad():
        assert (model(x) - (1 - x**2)).norm() / (1 - x**2).norm() < 0.3
    assert conditions.weights[0] > 1.5
    again = Conditions([(values, ENDS)], alpha=0.9)
    fit_residual(model, poisson, x, conditions=again, plan=plan, checkpoint=file)  # a run that has ended is read
    torch.testing.assert_close(again.weights, conditions.weights)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ArgumentError, match="terms: expected at least one residual with its points, got none"):
        Conditions([])
    with pytest.raises(ArgumentError, match=r"alpha: expected a number from 0 to 1, got 1\.5"):
        Conditions([(values, ENDS)], alpha=1.5)
    with pytest.raises(ArgumentError, match="first: expected a number above 0, or 1 of them"):
        Conditions([(values, ENDS)], first=[1.0, 2.0])
    with pytest.raises(ShapeError, match=r"terms: expected points \(points, coordinates\), at least one, got \(0, 1\)"):
        Conditions([(values, ENDS[:0])])
    slope = nn.Parameter(torch.tensor(3.0))
    with pytest.raises(ShapeError, match="terms: expected 2 rows, one for each point, of term 0"):
        Conditions([(lambda u, x: u(x)[:1], ENDS)])(lambda x: slope * x, 5 * slope, [slope])
