from __future__ import annotations

import math
import shutil
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from haar.actions import Field
from haar.errors import ArgumentError, HaarError, HaarWarning, ShapeError
from haar.systems.lattice_boltzmann import (
    BGK,
    BlowUpError,
    Host,
    Inflow,
    Obstacle,
    Outflow,
    Stencil,
    Wall,
    averaged,
    freeze,
    rollout,
    simulate,
)
from haar.systems.lattice_boltzmann.collision_file import note_speed
from haar.systems.lattice_boltzmann.compiled_kernel import CompiledBGK
from haar.systems.lattice_boltzmann.contenders import contender
from haar.systems.lattice_boltzmann.flows import cavity, cylinder, decaying, kolmogorov_force, shear_wave, taylor_green
from haar.systems.lattice_boltzmann.lid import centre_lines
from haar.systems.lattice_boltzmann.observables import energy, momentum, spectrum, velocity
from haar.systems.lattice_boltzmann.streaming import stream, stream_into
from haar.systems.lattice_boltzmann.walls import Boundaries

D2Q9 = Stencil.named("D2Q9")
ENDS = ((0, "low"), (0, "high"), (1, "low"))
COMPILER = any(map(shutil.which, ("c++", "g++", "clang++")))


def random_field(shape, stencil=D2Q9, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, stencil.size, *shape, generator=generator, dtype=torch.float64)
    return stencil.weights.view(-1, *[1] * stencil.dim) * (1 + 0.02 * noise)


@pytest.mark.parametrize("name", ["D2Q7", "D2Q9", "D3Q19"])
def test_streaming_is_a_roll_by_the_velocity(name):
    stencil = Stencil.named(name)
    f = random_field((4, 5, 3)[: stencil.dim], stencil)
    out = torch.empty_like(f)
    stream_into(f, out, stencil)
    assert torch.equal(out, stream(f, stencil))
    assert torch.equal(out.sum((2, 3)), out.sum((2, 3)))
    for i, shift in enumerate(stencil.shifts):
        assert np.array_equal(np.roll(f[0, i].numpy(), shift, tuple(range(stencil.dim))), out[0, i].numpy())
    physical = torch.tensor(stencil.shifts, dtype=torch.float64) @ stencil.lattice
    torch.testing.assert_close(physical, stencil.velocities)


def test_steps_in_place_and_differentiable_ones_are_the_same():
    walls = (Wall(0, "low"), Wall(0, "high"), Wall(1, "low"), Wall(1, "high", (0.05, 0.0)))
    mask = torch.zeros(8, 9, dtype=torch.bool)
    mask[3:5, 4] = True
    for collision in (BGK(D2Q9, 0.7), freeze(contender("locked", D2Q9, viscosity=0.1, channels=2))):
        for boundaries, force in (((), None), ((*walls, Obstacle(mask)), None), (walls, (1e-4, 0.0))):
            host = Host(D2Q9, collision, (8, 9), boundaries=boundaries, force=force)
            f = random_field((8, 9))
            wanted = f
            for _ in range(5):
                wanted = host.step(wanted)
            found = simulate(f, collision, 5, stencil=D2Q9, boundaries=boundaries, force=force).state
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own, as its compiler is imported
@pytest.mark.skipif(not COMPILER, reason="torch's compiler needs a C++ compiler on the machine")
def test_the_compiled_loop_is_the_same_with_walls_and_obstacles():
    mask = torch.zeros(8, 9, dtype=torch.bool)
    mask[3:5, 4] = True
    boundaries = (*(Wall(axis, end) for axis, end in ENDS), Wall(1, "high", (0.05, 0.0)), Obstacle(mask))
    f, collision = random_field((8, 9)), BGK(D2Q9, 0.7)
    for given in ((), boundaries):  # of one shape: the loop is compiled once
        wanted = simulate(f, collision, 70, stencil=D2Q9, boundaries=given).state
        found = simulate(f, collision, 70, stencil=D2Q9, boundaries=given, compiled=True).state
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)


def test_without_a_compiler_the_compiled_loop_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(HaarError, match=r"compiled: expected a C\+\+ compiler on this machine"):
        simulate(random_field((4, 4)), BGK(D2Q9, 0.8), 3, stencil=D2Q9, compiled=True)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own, as its compiler is imported
@pytest.mark.skipif(not COMPILER, reason="torch's compiler needs a C++ compiler on the machine")
def test_a_compiled_run_goes_on_from_where_it_is_and_not_from_where_it_was():
    f, collision = random_field((8, 9)), BGK(D2Q9, 0.7)
    boundaries = Boundaries(D2Q9, (8, 9), ())
    loop, state = CompiledBGK(D2Q9, 0.7, boundaries, f), f.clone()
    wanted = simulate(f, collision, 3, stencil=D2Q9).state
    loop(state, 3)
    torch.testing.assert_close(state, wanted, rtol=0, atol=1e-13)
    state.mul_(1.5)  # from outside
    loop(state, 2)
    torch.testing.assert_close(state, simulate(1.5 * wanted, collision, 2, stencil=D2Q9).state, rtol=0, atol=1e-13)
    other = random_field((8, 9), seed=1)
    expected = simulate(other, collision, 2, stencil=D2Q9).state
    loop(other, 2)
    torch.testing.assert_close(other, expected, rtol=0, atol=1e-13)


def test_a_lattice_with_far_velocities_runs_where_it_is_periodic():
    near = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], dtype=torch.float64)
    velocities = torch.cat([torch.zeros(1, 2, dtype=torch.float64), near, 2 * near])
    stencil = Stencil(velocities, [0.4, *[0.1] * 4, *[0.05] * 4])
    f, collision = random_field((6, 5), stencil), BGK(stencil, 0.8)
    found = simulate(f, collision, 3, stencil=stencil).state
    for _ in range(3):
        f = stream(collision(f.movedim(1, -1)).movedim(-1, 1), stencil)
    torch.testing.assert_close(found, f, rtol=0, atol=1e-13)
    with pytest.raises(ArgumentError, match="compiled: expected velocities from node to neighbouring node, got D2Q9"):
        simulate(f, collision, 3, stencil=stencil, compiled=True)
    with pytest.raises(ArgumentError, match="boundaries: expected none on a lattice whose velocities go beyond"):
        simulate(f, collision, 3, stencil=stencil, boundaries=[Outflow(0, "low")])


def test_a_wall_at_one_end_alone_is_refused():
    f, collision = random_field((4, 5)), BGK(D2Q9, 0.8)
    with pytest.raises(
        ArgumentError,
        match=r"boundary at the high end of axis 1 too, got a wall at its low end alone; add Wall\(1, 'high'",
    ):
        simulate(f, collision, 1, stencil=D2Q9, boundaries=[Wall(1, "low")])
    lid = torch.zeros(4, 5, dtype=torch.bool)
    lid[:, -1] = True
    ran = simulate(f, collision, 9, stencil=D2Q9, boundaries=[Wall(1, "low"), Obstacle(lid)]).state
    fluid = ~lid
    torch.testing.assert_close(ran[..., fluid].sum((1, 2)), f[..., fluid].sum((1, 2)))


def test_vortices_decay_with_the_viscosity():
    k, steps = 2 * math.pi / 32, 600
    start = taylor_green(D2Q9, 32, 0.01).populations
    ran = simulate(start, BGK(D2Q9, 0.6), steps, stencil=D2Q9)
    u, first = velocity(ran.state, D2Q9), velocity(start, D2Q9)
    rate = -math.log(float((u * first).sum() / first.square().sum())) / steps
    assert rate == pytest.approx(2 * (0.1 / 3) * k**2, rel=0.02)


def test_waves_in_space_decay_with_the_viscosity():
    stencil = Stencil.named("D3Q19")
    start = shear_wave(stencil, 8, (1, 0, 0)).populations[..., :2].contiguous()
    u = velocity(simulate(start, BGK(stencil, 0.8), 60, stencil=stencil).state, stencil)
    left = float((u * velocity(start, stencil)).sum() / velocity(start, stencil).square().sum())
    assert -math.log(left) == pytest.approx(0.1 * (2 * math.pi / 8) ** 2 * 60, rel=0.1)


@pytest.mark.parametrize("name", ["gavg", "locked", "naive"])
def test_whole_simulations_move_with_the_group(name):
    collision = freeze(contender(name, D2Q9, viscosity=0.1, scale=0.002, channels=2, seed=2))
    f = random_field((6, 6), batch=1)
    action = Field(D2Q9.representation, centring="node")
    after = simulate(f, collision, 20, stencil=D2Q9).state
    defects = []
    for g in D2Q9.group.elements():
        moved = simulate(action.act(g, f), collision, 20, stencil=D2Q9).state
        defects.append(float((moved - action.act(g, after)).abs().max()))
    assert (max(defects) < 1e-11) is (name != "naive")


def test_a_force_gives_its_momentum_and_poiseuille_has_its_parabola():
    f = random_field((5, 5), batch=1)
    ran = simulate(f, BGK(D2Q9, 0.8), 10, stencil=D2Q9, force=(1e-5, -2e-5))
    pushed = momentum(ran.state, D2Q9) - momentum(f, D2Q9)
    torch.testing.assert_close(pushed, torch.tensor([[1e-4, -2e-4]], dtype=torch.float64), rtol=1e-9, atol=0)
    assert kolmogorov_force(4).shape == (2, 4, 4)
    assert float(kolmogorov_force(4, dim=3).sum((1, 2, 3)).abs().max()) < 1e-18
    rest = D2Q9.weights.view(1, 9, 1, 1).expand(1, 9, 3, 10).contiguous()
    walls = (Wall(1, "low"), Wall(1, "high"))
    ran = simulate(rest, BGK(D2Q9, 1.1), 500, stencil=D2Q9, boundaries=walls, force=(1e-6, 0.0))
    y = torch.arange(10, dtype=torch.float64) + 0.5
    parabola = 1e-6 / (2 * 0.6 / 3) * y * (10 - y)
    torch.testing.assert_close(velocity(ran.state, D2Q9)[0, 0, 1], parabola, rtol=0.02, atol=0)


def test_a_moving_wall_drags_the_fluid_along_and_mass_stays():
    rest = D2Q9.weights.view(1, 9, 1, 1).expand(1, 9, 3, 8).contiguous()
    walls = (Wall(1, "low"), Wall(1, "high", (0.02, 0.0)))
    ran = simulate(rest, BGK(D2Q9, 1.0), 400, stencil=D2Q9, boundaries=walls)
    couette = 0.02 * (torch.arange(8, dtype=torch.float64) + 0.5) / 8
    torch.testing.assert_close(velocity(ran.state, D2Q9)[0, 0, 1], couette, rtol=1e-3, atol=1e-6)
    flow = cavity(D2Q9, 12)
    ran = simulate(flow.populations, BGK(D2Q9, 0.7), 200, stencil=D2Q9, boundaries=flow.boundaries)
    assert float(ran.state.sum()) == pytest.approx(144, abs=1e-9)
    assert centre_lines(BGK(D2Q9, 0.5 + 3 * 0.1 * 20 / 100), 20, 800)["vertical"] < 0.1


def test_a_cylinder_takes_up_the_momentum_of_the_stream():
    flow = cylinder(D2Q9, (40, 24), 6)
    host = Host(D2Q9, BGK(D2Q9, 0.6), (40, 24), boundaries=flow.boundaries)
    f, post = flow.populations.clone(), torch.empty_like(flow.populations)
    for _ in range(150):
        host.step_into(f, post)
    push = host.boundaries.push(f, post, 0)[0]
    assert float(push[0]) > 5 * abs(float(push[1]))
    assert torch.equal(
        velocity(f, D2Q9)[0, 0][host.boundaries.solid], torch.zeros(int(host.boundaries.solid.sum())).double()
    )
    assert float(velocity(f, D2Q9)[0, 0, 0].mean()) == pytest.approx(0.06)


def test_gradients_through_many_steps_are_those_of_all_of_them():
    host = Host(D2Q9, BGK(D2Q9, 0.8), (4, 4))
    first, second = (random_field((4, 4), batch=1).requires_grad_() for _ in range(2))
    rollout(first, host, 20).square().sum().backward()
    state = second
    for _ in range(20):
        state = host.step(state)
    state.square().sum().backward()
    torch.testing.assert_close(first.grad, second.grad)


def test_gradients_through_many_steps_go_to_all_that_a_step_depends_on():
    rate = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)  # no module's, and no leaf beside the steps
    unlike = torch.nn.Dropout(0.2)

    def wanted(f, taken):
        torch.manual_seed(0)
        model = contender("lenn", D2Q9, viscosity=0.1, channels=2)
        change = rate.tanh()
        host = Host(D2Q9, lambda g: g + change * unlike(model(g) - g), (4, 5))
        weights = [rate, *model.parameters()]
        return torch.autograd.grad(taken(f, host).square().sum(), [f, *weights])

    def all_of_them(f, host):
        for _ in range(7):
            f = host.step(f)
        return f

    f = random_field((4, 5), batch=1).requires_grad_()
    for found, expected in zip(
        wanted(f, lambda f, host: rollout(f, host, 7, segment=3)), wanted(f, all_of_them), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_steps_that_come_to_depend_on_other_weights_are_refused():
    rates = [torch.tensor(0.3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    calls = []

    def collide(f):
        calls.append(1)
        return f * rates[len(calls) > 3]

    ended = rollout(random_field((4, 5), batch=1), Host(D2Q9, collide, (4, 5)), 6)
    with pytest.raises(HaarError, match=r"rollout: expected steps that depend on the same weights throughout"):
        ended.sum().backward()


def test_a_run_that_blows_up_names_step_and_site_and_keeps_the_last_state(tmp_path):
    def burst(f):
        return f * 10**4.45  # the greatest number of float64 is passed at the 70th step

    kept = tmp_path / "state.safetensors"
    f = random_field((4, 4), batch=1)
    with pytest.raises(
        BlowUpError, match=r"the run has inf at step 70, site .*; the state of step 69 is kept in"
    ) as told:
        simulate(f, burst, 200, stencil=D2Q9, keep=kept)
    assert told.value.step == 70
    assert torch.isfinite(load_file(kept)["f"]).all()
    ran = simulate(f, burst, 200, stencil=D2Q9, stop=True)
    assert (ran.steps, ran.blown_up.step) == (69, 70)
    assert torch.equal(ran.state, load_file(kept)["f"])


def test_a_run_that_blows_up_once_and_not_again_names_the_steps_between_two_looks():
    def once(f):
        calls.append(1)
        return f * float("nan") if len(calls) == 70 else f

    calls = []
    ran = simulate(random_field((4, 4), batch=1), once, 200, stencil=D2Q9, stop=True)
    assert str(ran.blown_up).startswith("the run has nan at one of the steps 65 to 100, site (0, 0), population 0")
    assert (ran.steps, ran.blown_up.step) == (64, 100)
    assert bool(ran.state.isfinite().all())


def test_flows_faster_than_what_was_learned_are_warned_of():
    collision = contender("nco", D2Q9, viscosity=0.1)
    note_speed(collision, 0.01)
    start = taylor_green(D2Q9, 8, 0.05).populations
    with pytest.warns(HaarWarning, match=r"the Mach number is 0.0\d+ at step 2, beyond 0.0173, the largest"):
        simulate(start, collision, 2, stencil=D2Q9)
    mean = averaged(collision, D2Q9)
    with pytest.warns(HaarWarning, match="Mach"):
        simulate(start, mean, 2, stencil=D2Q9)
    note_speed(collision, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(start, collision, 2, stencil=D2Q9)


def test_observers_and_spectra_tell_of_one_energy():
    start = decaying(D2Q9, 16, 0.05, seed=1).populations
    ran = simulate(start, BGK(D2Q9, 0.6), 10, stencil=D2Q9, observers={"e": lambda f: energy(f, D2Q9)}, every=4)
    assert ran.times.tolist() == [0, 4, 8, 10]
    assert ran.records["e"][:, 0].tolist() == sorted(ran.records["e"][:, 0].tolist(), reverse=True)
    u = velocity(ran.state, D2Q9)
    assert float(spectrum(u).sum()) == pytest.approx(float(ran.records["e"][-1, 0]))
    assert float(momentum(start, D2Q9).abs().max()) < 1e-12
    assert float(velocity(start, D2Q9).norm(dim=1).max()) == pytest.approx(0.05)


def test_single_precision_stays_single():
    f = random_field((6, 6)).float()
    ran = simulate(f, BGK(D2Q9, 0.8), 5, stencil=D2Q9)
    assert ran.state.dtype == torch.float32
    exact = simulate(f.double(), BGK(D2Q9, 0.8), 5, stencil=D2Q9).state
    torch.testing.assert_close(ran.state.double(), exact, rtol=0, atol=1e-6)


GOOD = random_field((4, 4), batch=1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: simulate(GOOD[0], BGK(D2Q9, 1.0), 1, stencil=D2Q9),
            ShapeError,
            r"9 populations \(D2Q9\) on the axis 1|f: ",
        ),
        (lambda: simulate(GOOD[..., None], BGK(D2Q9, 1.0), 1, stencil=D2Q9), ShapeError, r"\[batch, 9, x, y\]"),
        (lambda: simulate(-GOOD, BGK(D2Q9, 1.0), 1, stencil=D2Q9), ArgumentError, "f: expected a positive density"),
        (
            lambda: simulate(GOOD[:, [5, 6, 7, 8, 0, 1, 2, 3, 4]], BGK(D2Q9, 1.0), 1, stencil=D2Q9),
            ArgumentError,
            "f: expected populations in the order of D2Q9, .* they fit in another order",
        ),
        (
            lambda: simulate(
                torch.where(GOOD[0, 0, 1, 2] == GOOD, float("nan"), GOOD), BGK(D2Q9, 1.0), 1, stencil=D2Q9
            ),
            ArgumentError,
            r"f: expected finite populations, got nan at \[0, 0, 1, 2\]",
        ),
        (lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 1)), ShapeError, "shape: expected 2 axes of 2 nodes and more"),
        (lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), force=(1.0,)), ShapeError, "force: expected 2 numbers"),
        (lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), boundaries=[Wall(2, "low")]), ArgumentError, "an axis below 2"),
        (lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), boundaries=[Wall(0, "left")]), ArgumentError, "'low' or 'high'"),
        (
            lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), boundaries=[Wall(0, "low", (0.1, 0.0))]),
            ArgumentError,
            "a wall that moves along itself",
        ),
        (
            lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), boundaries=[Obstacle(torch.zeros(4, 5, dtype=torch.bool))]),
            ShapeError,
            r"a mask of booleans \(4, 4\)",
        ),
        (
            lambda: Host(D2Q9, BGK(D2Q9, 1.0), (4, 4), boundaries=[Inflow(0, "low", (0.1,)), Outflow(0, "high")]),
            ArgumentError,
            "velocities with 2 numbers",
        ),
        (
            lambda: simulate(GOOD, lambda f: f, 3, stencil=D2Q9, compiled=True),
            ArgumentError,
            "compiled: expected BGK without a force",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
