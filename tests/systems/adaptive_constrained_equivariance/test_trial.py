"""Training under many rules at once: each arm goes its own way, a killed run goes on bit for bit, effects hold."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
import torch

from haar.errors import HaarWarning
from haar.systems.adaptive_constrained_equivariance.arms import ARMS, make_arms
from haar.systems.adaptive_constrained_equivariance.protocol import chosen_settings
from haar.systems.adaptive_constrained_equivariance.trial import (
    Configuration,
    TrialPlan,
    evaluate,
    train_together,
)
from haar.systems.adaptive_constrained_equivariance.vectors import VectorTask

#: Rules whose deployed models have the symmetry exactly.
EXACT = (
    "strict", "strict without kappa", "equality", "equality undamped", "equality as published", "scheduled",
)  # fmt: skip
#: What rules are tuned for, and the first steps of it.
LONG = TrialPlan(steps=30)
SHORT = TrialPlan(steps=12, batch_size=8, tests=50, validation=20)


def _configurations(betas=(0.0, 1.0), networks=1, samples=64):
    return [Configuration(VectorTask(beta=beta), samples, k) for beta in betas for k in range(networks)]


def _trained(names, plan=SHORT, **kwargs):
    configurations = _configurations()
    arms = make_arms(names, configurations, LONG, tried=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # so short a run does not arrive, and says so
        train_together(arms, configurations, plan, **kwargs)
    return arms, configurations


def test_every_rule_trains_and_is_evaluated(as_recorded):
    arms, configurations = _trained(list(ARMS))
    found = {arm.name: evaluate(arm, configurations, SHORT) for arm in arms}
    for name, several in found.items():
        for one in several:
            assert 0 < one["error"] < 5
            assert 0 < one["validation"] < 5
            if name in EXACT:
                assert one["defect"] < 1e-5
            else:
                assert one["defect"] > 1e-4
    as_recorded(found, Path(__file__).parent / "trained.json")


def test_an_arm_does_not_see_the_others():
    (alone,), _ = _trained(["resilient"])
    several, _ = _trained(["strict", "resilient", "residual pathway"])
    for name, value in alone.ensemble.state_dict().items():
        torch.testing.assert_close(several[1].ensemble.state_dict()[name], value, rtol=0, atol=1e-5)


def test_a_killed_run_goes_on_bit_for_bit(tmp_path, told):
    names = ["augmentation", "resilient", "resilient as published", "scheduled", "equivariance penalty"]
    whole, _ = _trained(names)
    plan = replace(SHORT, every=3)
    with pytest.raises(KeyboardInterrupt):
        _trained(names, plan, checkpoint=tmp_path / "run.pt", watch=told(until=8))
    again, _ = _trained(names, plan, checkpoint=tmp_path / "run.pt")
    for one, other in zip(whole, again, strict=True):
        for name, value in one.ensemble.state_dict().items():
            assert torch.equal(other.ensemble.state_dict()[name], value), (one.name, name)


def test_a_setting_is_chosen_network_by_network_on_validation_data():
    low, middle, high, strict = make_arms(["scheduled", "strict"], _configurations(networks=1), LONG)
    assert [arm.label for arm in (low, middle, high, strict)] == [
        "scheduled 0.001", "scheduled 0.01", "scheduled 0.1", "strict",
    ]  # fmt: skip
    tried = [
        (low, [{"validation": 2.0, "error": 9}, {"validation": 1.0, "error": 8}]),
        (middle, [{"validation": 1.0, "error": 7}, {"validation": None, "error": None}]),
        (high, [{"validation": None, "error": None}, {"validation": 2.0, "error": 4}]),
        (strict, [{"validation": 3.0, "error": 6}, {"validation": 3.0, "error": 5}]),
    ]
    chosen = chosen_settings(tried)
    told = {rule: [(v["error"], v.get("setting"), v["tries"]) for v in values] for rule, values in chosen.items()}
    assert told == {"scheduled": [(7, 0.01, 3), (8, 0.001, 3)], "strict": [(6, None, 1), (5, None, 1)]}


def test_no_baseline_has_fewer_tries_than_ours():
    ours = len(ARMS["resilient, price chosen"][1])
    assert {len(values) for _, values in ARMS.values() if len(values) > 1} == {ours}


@pytest.mark.slow
def test_the_effects_show_in_a_short_training():
    """Half the protocol's steps and two networks.

    With exact symmetry the protocol's margins hold already; on broken symmetry resilient leads already, and has the
    protocol's margin (0.8) only at its full length, which `haar reproduce` judges.
    """
    plan = TrialPlan(steps=700)
    configurations = _configurations(networks=2, samples=256)
    arms = make_arms(["strict", "free", "equality", "resilient"], configurations, plan, tried=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)
        train_together(arms, configurations, plan)
    worth = {arm.name: evaluate(arm, configurations, plan) for arm in arms}
    exact = {name: mean(one["error"] for one in values[:2]) for name, values in worth.items()}
    broken = {name: mean(one["error"] for one in values[2:]) for name, values in worth.items()}
    assert exact["equality"] <= 1.25 * exact["strict"]
    assert exact["equality"] <= 0.4 * exact["free"]
    assert broken["resilient"] < min(broken["strict"], broken["free"])
    assert max(abs(g) for one in worth["equality"][:2] for g in one["gamma"].values()) < 0.06
