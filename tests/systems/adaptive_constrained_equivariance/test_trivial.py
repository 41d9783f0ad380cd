"""What needs no network, against what is known of each."""

from __future__ import annotations

import pytest
import torch

from haar.systems.adaptive_constrained_equivariance.charged import ChargedTask
from haar.systems.adaptive_constrained_equivariance.trial import Configuration, TrialPlan
from haar.systems.adaptive_constrained_equivariance.trivial import trivial
from haar.systems.adaptive_constrained_equivariance.vectors import VectorTask

PLAN = TrialPlan(tests=400, validation=100)


class Linear(VectorTask):
    """Targets that a linear model learns to the last digit."""

    def target(self, x):
        return 2 * x[..., :2] - x[..., 2:4] + 3


class Straight(ChargedTask):
    """Bodies that go straight on, at half their velocity's pace."""

    def _pairs(self, part):
        x = torch.randn(50, 5, 7, generator=torch.Generator().manual_seed(len(part)))
        return x, x[..., :3] + 0.5 * x[..., 3:6]


def test_a_linear_law_is_learned_by_the_linear_model_alone():
    found = trivial(Configuration(Linear(noise=0.0), 200, 3), PLAN)
    assert found["linear model"]["error"] < 1e-6
    assert found["linear model"]["setting"] == 1e-4
    assert found["linear model"]["tries"] == 3
    assert found["mean"]["error"] == pytest.approx(5, rel=0.1)


def test_the_mean_is_that_of_the_training_part():
    task = VectorTask()
    c = Configuration(task, 64, 5)
    _, y = task.sample("train", 64, c.generator(1))
    _, wanted = task.sample("test", 400, c.generator(3))
    assert trivial(c, PLAN)["mean"]["error"] == pytest.approx(float((wanted - y.mean(0)).square().mean()), rel=1e-5)


def test_bodies_that_go_straight_on_are_foreseen():
    found = trivial(Configuration(Straight(), 40, 0), TrialPlan(tests=40, validation=40))
    assert list(found) == ["mean", "linear model", "persistence", "straight on"]
    assert found["straight on"]["error"] < 1e-10
    assert found["persistence"]["error"] == pytest.approx(0.25, rel=0.2)
    assert found["mean"]["error"] > 1
