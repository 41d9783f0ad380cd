"""A collision inside lettuce itself, where it is installed."""

from __future__ import annotations

import pytest
import torch

from haar.systems.lattice_boltzmann import BGK, Stencil, as_lettuce, freeze, lenn

lettuce = pytest.importorskip("lettuce", reason="these tests run lettuce (package lettucecfd)")


def flow_of(stencil, dtype=torch.float64):
    context = lettuce.Context(device=torch.device("cpu"), dtype=dtype, use_native=False)
    shape = [12] * stencil().d
    return lettuce.TaylorGreenVortex(context, shape, reynolds_number=20, mach_number=0.05, stencil=stencil())


@pytest.mark.parametrize("name", ["D2Q9", "D3Q19", "D3Q27"])
def test_a_relaxation_is_that_of_lettuce(name):
    ours, theirs = flow_of(getattr(lettuce, name)), flow_of(getattr(lettuce, name))
    tau = float(ours.units.relaxation_parameter_lu)
    stencil = Stencil.named(name)
    lettuce.Simulation(ours, as_lettuce(BGK(stencil, tau), stencil), [])(10)
    lettuce.Simulation(theirs, lettuce.BGKCollision(tau=tau), [])(10)
    torch.testing.assert_close(ours.f, theirs.f, rtol=0, atol=1e-13)


def test_a_learned_collision_runs_and_conserves():
    flow, stencil = flow_of(lettuce.D2Q9), Stencil.named("D2Q9")
    before = flow.f.clone()
    learned = freeze(lenn(stencil, channels=2, viscosity=0.1, generator=torch.Generator().manual_seed(0)))
    lettuce.Simulation(flow, as_lettuce(learned, stencil), [])(5)
    assert not torch.equal(flow.f, before)
    torch.testing.assert_close(flow.f.sum((1, 2)).sum(), before.sum((1, 2)).sum())


def test_single_precision_is_told_in_one_line():
    from haar.errors import ArgumentError

    flow, stencil = flow_of(lettuce.D2Q9, torch.float32), Stencil.named("D2Q9")
    plugged = as_lettuce(freeze(lenn(stencil, channels=2, viscosity=0.1)), stencil)
    with pytest.raises(ArgumentError, match=r"f: expected float64, as the collision's weights, got float32"):
        lettuce.Simulation(flow, plugged, [])(1)
