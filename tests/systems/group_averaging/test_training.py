from __future__ import annotations

import copy
import shutil
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from haar.errors import ArgumentError, DataError
from haar.systems.group_averaging.surrogates import Normaliser, Surrogate, convnext_unet, fno, unet
from haar.systems.group_averaging.training import one_cycle, train
from haar.training import DivergedError


def windows(number=11, channels=2, points=8, seed=0, dtype=torch.float32):
    """Waves of random place and height, and the same ones a grid point further, turned over and twice as high."""
    draw = torch.rand(4, number, channels, 1, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    grid = 2 * torch.pi * torch.arange(points, dtype=dtype) / points
    x = draw[0, ..., None] * torch.cos(grid + 6 * draw[1])[..., None] + torch.cos(grid + 6 * draw[2])[..., None, :]
    return 3 + x, -2 * x.roll(1, 2)


def tiny(name="unet", **options):
    factory = {"unet": unet, "fno": fno, "convnext_unet": convnext_unet}[name]
    size = {"unet": {"levels": 1}, "fno": {"modes": 4, "layers": 2}, "convnext_unet": {"stages": 1}}[name]
    return factory(2, 2, **{"width": 3} | size | options)


def shaken(x, y, generator):
    """Flips the whole batch or does not: an augmentation that draws."""
    return (x.flip(2), y.flip(2)) if torch.rand((), generator=generator) < 0.5 else (x, y)


class Forgetful(nn.Module):
    """A network that draws from the global random state in train mode."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(tiny().net, nn.Dropout(0.3))

    def forward(self, x):
        return self.net(x)


def forgetful():
    return Surrogate(Forgetful(), in_channels=2, out_channels=2)


def same(a, b):
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


# The cycle


@given(steps=st.integers(4, 40), lr=st.floats(1e-6, 10))
def test_one_cycle_is_that_of_pytorch(steps, lr):
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([parameter], lr=lr, betas=(0.95, 0.999))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    parameter.grad = torch.zeros(1)
    for step in range(steps):
        group = optimiser.param_groups[0]
        assert one_cycle(step, steps, lr) == pytest.approx((group["lr"], group["betas"][0]), rel=1e-9)
        optimiser.step()
        if step + 1 < steps:
            scheduler.step()


@given(steps=st.integers(1, 5))
def test_the_shortest_cycles_stay_in_range(steps):
    for step in range(steps):
        rate, momentum = one_cycle(step, steps, 1.0)
        assert 0 < rate <= 1
        assert 0.85 <= momentum <= 0.95


# What it does


@pytest.mark.parametrize("delta", [False, True])
def test_it_learns(delta, told):
    x, y = windows(64)
    watch = told()
    model = train(tiny("fno", width=8, delta=delta), (x, y), 100, 0, watch=watch, title="learning")
    assert (watch.stages, watch.steps) == ([("learning", 100)], 100)
    test_x, test_y = windows(8, seed=1)
    with torch.no_grad():
        error = (model(test_x) - test_y).square().mean() / test_y.var()
    assert error < 0.1
    assert not model.training


def test_the_loss_is_measured_in_normalised_units(tmp_path):
    x, y = windows(6, dtype=torch.float64)
    model = tiny("fno", delta=True).double()
    train(model, (x, y), 1, 0, batch_size=6, checkpoint=tmp_path / "run")
    model.install(Normaliser.fit((x, y), delta=True))
    expected = (model.net(model.normalise(x)) - model.normalise_target(x, y)).square().mean()
    (loss,) = torch.load(tmp_path / "run", weights_only=True)["losses"]
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("name", ["unet", "fno", "convnext_unet"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_call_gives_the_same_weights_and_changes_nothing_else(name, dtype):
    model, data = tiny(name).to(dtype), windows()
    start, state = copy.deepcopy(model), torch.get_rng_state()
    first = train(model, data, 6, 0, batch_size=4, augment=shaken)
    assert torch.equal(torch.get_rng_state(), state)
    assert same(model, start)
    assert not same(first, start)
    assert same(train(model, data, 6, 0, batch_size=4, augment=shaken), first)
    assert not same(train(model, data, 6, 1, batch_size=4, augment=shaken), first)
    assert next(first.parameters()).dtype == dtype


def test_windows_may_come_one_at_a_time():
    x, y = windows()
    pairs = list(zip(x, y, strict=True))
    assert same(train(tiny(), (x, y), 5, 0, batch_size=4), train(tiny(), pairs, 5, 0, batch_size=4))


def test_every_epoch_visits_every_window_once():
    x = torch.arange(12.0).reshape(12, 1, 1, 1).expand(12, 1, 2, 2)
    seen = []

    def note(x, y, generator):
        seen.append(x[:, 0, 0, 0].tolist())
        return x, y

    train(nn.Conv2d(1, 1, 1), (x, x), 8, 0, batch_size=3, augment=note)
    epochs = [[value for batch in part for value in batch] for part in (seen[:4], seen[4:])]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_bare_network_becomes_a_surrogate_and_given_statistics_are_kept():
    data = windows()
    one = torch.ones(2)
    given_statistics = Normaliser(0 * one, 2 * one, 3 * one, 4 * one)
    model = train(nn.Conv2d(2, 2, 3, padding=1), data, 2, 0, batch_size=4, normaliser=given_statistics)
    assert isinstance(model, Surrogate)
    for name in ("input_mean", "input_std", "target_mean", "target_std"):
        assert torch.equal(getattr(model.normaliser, name), getattr(given_statistics, name))


@pytest.mark.parametrize("build", [tiny, lambda: tiny("fno"), forgetful], ids=["unet", "fno", "dropout"])
@pytest.mark.parametrize("at", [1, 5, 8])
def test_a_killed_run_continues_bit_for_bit(build, at, tmp_path, told):
    model, data, path = build(), windows(), tmp_path / "run.pt"
    options = {"batch_size": 4, "augment": shaken}
    whole = train(model, data, 9, 3, **options)
    with pytest.raises(KeyboardInterrupt):
        train(model, data, 9, 3, checkpoint=path, checkpoint_every=0, watch=told(until=at), **options)
    watch = told()
    continued = train(model, data, 9, 3, checkpoint=path, checkpoint_every=0, watch=watch, **options)
    assert watch.steps == 9 - at
    assert same(continued, whole)


def test_a_checkpoint_older_than_the_kill_gives_the_same_weights(tmp_path):
    model, data, path = tiny("convnext_unet"), windows(), tmp_path / "run.pt"
    whole = train(model, data, 9, 3, batch_size=4)

    class KeepTheThird:
        @contextmanager
        def stage(self, _title, total):
            steps = iter(range(1, total + 1))
            yield lambda: next(steps) == 3 and shutil.copy(path, tmp_path / "third.pt")

    train(model, data, 9, 3, batch_size=4, checkpoint=path, checkpoint_every=0, watch=KeepTheThird())
    assert same(train(model, data, 9, 3, batch_size=4, checkpoint=tmp_path / "third.pt"), whole)


def test_a_finished_run_is_not_repeated(tmp_path, told):
    model, data, path = tiny(), windows(), tmp_path / "folder" / "run.pt"
    first = train(model, data, 4, 0, batch_size=4, checkpoint=path)
    again = train(model, data, 4, 0, batch_size=4, checkpoint=path, watch=told(until=1))
    assert same(first, again)
    assert [file.name for file in path.parent.iterdir()] == ["run.pt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 7}, "another schedule, steps"),
        ({"seed": 1}, "another seed"),
        ({"learning_rate": 1e-3, "batch_size": 5}, "another batch_size, learning_rate"),
        ({"model": tiny(seed=4)}, "another start"),
        ({"windows": windows(seed=2)}, "another start"),
        ({"windows": windows(12)}, "another start, windows"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(change, message, tmp_path):
    call = {
        "model": tiny(),
        "windows": windows(),
        "steps": 4,
        "seed": 0,
        "batch_size": 4,
        "checkpoint": tmp_path / "run",
    }
    train(**call)
    with pytest.raises(ArgumentError, match=f"{message}; give another file name, or delete this file"):
        train(**call | change)


def test_a_broken_checkpoint_is_refused(tmp_path):
    from haar.systems.group_averaging.surrogates.storage import save

    path = tmp_path / "run.pt"
    call = {"model": tiny(), "windows": windows(), "steps": 2, "seed": 0, "batch_size": 4, "checkpoint": path}
    train(**call)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="not a readable checkpoint"):
        train(**call)
    save(tiny(), tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="not a readable checkpoint"):
        train(**call | {"checkpoint": tmp_path / "model.safetensors"})


# Refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"batch_size": 12}, "batch_size: expected at most the 11 windows, got 12"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate: expected a number above 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a number above 0, got nan"),
        ({"weight_decay": -1.0}, "weight_decay: expected a number of at least 0, got -1.0"),
        ({"checkpoint_every": -1.0}, "checkpoint_every: expected a number of at least 0, got -1.0"),
        ({"model": unet(3, 2)}, "windows: expected 3 input and 2 target channels, 2-D, got 2 and 2, 2-D"),
        ({"model": unet(2, 2, dim=1)}, "windows: expected 2 input and 2 target channels, 1-D, got 2 and 2, 2-D"),
        ({"model": nn.AvgPool2d(1)}, "model: expected a model with trainable parameters, got none"),
        ({"model": nn.Conv2d(2, 2, 3)}, r"model: expected an output of shape \(4, 2, 8, 8\), got \(4, 2, 6, 6\)"),
    ],
)
def test_wrong_arguments_are_refused(change, message):
    with pytest.raises(ArgumentError, match=message):
        train(**{"model": tiny(), "windows": windows(), "steps": 1, "seed": 0, "batch_size": 4} | change)


def test_bad_data_and_divergence_are_named():
    x, y = windows()
    y[3, 1, 0, 0] = torch.inf
    with pytest.raises(DataError, match="targets: channel 1 holds NaN or infinite values"):
        train(tiny(), (x, y), 1, 0, batch_size=4)
    with pytest.raises(DivergedError, match=r"loss: (nan|inf) at step \d of 9, which no step mends; lower"):
        train(nn.Conv2d(2, 2, 1), windows(), 9, 0, batch_size=4, learning_rate=1e30)
