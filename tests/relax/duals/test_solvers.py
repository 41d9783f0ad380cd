"""Solvers on scalar quadratics, where the answers are known in closed form."""

from __future__ import annotations

import math
import warnings

import pytest
import torch

from haar.errors import ArgumentError, HaarWarning
from haar.relax.duals.cooper_solver import Cooper
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.paper import Paper
from haar.relax.duals.ridge import Ridge


def gamma_of(value=1.0):
    return torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))


def run(h, a, steps, **options):
    """Minimise h/2 (gamma - a)^2 under a problem; the gamma, its duals and the trajectory."""
    gamma = gamma_of()
    duals = Duals({"layer": gamma}, steps=steps, **options)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # some of these runs are not meant to arrive
        for _ in range(steps):
            duals.lagrangian(h / 2 * (gamma - a) ** 2).backward()
            duals.step()
            seen.append(gamma.item())
    return gamma, duals, seen


@pytest.mark.parametrize(("h", "a"), [(0.3, 1.2), (2.0, 0.7), (1.0, -1.3)])
def test_equality_ends_at_zero_with_the_shadow_price_of_either_sign(h, a):
    gamma, duals, _ = run(h, a, 150, solver=Damped(gamma_rate=0.2, dual_rate=0.2))
    assert abs(gamma.item()) < 1e-5
    assert duals.multipliers["layer"].item() == pytest.approx(h * a, abs=1e-4)


def test_a_multiplier_below_zero_is_not_clamped():
    gamma, duals, _ = run(0.02, -0.7, 90)
    assert abs(gamma.item()) < 1e-3
    assert duals.multipliers["layer"].item() == pytest.approx(-0.014, abs=1e-3)


SOLVERS = {
    "damped": Damped(gamma_rate=0.3, dual_rate=0.3, slack_rate=0.5),
    "cooper": Cooper(gamma_rate=0.3, dual_rate=0.3, slack_rate=0.5),
    "ridge": Ridge(gamma_rate=0.3),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize(("h", "a", "rho"), [(2.0, 0.7, 0.1), (1.0, -1.2, 1.0)])
def test_resilient_rests_where_the_closed_form_says(solver, h, a, rho):
    """gamma = h a / (h + rho), u = |gamma|, lambda = rho |gamma|, and nothing moves from there."""
    expected = h * a / (h + rho)
    gamma, duals, _ = run(h, a, 1, problem="resilient", rho=rho, solver=solver)
    state = duals.state_dict()
    one = torch.ones(1, dtype=torch.float64)
    duals.load_state_dict(
        state | {"gamma": expected * one, "slack": abs(expected) * one, "multiplier": rho * abs(expected) * one}
    )
    for _ in range(3):
        duals.lagrangian(h / 2 * (gamma - a) ** 2).backward()
        duals.step()
    assert gamma.item() == pytest.approx(expected, abs=1e-14)
    assert duals.slacks["layer"].item() == pytest.approx(abs(expected), abs=1e-14)
    assert duals.multipliers["layer"].item() == pytest.approx(rho * abs(expected), abs=1e-14)


@pytest.mark.parametrize("solver", ["damped", "ridge"])
def test_resilient_goes_there(solver):
    gamma, duals, _ = run(2.0, 0.7, 150, problem="resilient", rho=1.0, solver=SOLVERS[solver])
    found = [gamma.item(), duals.slacks["layer"].item(), duals.multipliers["layer"].item()]
    assert found == pytest.approx([1.4 / 3] * 3, abs=1e-6)


@pytest.mark.parametrize(("primal", "dual", "steps"), [(0.01, 0.3, 60), (0.2, 0.2, 40)])
def test_without_damping_simultaneous_steps_grow_at_the_derived_rate(primal, dual, steps):
    """Gamma and the multiplier (scaled by the root of the rates) form a vector whose length grows by that factor."""
    options = {"adam": False, "gamma_rate": primal, "dual_rate": dual}
    gamma, duals, _ = run(0.0, 0.0, steps, solver=Paper(**options))
    multiplier = duals.multipliers["layer"].item()
    length = math.sqrt(gamma.item() ** 2 + primal / dual * multiplier**2)
    assert length == pytest.approx((1 + primal * dual) ** (steps / 2), rel=1e-9)


def test_alternating_steps_stay_bounded():
    options = {"adam": False, "gamma_rate": 0.2, "dual_rate": 0.2}
    _, _, growing = run(0.0, 0.0, 150, solver=Paper(**options))
    _, _, bounded = run(0.0, 0.0, 150, solver=Paper(**options, order="alternating"))
    assert max(map(abs, growing)) > 10
    assert max(map(abs, bounded[:50])) < 1.2
    assert max(map(abs, bounded)) < 1.2


@pytest.mark.parametrize("steps", [60])
def test_tuned_damping_is_critical_and_settles_in_a_third(steps):
    """At h = 0 gamma_t = (1 - r)^t - t r (1 - r)^(t - 1): the double eigenvalue 1 - r of the derivation, exactly."""
    _, _, seen = run(0.0, 0.0, steps)
    r = 15 / steps
    # the matrix is (1 - r) I + N with N^2 = 0 and N (1, 0) = (-r, ...): gamma_t = (1 - r)^t - t r (1 - r)^(t - 1)
    exact = [(1 - r) ** t - t * r * (1 - r) ** (t - 1) for t in range(1, steps + 1)]
    assert seen == pytest.approx(exact, abs=1e-10)
    assert all(abs(value) < 0.05 for value in seen[steps // 3 :])


@pytest.mark.parametrize("problem", ["equality", "resilient"])
@pytest.mark.parametrize("augmentation", [0.0, 1.0])
@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_cooper_takes_the_same_steps(problem, augmentation, order):
    rates = {"augmentation": augmentation, "order": order, "gamma_rate": 0.1, "dual_rate": 0.07, "slack_rate": 0.05}
    states = []
    for kind in (Damped, Cooper):
        torch.manual_seed(0)
        gammas = {name: torch.nn.Parameter(torch.rand((), dtype=torch.float64) + 0.5) for name in "ab"}
        gammas["chain"] = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        duals = Duals(gammas, problem, kind(**rates), steps=60, rho=0.3)
        trace = []
        for _ in range(50):
            loss = (gammas["a"] - 0.3 * gammas["b"] - 0.4) ** 2 + (gammas["chain"].sum() - gammas["a"]) ** 2
            duals.lagrangian(loss).backward()
            duals.step()
            trace.append(
                torch.cat(
                    [
                        v.reshape(-1).detach().clone()
                        for v in (*gammas.values(), *duals.multipliers.values(), *duals.slacks.values())
                    ]
                )
            )
        states.append(torch.stack(trace))
    assert (states[0] - states[1]).abs().max() < 1e-12
    assert states[0][-1].abs().max() > 1e-3  # it went somewhere


def test_adam_takes_steps_of_its_rate_on_both_sides():
    """The first step is the rate against the gradient's sign: gamma falls, lambda rises."""
    gamma, duals, _ = run(1.0, 0.5, 1, solver=Paper(gamma_rate=3e-3, dual_rate=2e-3))
    assert gamma.item() == pytest.approx(1 - 3e-3, abs=1e-9)
    assert duals.multipliers["layer"].item() == pytest.approx(2e-3, abs=1e-9)
    gamma, duals, _ = run(1.0, 3.0, 40, solver=Paper(gamma_rate=3e-3, dual_rate=2e-3, augmentation=100.0))
    assert gamma.item() < 0.95  # the augmentation outweighs a loss that pulls up


def test_ridge_is_stable_for_any_weight():
    gamma, _, _ = run(2.0, 0.7, 60, problem="resilient", solver="ridge", rho=1e6)
    assert gamma.item() == pytest.approx(1.4 / (2 + 1e6), rel=1e-6)


def test_a_run_that_has_not_arrived_says_so():
    gamma = gamma_of()
    duals = Duals({"layer": gamma}, steps=1, solver=Damped(gamma_rate=1e-3, dual_rate=1e-3))
    duals.lagrangian(gamma**2).backward()
    with pytest.warns(HaarWarning, match=r"asymmetry of 0.* in 'layer' \(above 0.05\)"):
        duals.step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problem": "both"}, "problem: expected 'equality' or 'resilient', got 'both'"),
        ({"solver": "adam"}, "solver: expected one of damped, paper, ridge, cooper, got 'adam'"),
        ({"solver": "ridge"}, "problem: expected 'resilient' for the ridge solver, got 'equality'; give problem="),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"steps": 20}, "steps: expected at least 30 to tune the solver for, got 20; give solver=Damped"),
        ({"steps": 20, "solver": "ridge", "problem": "resilient"}, "steps: expected at least 30"),
        ({"rho": 0.0}, "rho: expected a number above 0, got 0"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message.replace("(", r"\(")):
        Duals({"layer": gamma_of()}, **{"steps": 100, **options})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Damped(gamma_rate=-1), "gamma_rate: expected a number above 0, got -1"),
        (lambda: Damped(augmentation=-1), "augmentation: expected at least 0"),
        (lambda: Damped(augmentation=0), "augmentation: expected above 0, to tune the rates from it"),
        (lambda: Damped(order="both"), "order: expected 'simultaneous' or 'alternating', got 'both'"),
        (lambda: Paper(dual_rate=0), "dual_rate: expected a number above 0"),
        (lambda: Ridge(gamma_rate=0), "gamma_rate: expected a number above 0"),
    ],
)
def test_wrong_solvers_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
