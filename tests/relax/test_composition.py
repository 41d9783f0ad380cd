"""Wrapped models are modules like others: saved, copied, compiled, exported, run in low precision."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from relax_worlds import SYMMETRY, data, mse, wrapped
from torch import nn

from haar.relax import Duals, homotopise

X, Y = data(16, dtype=torch.float32)
MODES = ["weight", "branches"]


def made(mode, seed=0):
    model = wrapped(seed, dtype=torch.float32, mode=mode)
    with torch.no_grad():
        for k, gamma in enumerate(model.gammas().values()):
            gamma.fill_(0.5 - 0.2 * k)
    return model


@pytest.mark.parametrize("mode", [*MODES, "function"])
def test_a_wrapped_model_is_saved_copied_and_pickled(mode, tmp_path):
    model = made(mode)
    torch.save(model.state_dict(), tmp_path / "state.pt")
    other = wrapped(5, dtype=torch.float32, mode=mode)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for again in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again(X), model(X))
        with again.at(0.0), model.at(0.0):
            assert torch.equal(again(X), model(X))
    assert set(model.train().state_dict()) == set(model.eval().state_dict())


def test_wrapped_models_are_compiled_and_exported():
    # in a process of its own: compilers do not follow the shape checks of the tests
    folder = Path(__file__).parent
    command = [sys.executable, "-W", "ignore", str(folder / "relax_program.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == [f"{mode}:{what}" for mode in MODES for what in ("compiled", "exported")]


@pytest.mark.parametrize("mode", MODES)
def test_low_precision_under_a_real_scaler(mode):
    model = made(mode)
    duals = Duals(model, "resilient", steps=100)
    optimizer = torch.optim.Adam(duals.weights(), lr=1e-2)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    gammas = torch.stack([g.detach().clone() for g in model.gammas().values()])
    for step in range(2):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            predicted = model(X)
        assert predicted.dtype == torch.bfloat16
        scaler.scale(duals.lagrangian(mse(predicted.float(), Y))).backward()
        if step == 1:
            duals.weights()[0].grad[0, 0] = float("inf")
        scaler.step(optimizer)
        duals.step(scaler)
        scaler.update()
    assert (duals.taken, duals.skipped) == (1, 1)
    # the one step that counted is that of full precision, up to the precision of bfloat16
    exact = made(mode)
    beside = Duals(exact, "resilient", steps=100)
    beside.lagrangian(mse(exact(X), Y)).backward()
    beside.step()
    moved = torch.stack([g.detach() for g in model.gammas().values()]) - gammas
    expected = torch.stack([g.detach() for g in exact.gammas().values()]) - gammas
    assert torch.allclose(moved, expected, rtol=0.1, atol=3e-3)
    assert float(expected.abs().max()) > 1e-2


def test_models_move_to_other_precisions_and_the_meta_device():
    model = made("weight")
    assert model.double()(X.double()).dtype == torch.float64
    assert model.to(torch.bfloat16)(X.bfloat16()).dtype == torch.bfloat16
    assert made("weight").to("meta")(X.to("meta")).shape == Y.shape


def test_a_layer_frozen_by_the_user_stays_frozen():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
    net[0].requires_grad_(False)

    model = homotopise(net, SYMMETRY)
    duals = Duals(model, steps=100)
    assert not any(p is model.layers["0"].weight for p in duals.weights())
    assert not model.export(0.0)[0].weight.requires_grad
