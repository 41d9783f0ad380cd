"""What duals say and keep: thresholds of their checks, the scale of losses, states, rates."""

from __future__ import annotations

import copy

import pytest
import torch
from relax_worlds import data, mse, wrapped

from haar.errors import ArgumentError, HaarWarning
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.paper import Paper

X, Y = data(16)


def make():
    model = wrapped()
    return model, Duals(model, steps=200)


def train(model, duals, steps):
    for _ in range(steps):
        duals.lagrangian(mse(model(X), Y)).backward()
        duals.step()
    return torch.stack([g.detach() for g in model.gammas().values()])


def scalar(value=1.0):
    return torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))


@pytest.mark.parametrize(
    ("taken", "caught"), [(0, True), (49, True), (50, True), (51, False), (99, False), (100, True)]
)
def test_a_moved_gamma_is_looked_for_in_fifty_steps_and_then_in_every_fiftieth(taken, caught):
    gamma = scalar()
    duals = Duals({"layer": gamma}, steps=1000)
    duals.taken = taken
    duals.lagrangian(gamma**2).backward()
    with torch.no_grad():
        gamma.add_(1e-3)
    if caught:
        with pytest.raises(ArgumentError, match="got a gamma of 'layer' that it has moved; make it with duals"):
            duals.step()
    else:
        duals.step()
        assert duals.taken == taken + 1


@pytest.mark.parametrize(("gamma", "said"), [(0.05, ""), (-0.0501, "training ended with an asymmetry of 0.050 in 'b'")])
def test_arrival_is_a_twentieth(gamma, said):
    gammas = {"a": scalar(0.01), "b": scalar(gamma)}
    duals = Duals(gammas, steps=100)
    assert duals.asymmetry() == pytest.approx({"a": 0.01, "b": abs(gamma)})
    assert duals.arrival().startswith(said)
    assert (duals.arrival() == "") == (said == "")
    assert said == "" or duals.arrival().endswith(
        "(above 0.05): evaluating at gamma = 0 is not what was trained; train longer, or use problem='resilient' if "
        "the symmetry is broken"
    )
    assert Duals(gammas, "resilient", steps=100).arrival() == ""


def test_the_end_is_judged_once_and_skipped_steps_count():
    gamma = scalar()
    duals = Duals({"layer": gamma}, steps=2, solver=Damped(gamma_rate=1e-3, dual_rate=1e-3))
    duals.lagrangian(gamma**2).backward()
    duals.step()  # nothing is said on the way
    with pytest.warns(HaarWarning) as told:  # noqa: PT031 (one step)
        duals.lagrangian(gamma * float("nan")).backward()
        duals.step()
    assert [str(each.message)[:22] for each in told] == ["the gradient of 1 of 1", "training ended with an"]
    assert (duals.taken, duals.skipped) == (1, 1)
    duals.lagrangian(gamma**2).backward()
    duals.step()
    duals.lagrangian(gamma * float("nan")).backward()
    duals.step()  # of gradients it warns once
    assert (duals.taken, duals.skipped) == (2, 2)


def test_the_scale_is_the_mean_of_about_a_hundred_losses():
    """After losses 1 and -3: (0.99 * 1 + 3) / (0.99 + 1) / 100 each, and the step is divided by it."""
    gamma = scalar()
    duals = Duals({"layer": gamma}, steps=100, scale_loss=True, solver=Damped(gamma_rate=0.1, dual_rate=0.1))
    for value in (1.0, -3.0):
        before, multiplier = gamma.item(), duals.multipliers["layer"].item()
        duals.lagrangian(gamma - gamma.detach() + value).backward()
        duals.step()
    scale = (0.99 * 1.0 + 3.0) / 1.99
    assert gamma.item() == pytest.approx(before - 0.1 * (1 / scale + multiplier + before), rel=1e-12)


def test_losses_are_summed_over_the_batches_of_one_step():
    """Twice a half is one whole."""
    found = []
    for parts in (1, 2):
        gamma = scalar()
        duals = Duals({"layer": gamma}, steps=100, scale_loss=True)
        for _ in range(2):
            for _ in range(parts):
                duals.lagrangian((gamma + 4) / parts).backward()
            duals.step()
        found.append(gamma.item())
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_the_value_of_a_resilient_problem_has_the_price_of_slack():
    gamma = scalar(-0.5)
    for solver in (Damped(), Paper()):
        duals = Duals({"layer": gamma}, "resilient", solver, steps=100, rho=3.0)
        one = torch.ones(1, dtype=torch.float64)
        duals.load_state_dict(duals.state_dict() | {"slack": 0.2 * one, "multiplier": 0.7 * one, "gamma": -0.5 * one})
        expected = 2.0 + 0.7 * (0.5 - 0.2) + 1.5 * 0.2**2
        assert duals.lagrangian(2 * torch.ones((), dtype=torch.float64)).item() == pytest.approx(expected, rel=1e-12)
    ridge = Duals({"layer": gamma}, "resilient", "ridge", steps=100, rho=3.0)
    assert ridge.lagrangian(2 * torch.ones(())).item() == pytest.approx(2 + 1.5 * 0.25)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 101}, "steps"),
        ({"rho": 2.0}, "rho"),
        ({"solver": Damped(gamma_rate=0.5, dual_rate=0.1)}, "solver"),
        ({"problem": "equality"}, "problem"),
    ],
)
def test_a_state_names_what_is_another(change, named):
    options = {"problem": "resilient", "solver": Damped(gamma_rate=0.1, dual_rate=0.1), "steps": 100, "rho": 1.0}
    state = Duals({"layer": scalar()}, **options).state_dict()
    with pytest.raises(ArgumentError, match=rf"state: expected duals of the same run, got another {named}$"):
        Duals({"layer": scalar()}, **{**options, **change}).load_state_dict(state)
    with pytest.raises(ArgumentError, match=r"got another other$"):
        Duals({"layer": scalar(), "other": scalar()}, **options).load_state_dict(state)


def test_a_state_has_the_counts_and_the_scale():
    gamma = scalar()
    duals = Duals({"layer": gamma}, steps=100, scale_loss=True)
    duals.lagrangian(gamma**2 + 3).backward()
    duals.step()
    with pytest.warns(UserWarning, match="not finite"):  # noqa: PT031 (one step)
        duals.lagrangian(gamma * float("nan")).backward()
        duals.step()
    other = scalar()
    again = Duals({"layer": other}, steps=100, scale_loss=True)
    again.load_state_dict(duals.state_dict())
    assert (again.taken, again.skipped) == (1, 1)
    for one, own in ((duals, gamma), (again, other)):
        one.lagrangian(own**2 + 1).backward()
        one.step()
    assert other.item() == gamma.item()


def test_a_copy_goes_its_own_way():
    model, duals = make()
    train(model, duals, steps=1)
    again = copy.deepcopy(duals)
    assert torch.equal(train(again.model, again, steps=2), train(model, duals, steps=2))


def test_duals_follow_a_model_to_another_precision():
    gamma = scalar()
    duals = Duals({"layer": gamma}, steps=100)
    duals.lagrangian(gamma**2).backward()
    duals.step()
    gamma.data = gamma.data.float()
    duals.lagrangian(gamma**2).backward()
    duals.step()
    assert duals.multipliers["layer"].dtype == duals.slacks["layer"].dtype == torch.float32


@pytest.mark.parametrize("rate", ["gamma_rate", "dual_rate"])
def test_a_rate_that_is_given_stays_and_the_other_is_tuned(rate):
    solver = Duals({"layer": scalar()}, steps=1500, solver=Damped(**{rate: 0.7})).solver
    expected = {"gamma_rate": 0.02, "dual_rate": 0.005, rate: 0.7}
    assert (solver.gamma_rate, solver.dual_rate) == pytest.approx((expected["gamma_rate"], expected["dual_rate"]))
    assert solver.slack_rate == solver.gamma_rate
    assert Duals({"layer": scalar()}, steps=1500, solver=Damped(slack_rate=0.3)).solver.slack_rate == 0.3
