"""The loop: it is the loop one would write by hand, every step depends on (seed, step), and nothing else is touched."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.training import Checkpoint, DivergedError, Plan, Run, draw

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
Y = X.sum(1, keepdim=True)


def network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 1))


def run_of(model, plan, **options):
    def loss(step, generator):
        rows = draw(len(X), 10, generator)
        return (model(X[rows]) - Y[rows]).square().mean()

    return Run(model.parameters(), loss, plan, **options)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_it_is_the_loop_written_by_hand():
    mine, theirs = network(), network()
    run = run_of(mine, Plan(steps=6, learning_rate=0.1, schedule="cosine", clip=0.5), seed=3)
    assert (run.dead, run.done) == (False, 0)
    losses = run.train()
    assert (run.dead, run.done) == (False, 6)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.1)
    seen = []
    with torch.random.fork_rng():
        for step in range(6):
            optimizer.param_groups[0]["lr"] = 0.1 * 0.5 * (1 + math.cos(math.pi * step / 6))
            torch.manual_seed(3 * 1_000_003 + step)
            rows = torch.randint(40, (10,), generator=torch.Generator().manual_seed(3 * 1_000_003 + step))
            optimizer.zero_grad()
            value = (theirs(X[rows]) - Y[rows]).square().mean()
            value.backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            optimizer.step()
            seen.append(value.item())
    assert losses.tolist() == seen
    assert same(mine, theirs)


def test_groups_keep_their_own_rates():
    model = network()
    groups = [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[3].parameters()}]
    run = Run(groups, lambda *_: model(X).square().mean(), Plan(steps=4, learning_rate=0.1, schedule="cosine"))
    for step in run:
        if step == 2:
            assert [g["lr"] for g in run.optimizer.param_groups] == pytest.approx([0.5 * 0.5, 0.1 * 0.5])
            break
    assert run.done == 3


def test_what_is_differentiated_may_be_another_number_than_what_is_recorded():
    weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    plan = Plan(steps=1, learning_rate=0.1, optimizer="sgd")
    run = Run([weight], lambda *_: weight.square(), plan, objective=lambda values: values.sum() + weight[0])
    assert run.train().tolist() == [[1.0, 4.0, 9.0]]
    assert weight.tolist() == pytest.approx([1 - 0.3, 2 - 0.4, 3 - 0.6])


def test_gradients_are_shortened_before_the_step():
    weight = nn.Parameter(torch.tensor([1.0]))
    run = Run(
        [weight],
        lambda *_: (5 * weight).sum(),
        Plan(steps=1, learning_rate=1.0, optimizer="sgd"),
        shorten=lambda: weight.grad.clamp_(max=0.25),
    )
    run.train()
    assert weight.item() == 0.75


@pytest.mark.parametrize("stop", ["end", "break", "error"])
def test_the_random_state_is_put_back(stop, told):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run = run_of(network(), Plan(steps=3))
    if stop == "error":
        with pytest.raises(KeyboardInterrupt):
            run.train(told(until=2))
    else:
        for _ in run:
            if stop == "break":
                break
    assert torch.equal(torch.get_rng_state(), before)


def test_draws_outside_change_nothing_and_another_seed_does():
    first, second, third = network(), network(), network()
    run_of(first, Plan(steps=4), seed=1).train()
    for _ in run_of(second, Plan(steps=4), seed=1):
        torch.rand(7)
    run_of(third, Plan(steps=4), seed=2).train()
    assert same(first, second)
    assert not same(first, third)


def test_a_run_that_was_left_goes_on():
    whole, left = network(), network()
    run_of(whole, Plan(steps=5)).train()
    run = run_of(left, Plan(steps=5))
    for step in run:
        if step == 1:
            break
    assert len(run.losses) == 2
    assert run.train().shape == (5,)
    assert same(whole, left)


@pytest.mark.parametrize("kill", [1, 4, 7, 8])
def test_a_killed_run_ends_with_the_same_bits(kill, tmp_path, told):
    plan = Plan(steps=8, every=2, schedule="cosine")
    whole, killed, again = network(), network(), network()
    losses = run_of(whole, plan).train()
    with pytest.raises(KeyboardInterrupt):
        run_of(killed, plan, checkpoint=Checkpoint(tmp_path / "run", {"model": killed})).train(told(until=kill))
    watch = told()
    run = run_of(again, plan, checkpoint=Checkpoint(tmp_path / "run", {"model": again}))
    assert run.train(watch, "again").tolist() == losses.tolist()
    assert same(whole, again)
    left = 8 - kill + kill % 2
    assert (watch.stages, watch.steps) == ([("again", left)] if left else [], left)


def test_somebody_is_told_of_every_step(told):
    watch = told()
    run_of(network(), Plan(steps=3)).train(watch)
    assert (watch.stages, watch.steps) == ([("training", 3)], 3)


def broken(model, plan, **options):
    return Run(model.parameters(), lambda k, _: model(X).mean() * (math.nan if k == 2 else 1.0), plan, **options)


def test_a_loss_that_is_not_finite_ends_the_run_with_the_weights_before_it():
    model, before = network(), network()
    broken(before, Plan(steps=2)).train()
    with pytest.raises(DivergedError, match=r"loss: nan at step 3 of 5, which no step mends; lower learning_rate \(he"):
        broken(model, Plan(steps=5)).train()
    assert same(model, before)


def test_or_leaves_it_dead_with_the_losses_before_it():
    run = broken(network(), Plan(steps=5), not_finite="stop")
    assert len(run.train()) == 2
    assert (run.dead, run.done) == (True, 2)


def test_or_goes_on_and_harms_no_other_model():
    weights = nn.Parameter(torch.ones(2))

    def loss(step, _):
        return weights.square() * torch.tensor([1.0, math.inf if step == 1 else 1.0])

    plan = Plan(steps=3, learning_rate=0.1, optimizer="sgd")
    losses = Run([weights], loss, plan, objective=torch.sum, not_finite="keep").train()
    assert losses[:, 0].tolist() == pytest.approx([1.0, 0.64, 0.4096])
    assert losses[1, 1] == math.inf
    assert weights[0].item() == pytest.approx(0.512)


def test_wrong_arguments_are_refused():
    with pytest.raises(ArgumentError, match="model: expected a model with trainable parameters, got none"):
        Run([], lambda *_: torch.zeros(()), Plan())
    with pytest.raises(ArgumentError, match="not_finite: expected one of raise, stop, keep, got 'ignore'"):
        Run([nn.Parameter(torch.ones(1))], lambda *_: torch.zeros(()), Plan(), not_finite="ignore")
