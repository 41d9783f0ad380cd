"""Duals in real loops: any optimiser, accumulation, loss scaling, several processes, checkpoints."""

from __future__ import annotations

import copy
import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from relax_worlds import data, mse, wrapped
from torch import nn
from torch.distributed.fsdp import fully_shard

from haar.errors import ArgumentError
from haar.relax.batch_statistics import estimate_statistics
from haar.relax.duals.damped import Damped
from haar.relax.duals.duals import Duals
from haar.relax.duals.paper import Paper

X, Y = data(32)


def train(model, duals, steps=4, make=lambda p: torch.optim.Adam(p, lr=3e-3), clip=None, accumulate=1, **step):
    optimizer = make(duals.weights())
    for _ in range(steps):
        optimizer.zero_grad()
        for x, y in zip(X.chunk(accumulate), Y.chunk(accumulate), strict=True):
            duals.lagrangian(mse(model(x), y) / accumulate).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        duals.step(**step)
    return torch.stack([g.detach() for g in model.gammas().values()])


def make(problem="equality", **options):
    model = wrapped()
    return model, Duals(model, problem, steps=200, **options)


def expected_first_step(rate=30 / 200):
    """gamma - a (dJ/dgamma + c gamma), by autograd on a fresh model."""
    model = wrapped()
    gammas = list(model.gammas().values())
    gradient = torch.autograd.grad(mse(model(X), Y), gammas)
    return torch.stack([1 - rate * (g + 1) for g in gradient])


def test_the_first_step_is_the_written_one():
    assert train(*make(), steps=1) == pytest.approx(expected_first_step(), abs=1e-13)


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_batches_make_one_step(accumulate):
    whole, parts = train(*make()), train(*make(), accumulate=accumulate)
    assert parts == pytest.approx(whole, abs=1e-12)


def test_clipping_of_all_parameters_leaves_gammas_alone():
    assert torch.equal(train(*make(), steps=1, clip=1e-6), train(*make(), steps=1))


def test_weight_decay_of_all_parameters_leaves_gammas_alone():
    decayed = train(*make(), steps=1, make=lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=10.0))
    assert torch.equal(decayed, train(*make(), steps=1))


def test_weights_are_all_parameters_but_gammas():
    model, duals = make()
    assert len(duals.weights()) == len(list(model.parameters())) - len(model.gammas())


def test_an_optimiser_with_gammas_is_refused_at_once_and_when_it_moves_one():
    model, duals = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    with pytest.raises(ArgumentError, match=r"optimizer: expected an optimiser without the gammas.*'0'; make it with"):
        Duals(model, steps=100, optimizer=optimizer)
    with pytest.raises(ArgumentError, match="optimizer: expected an optimiser without the gammas"):
        duals.check(optimizer)
    duals.lagrangian(mse(model(X), Y)).backward()
    optimizer.step()
    with pytest.raises(ArgumentError, match="got a gamma of '0' that it has moved"):
        duals.step()


def test_a_step_without_a_backward_pass_is_refused():
    model, duals = make()
    with pytest.raises(ArgumentError, match="expected a backward pass since the last step, got none"):
        duals.step()
    with pytest.raises(ArgumentError, match="loss: expected one number"):
        duals.lagrangian(model(X))


def test_the_value_is_the_augmented_lagrangian():
    model, duals = make()
    train(model, duals)
    loss = mse(model(X), Y)
    gamma = torch.stack([g.detach() for g in model.gammas().values()])
    multiplier = torch.stack(list(duals.multipliers.values()))
    value = loss + (multiplier * gamma).sum() + gamma.square().sum() / 2
    assert duals.lagrangian(loss).item() == pytest.approx(value.item(), abs=1e-12)


def test_scaling_by_the_running_loss_undoes_the_unit_of_the_loss():
    results = []
    for unit in (1.0, 1e4):
        model, duals = make(scale_loss=True)
        optimizer = torch.optim.Adam(duals.weights(), lr=3e-3)
        for _ in range(3):
            optimizer.zero_grad()
            duals.lagrangian(unit * mse(model(X), Y)).backward()
            optimizer.step()
            duals.step()
        results.append(torch.stack([g.detach() for g in model.gammas().values()]))
    assert results[0] == pytest.approx(results[1], abs=1e-5)  # Adam's epsilon knows of the unit


class Scaler:
    """The public face of `torch.amp.GradScaler`, which runs on accelerators only."""

    def __init__(self, scale):
        self.scale = scale

    def is_enabled(self):
        return True

    def get_scale(self):
        return self.scale


def test_a_scaled_loss_is_unscaled_and_a_step_with_an_overflow_is_skipped():
    model, duals = make()
    (duals.lagrangian(mse(model(X), Y)) * 1024).backward()
    duals.step(Scaler(1024.0))
    found = torch.stack([g.detach() for g in model.gammas().values()])
    assert found == pytest.approx(expected_first_step(), abs=1e-12)
    before = copy.deepcopy(duals.state_dict())
    duals.lagrangian(mse(model(X), Y)).backward()
    duals.weights()[0].grad[0, 0] = float("inf")
    duals.step(Scaler(1.0))
    assert (duals.taken, duals.skipped) == (1, 1)
    duals.lagrangian(mse(model(X), Y)).backward()
    duals.weights()[0].grad[0, 0] = float("inf")
    duals.step(Scaler(0.0))  # the gammas' gradients overflow, too
    assert (duals.taken, duals.skipped) == (1, 2)
    assert torch.equal(duals.state_dict()["gamma"], before["gamma"])
    assert torch.equal(duals.state_dict()["multiplier"], before["multiplier"])


def test_the_real_scaler_switched_off_changes_nothing():
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    assert torch.equal(train(*make(), scaler=scaler), train(*make()))


@pytest.mark.parametrize("solver", [Damped(), Paper(), "cooper"], ids=["damped", "paper", "cooper"])
@pytest.mark.parametrize("problem", ["equality", "resilient"])
def test_saving_and_loading_goes_on_bit_for_bit(problem, solver, tmp_path):
    def fresh():
        model = wrapped()
        duals = Duals(model, problem, copy.copy(solver), steps=200)
        return model, duals, torch.optim.Adam(duals.weights(), lr=3e-3)

    def go(model, duals, optimizer):
        for _ in range(3):
            optimizer.zero_grad()
            duals.lagrangian(mse(model(X), Y)).backward()
            optimizer.step()
            duals.step()

    parts = fresh()
    go(*parts)
    torch.save([part.state_dict() for part in parts], tmp_path / "state.pt")
    go(*parts)
    again = fresh()
    for part, state in zip(again, torch.load(tmp_path / "state.pt", weights_only=True), strict=True):
        part.load_state_dict(state)
    go(*again)
    for one, other in zip(parts[0].state_dict().values(), again[0].state_dict().values(), strict=True):
        assert torch.equal(one, other)
    for key in ("gamma", "multiplier", "slack"):
        assert torch.equal(parts[1].state_dict()[key], again[1].state_dict()[key])


def test_the_state_of_another_run_is_refused():
    _, duals = make()
    with pytest.raises(ArgumentError, match="state: expected duals of the same run, got another problem"):
        duals.load_state_dict(make("resilient")[1].state_dict())


def test_deployed_is_gamma_zero_for_equality_and_leaves_the_state_alone():
    model, duals = make()
    train(model, duals)
    state = copy.deepcopy(model.state_dict())
    with duals.deployed(), torch.no_grad():
        off = model(X)
    with model.at(0.0), torch.no_grad():
        assert torch.equal(off, model(X))
    assert all(torch.equal(a, b) for a, b in zip(state.values(), model.state_dict().values(), strict=True))
    _, resilient = make("resilient")
    with resilient.deployed(), torch.no_grad():
        assert not torch.equal(off, resilient.model(X))


def test_batch_statistics_are_those_of_gamma_zero():
    plain = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)).double()
    model = _BatchNorm(plain)
    assert estimate_statistics(model, [X[:16], (X[16:], Y[16:])]) == 1
    with torch.no_grad():
        hidden = [0.0 * model.net[0](part) for part in (X[:16], X[16:])]
    expected = torch.stack([h.mean(0) for h in hidden]).mean(0)
    assert model.net[1].running_mean == pytest.approx(expected, abs=1e-12)
    assert model.net[1].momentum == 0.1
    assert model.training
    assert estimate_statistics(nn.Linear(2, 2), []) == 0


class _BatchNorm(nn.Module):
    """gamma scales the first layer: at zero the statistics are zero."""

    def __init__(self, net):
        super().__init__()
        self.net, self.gamma = net, nn.Parameter(torch.ones((), dtype=torch.float64))
        self.fixed = None

    def at(self, gamma):
        from contextlib import contextmanager

        @contextmanager
        def inside():
            self.fixed = gamma
            yield self
            self.fixed = None

        return inside()

    def forward(self, x):
        gamma = self.gamma if self.fixed is None else self.fixed
        return self.net[2](self.net[1](gamma * self.net[0](x)))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(2))


def share(rank, folder, spread):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        model, _ = make("resilient", scale_loss=True)
        if spread == "ddp":
            parallel = nn.parallel.DistributedDataParallel(model)
        else:
            with pytest.raises(
                ArgumentError, match=r"got a gamma of 'a' in shards; fully_shard\(model, ignored_params="
            ):
                Duals({"a": fully_shard(Scaled()).gamma}, steps=60)
            parallel = fully_shard(model, ignored_params=set(model.gammas().values()))
        duals = Duals(model, "resilient", steps=200, scale_loss=True)
        optimizer = torch.optim.SGD(duals.weights(), lr=1e-2)
        rows = torch.arange(len(X)).tensor_split(2)[rank]
        for _ in range(4):
            optimizer.zero_grad()
            duals.lagrangian(mse(parallel(X[rows]), Y[rows])).backward()
            optimizer.step()
            duals.step()
        whole = {
            name: value.full_tensor() if hasattr(value, "full_tensor") else value
            for name, value in model.state_dict().items()
        }
        torch.save({"model": whole, "duals": duals.state_dict()}, f"{folder}/{rank}.pt")
        dist.barrier()
        os._exit(0)  # torch 2.13: a reducer that takes its group down with it can wait for a thread that waits for it
    finally:
        dist.destroy_process_group()


@pytest.mark.filterwarnings("ignore::UserWarning")  # gloo speaks of host names that it cannot resolve
@pytest.mark.parametrize("spread", ["ddp", "fsdp"])
def test_two_processes_train_as_one_does(tmp_path, spread):
    mp.start_processes(share, args=(str(tmp_path), spread), nprocs=2, start_method="fork")
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    model, duals = make("resilient", scale_loss=True)
    train(model, duals, make=lambda p: torch.optim.SGD(p, lr=1e-2))
    for key, value in model.state_dict().items():
        assert torch.equal(first["model"][key], second["model"][key])  # bit for bit on both
        assert torch.allclose(first["model"][key], value, rtol=0, atol=1e-12)
    for key in ("gamma", "multiplier", "slack"):
        assert torch.equal(first["duals"][key], second["duals"][key])
        assert first["duals"][key] == pytest.approx(duals.state_dict()[key], abs=1e-12)


@pytest.mark.parametrize("solver", [Damped(), Paper(), "cooper"], ids=["damped", "paper", "cooper"])
def test_a_loss_that_is_not_finite_costs_one_step_and_no_more(solver):
    """As a loop does it that leaves out the optimiser's step: afterwards all is as if the batch had not been."""

    def run(bad):
        model, duals = make(solver=solver)
        optimizer = torch.optim.Adam(duals.weights(), lr=3e-3)
        for step in range(8):
            if step == 5 and bad is None:
                continue
            loss = mse(model(X), Y) * (bad if step == 5 else 1.0)
            optimizer.zero_grad()
            duals.lagrangian(loss).backward()
            if loss.isfinite():
                optimizer.step()
            duals.step()
        return duals, torch.stack([*(g.detach() for g in duals.gammas.values()), *duals.multipliers.values()])

    kept = run(None)
    for bad in (float("nan"), float("inf")):
        with pytest.warns(UserWarning, match="gradient of 3 of 3 gammas is not finite after 5 steps"):
            duals, found = run(bad)
        assert (duals.taken, duals.skipped) == (7, 1)
        assert torch.allclose(found, kept[1], rtol=0, atol=1e-12)


def test_a_bad_loss_leaves_the_running_scale_of_losses_alone():
    model, duals = make(scale_loss=True)
    with pytest.warns(UserWarning, match="not finite"):  # noqa: PT031 (one loop)
        for factor in (1.0, float("nan"), 1.0):
            duals.lagrangian(mse(model(X), Y) * factor).backward()
            duals.step()
    assert (duals.taken, duals.skipped) == (2, 1)
    assert all(bool(g.isfinite()) for g in duals.gammas.values())


def test_gammas_without_a_finite_gradient_stay_and_others_move():
    gammas = {name: nn.Parameter(torch.ones(2, dtype=torch.float64)) for name in "ab"}
    duals = Duals(gammas, steps=60)
    factor = torch.tensor([1.0, float("nan")], dtype=torch.float64)
    with pytest.warns(UserWarning, match="gradient of 1 of 4 gammas is not finite"):  # noqa: PT031 (one step)
        duals.lagrangian((gammas["a"] * factor).sum() + gammas["b"].sum()).backward()
        duals.step()
    assert gammas["a"][1] == 1
    assert duals.multipliers["a"][1] == 0
    assert gammas["a"][0] == gammas["b"][0] < 1
    assert duals.multipliers["a"][0] > 0
    assert (duals.taken, duals.skipped) == (1, 0)


def test_a_gamma_that_someone_makes_nan_is_called_so():
    model, duals = make()
    duals.lagrangian(mse(model(X), Y)).backward()
    next(iter(model.gammas().values())).data.fill_(float("nan"))
    with pytest.raises(ArgumentError, match="model: expected finite gammas, got a gamma of '0' that is nan"):
        duals.step()
