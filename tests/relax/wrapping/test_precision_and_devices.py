"""Mixed precision and other devices: gammas and multipliers keep full precision, and no tensor stays behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from haar.actions import Defining, Symmetry, Vector
from haar.groups import cyclic
from haar.relax import Duals, homotopise
from haar.relax.wrapping.precision import as_dtype

C4 = cyclic(4)
TURNED = Defining(C4)
MODES = ("weight", "branches", "function")


def made(mode, **options):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.SiLU(), nn.Linear(16, 16), nn.SiLU(), nn.Linear(16, 2))
    return homotopise(net, Symmetry(C4, Vector(3 * TURNED), Vector(TURNED)), mode=mode, **options)


def trained(model, steps, device="cpu", **autocast):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 6, generator=generator).to(device)
    y = (x.unflatten(1, (3, 2)) * torch.tensor([[1.0], [-0.5], [0.2]], device=device)).sum(1)
    duals = Duals(model, steps=200)
    optimizer = torch.optim.Adam(duals.weights(), lr=1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        with torch.autocast(device, **autocast):
            out = model(x)
            loss = nn.functional.mse_loss(out, y)
        duals.lagrangian(loss).backward()
        optimizer.step()
        duals.step()
        losses.append(loss.detach())
    return duals, out, losses


@pytest.mark.parametrize("mode", MODES)
def test_a_network_learns_in_bfloat16_with_gammas_in_float32(mode):
    model = made(mode)
    duals, out, losses = trained(model, 40, dtype=torch.bfloat16)
    assert out.dtype == torch.bfloat16
    kept = [*model.parameters(), *duals.multipliers.values()]
    assert {value.dtype for value in kept} == {torch.float32}
    assert all(value.isfinite().all() for value in kept)
    assert losses[-1] < 0.5 * losses[0]
    exact = made(mode)
    reference = trained(exact, 40, enabled=False)[0]
    for name, multiplier in duals.multipliers.items():
        torch.testing.assert_close(multiplier, reference.multipliers[name], rtol=0.1, atol=0.02)
    with model.at(0.0), torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        x = torch.randn(8, 6)
        g = C4.elements()[1]
        torch.testing.assert_close(
            TURNED.act(g, model.eval()(x)).float(), model(TURNED.act(g, x.view(8, 3, 2)).view(8, 6)).float(),
            rtol=0, atol=0.05,
        )  # fmt: skip


class Devices(TorchDispatchMode):
    """Notes where every tensor lives that operations take or make, scalars left out: they go with any device."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for value in torch.utils._pytree.tree_leaves((args, kwargs, out)):
            if isinstance(value, torch.Tensor) and value.ndim:
                self.seen.add(value.device.type)
        return out


@pytest.mark.parametrize("chain", [None, "auto"])
@pytest.mark.parametrize("mode", MODES[:2])
def test_nothing_of_a_step_stays_on_another_device(mode, chain):
    """The device without numbers stands for any: a step there meets no tensor of the CPU once tables have moved."""
    model = made(mode, **({"chain": chain} if chain else {})).to("meta")
    duals = Duals(model, steps=200)
    optimizer = torch.optim.SGD(duals.weights(), lr=1e-2)
    x = torch.zeros(8, 6, device="meta")

    def step():
        duals.lagrangian(model(x).square().mean()).backward()
        optimizer.step()
        duals.solver.advance(duals._variables, duals._gradient())
        duals._gradients = {}
        duals._taking = False

    step()  # tables of orbits are carried over once
    with Devices() as devices:
        step()
    assert devices.seen == {"meta"}
    assert {value.device.type for value in (*duals.multipliers.values(), *model.parameters())} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("mode", MODES)
def test_a_network_trains_on_a_gpu(mode):
    model = made(mode).to("cuda")
    duals, _, losses = trained(model, 20, "cuda", enabled=False)
    assert losses[-1] < losses[0]
    assert {value.device.type for value in (*duals.multipliers.values(), *model.parameters())} == {"cuda"}
    scaler = torch.amp.GradScaler("cuda")
    optimizer = torch.optim.Adam(duals.weights(), lr=1e-3)
    with torch.autocast("cuda", torch.float16):
        loss = model(torch.randn(8, 6, device="cuda")).square().mean()
    before = duals.taken
    scaler.scale(duals.lagrangian(loss)).backward()
    scaler.step(optimizer)
    duals.step(scaler)
    scaler.update()
    assert duals.taken + duals.skipped == before + 1
    assert all(gamma.isfinite() for gamma in model.gammas().values())


def test_numbers_are_copied_into_another_precision_and_whole_ones_stay():
    given = [torch.ones(2), torch.ones(2, dtype=torch.complex64), torch.arange(2), torch.tensor([True])]
    for dtype, kinds in ((None, [torch.float32, torch.complex64]), (torch.float64, [torch.float64, torch.complex128])):
        found = as_dtype(dtype, given)
        assert [x.dtype for x in found] == [*kinds, torch.int64, torch.bool]
        assert all(torch.equal(x, y.to(x.dtype)) and x is not y for x, y in zip(found, given, strict=True))
        assert not {x.data_ptr() for x in found} & {x.data_ptr() for x in given}
