"""Plans: schedules against torch's own, the optimisers that they make, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.training import Epochs, Plan, cosine, draw, seed_of


@pytest.mark.parametrize("end", [0.0, 0.02])
def test_the_cosine_is_torchs(end):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7, eta_min=0.3 * end)
    for step in range(7):
        assert 0.3 * cosine(step, 7, end) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        falling.step()


def test_schedules_by_their_words():
    assert [Plan(steps=10, schedule="steps").factor(k) for k in (0, 7, 8, 9)] == [1.0, 1.0, 0.1, pytest.approx(0.01)]
    assert Plan(steps=10).factor(9) == 1.0
    assert Plan(steps=4, schedule="cosine").factor(1) == pytest.approx(0.5 + math.sqrt(0.125))
    assert Plan(steps=4, schedule=lambda step, steps: step / steps).factor(3) == 0.75


def test_looks_come_every_so_often_and_at_the_end():
    assert [step for step in range(7) if Plan(steps=7, every=3).due(step)] == [2, 5, 6]


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)],
)
def test_the_optimiser_has_the_plans_numbers(optimizer, kind):
    plan = Plan(learning_rate=0.5, weight_decay=0.25, optimizer=optimizer)
    made = plan.optimizer_of([{"params": [nn.Parameter(torch.zeros(1))]}, {"params": [nn.Parameter(torch.zeros(2))]}])
    assert type(made) is kind
    assert [(group["lr"], group["weight_decay"]) for group in made.param_groups] == [(0.5, 0.25)] * 2


def test_batches_are_drawn_with_replacement_on_the_cpu():
    with torch.device("meta"):
        rows = draw(4, 1000, torch.Generator().manual_seed(3))
    assert rows.device.type == "cpu"
    assert rows.unique().tolist() == [0, 1, 2, 3]
    assert torch.equal(rows, draw(4, 1000, torch.Generator().manual_seed(3)))


def test_an_epoch_visits_every_sample_at_most_once_in_an_order_of_its_own():
    epochs = Epochs(11, 3, seed=2)
    assert epochs.batches == 3
    first, second = (torch.cat([epochs.rows(k) for k in part]).tolist() for part in (range(3), range(3, 6)))
    assert len(set(first)) == len(set(second)) == 9
    assert first != second
    assert torch.equal(Epochs(11, 3, seed=2).rows(4), epochs.rows(4))  # whatever was visited before
    assert not torch.equal(Epochs(11, 11, seed=3).rows(0), Epochs(11, 11, seed=2).rows(0))
    assert sorted(Epochs(4, 9, seed=0).rows(5).tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("change", [{"samples": 9}, {"seed": 5}, {"batch_size": 2}])
def test_an_epoch_is_one_of_what_it_is_now(change):
    changed, made = Epochs(11, 3, seed=2), Epochs(**{"samples": 11, "batch_size": 3, "seed": 2, **change})
    changed.rows(0)
    for name, value in change.items():
        setattr(changed, name, value)
    assert changed.batches == made.batches
    assert [changed.rows(k).tolist() for k in range(4)] == [made.rows(k).tolist() for k in range(4)]


def test_steps_of_different_seeds_have_different_seeds():
    assert len({seed_of(seed, step) for seed in range(-2, 5) for step in range(-50, 1000)}) == 7 * 1050
    assert all(0 <= seed_of(seed, 3) < 2**63 for seed in (-1, 2**62))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"every": 0}, "every: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate: expected a number above 0, got 0"),
        ({"learning_rate": math.nan}, "learning_rate: expected a number above 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate: expected a number above 0, got inf"),
        ({"weight_decay": -1.0}, "weight_decay: expected a number of at least 0, got -1"),
        ({"clip": 0.0}, "clip: expected a number above 0, got 0"),
        ({"schedule": "linear"}, "schedule: expected one of constant, cosine, steps, got 'linear'"),
        ({"optimizer": "lion"}, "optimizer: expected one of adam, adamw, sgd, got 'lion'"),
    ],
)
def test_what_does_not_fit_is_refused(bad, message):
    with pytest.raises(ArgumentError, match=message):
        Plan(**bad)
