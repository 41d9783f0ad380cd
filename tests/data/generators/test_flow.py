from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from haar.data.generators import ShearFlowGenerator, TurbulenceGenerator
from haar.data.generators.flow import FlowGenerator
from haar.data.solvers import calculus
from haar.errors import ArgumentError

TAU = 2 * math.pi
EXTRAS = {"vorticity": True, "strain_rate": True}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["tracer", "pressure", "velocity"]),
        ({"pressure": False}, ["tracer", "velocity"]),
        (EXTRAS, ["tracer", "pressure", "vorticity", "velocity", "strain_rate"]),
    ],
)
def test_fields_in_the_order_of_the_well(options: dict, names: list[str]) -> None:
    data = TurbulenceGenerator(**options)
    assert [field.name for field in data.fields] == names
    assert all(field.parity == (-1 if field.name == "vorticity" else 1) for field in data.fields)


def test_derived_fields_are_what_they_say() -> None:
    data = TurbulenceGenerator(resolution=(16, 16), n_trajectories=1, n_steps=2, **EXTRAS)
    batch = next(data.batches())
    u = batch["velocity"]
    for name, operator in (("vorticity", calculus.curl), ("strain_rate", calculus.strain_rate)):
        torch.testing.assert_close(batch[name], operator(data.grid, u), rtol=0, atol=1e-12)
    torch.testing.assert_close(batch["pressure"], calculus.pressure(data.grid, u), rtol=0, atol=1e-12)
    assert calculus.divergence(data.grid, u).abs().max() < 1e-11


@pytest.mark.parametrize("kind", [TurbulenceGenerator, ShearFlowGenerator])
def test_dynamics_commutes_with_a_quarter_turn_and_a_reflection(kind: type[FlowGenerator]) -> None:
    """All fields at once: the elements that generate the symmetries of the square, written out by hand."""
    data = kind(resolution=(32, 32), n_trajectories=2, n_steps=1, **EXTRAS)
    state = data.initial([0, 1])

    def turn(fields: dict) -> dict:  # (x, y) -> (-y, x)
        moved = {name: torch.rot90(values, 1, (1, 2)) for name, values in fields.items()}
        u, e = moved["velocity"], moved["strain_rate"]
        moved["velocity"] = torch.stack((-u[..., 1], u[..., 0]), dim=-1)
        rows = (e[..., 1, 1], -e[..., 1, 0], -e[..., 0, 1], e[..., 0, 0])
        moved["strain_rate"] = torch.stack(rows, dim=-1).unflatten(-1, (2, 2))
        return moved

    def reflect(fields: dict) -> dict:  # (x, y) -> (-x, y), about node 0
        moved = {name: values.flip(1).roll(1, 1) for name, values in fields.items()}
        moved["velocity"] = moved["velocity"] * torch.tensor([-1.0, 1.0])
        moved["strain_rate"] = moved["strain_rate"] * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        moved["vorticity"] = -moved["vorticity"]
        return moved

    later = data.evolve(state, 3)
    for move in (turn, reflect):
        found, expected = data.evolve(move(state), 3), move(later)
        for field in data.fields:
            torch.testing.assert_close(found[field.name], expected[field.name], rtol=0, atol=1e-10)


def test_tracer_sign_is_a_symmetry() -> None:
    data = ShearFlowGenerator(resolution=(16, 32), n_trajectories=1, n_steps=1)
    state = data.initial([0])
    found = data.evolve(state | {"tracer": -state["tracer"]})
    later = data.evolve(state)
    torch.testing.assert_close(found["tracer"], -later["tracer"], rtol=0, atol=1e-12)
    torch.testing.assert_close(found["velocity"], later["velocity"], rtol=0, atol=0)


def test_turbulence_starts_with_the_speed_and_spectrum_asked_for() -> None:
    data = TurbulenceGenerator(n_trajectories=8, burn_in=0)
    state = data.initial(range(8))
    u = state["velocity"]
    torch.testing.assert_close(u.square().sum(-1).mean((1, 2)).sqrt(), torch.full((8,), 0.7).double())
    modes = torch.fft.fft2(u, dim=(1, 2)).abs().square().sum(-1).mean(0)
    k = torch.fft.fftfreq(64, 1 / 64, dtype=torch.float64)
    radius = (k[:, None].square() + k.square()).sqrt().round().long()
    energy = torch.zeros(int(radius.max()) + 1, dtype=torch.float64).index_add(0, radius.flatten(), modes.flatten())
    assert energy.argmax().item() in (4, 5, 6)
    # twice the peak: k^4 exp(-2 (k/5)^2) is exp(-6) 2^4 = 0.04 of the peak
    assert energy[10] < 0.1 * energy[5]
    tracer = torch.fft.fft2(state["tracer"]).abs().square().mean(0)
    assert tracer[radius <= 4].sum() > 0.95 * tracer.sum()


def test_turbulence_decays() -> None:
    data = TurbulenceGenerator(n_trajectories=2, n_steps=4, save_every=50)
    batch = next(data.batches())
    energy = batch["velocity"].square().sum(-1).mean((2, 3))
    variance = batch["tracer"].square().mean((2, 3))
    assert (energy.diff(dim=1) < 0).all()
    assert (variance.diff(dim=1) < 0).all()
    assert (energy[:, -1] > 0.5 * energy[:, 0]).all()


def test_shear_tracer_starts_as_the_velocity_along_x() -> None:
    state = ShearFlowGenerator(n_trajectories=3).initial(range(3))
    torch.testing.assert_close(state["tracer"], state["velocity"][..., 0], rtol=0, atol=1e-12)
    assert state["velocity"].mean((1, 2)).abs().max() < 1e-12
    profile = state["tracer"].mean(1)  # over x: layers at a quarter and at three quarters of the period
    assert (profile[:, 0] < -0.9).all()
    assert (profile[:, 32] > 0.9).all()
    assert profile[:, (16, 48)].abs().max() < 1e-10
    cross = state["velocity"][..., 1].abs().amax((1, 2))
    assert ((cross > 0.01) & (cross < 0.5)).all()


def test_shear_profile_keeps_two_reflections_and_loses_the_others() -> None:
    """The mean over x of the initial tracer, which the disturbance does not touch."""
    data = ShearFlowGenerator(n_trajectories=2)
    profile = data.initial([0, 1])["tracer"].mean(1)
    mirrored = profile.flip(1).roll(1, 1)  # y -> -y
    torch.testing.assert_close(mirrored, profile, rtol=0, atol=1e-10)
    half = -profile.roll(32, 1)  # x -> -x turns u_x; with the sign of the tracer and half a period it is back
    torch.testing.assert_close(half, profile, rtol=0, atol=1e-10)
    for lost in (-profile, profile.roll(32, 1)):
        assert (lost - profile).norm() > profile.norm()


def test_shear_disturbance_keeps_the_same_reflections_in_law() -> None:
    """The mean square of ``u_y`` over many runs: alike at both layers and on both sides of each."""
    data = ShearFlowGenerator(resolution=(32, 32), n_trajectories=300)
    power = torch.stack([data.draw(data.random(i))[0][..., 1].square().mean(0) for i in range(300)]).mean(0)
    assert sorted(power.topk(2).indices.tolist()) == [8, 24]
    for move in (power.flip(0).roll(1), power.roll(16)):
        assert ((move - power).abs() < 0.15 * power.max()).all()
    assert power[[0, 16]].max() < 0.7 * power.max()


def test_shear_layers_roll_up() -> None:
    data = ShearFlowGenerator(resolution=(32, 32), n_trajectories=2, n_steps=25)
    cross = next(data.batches())["velocity"][..., 1].std((2, 3))
    assert (cross[:, -1] > 2 * cross[:, 0]).all()


def test_rectangles_have_square_cells_unless_lengths_are_given() -> None:
    about = ShearFlowGenerator(resolution=(16, 32)).metadata
    assert [axis.length for axis in about.axes] == pytest.approx([TAU, 2 * TAU])
    given = ShearFlowGenerator(resolution=(16, 32), lengths=(1.0, 1.5)).metadata
    assert [axis.length for axis in given.axes] == pytest.approx([1.0, 1.5], rel=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": (0.0, 0.5)}, r"width: expected 0 < least <= greatest, got \(0.0, 0.5\)"),
        ({"amplitude": (0.2, 0.1)}, r"amplitude: expected 0 < least <= greatest, got \(0.2, 0.1\)"),
        ({"waves": 0}, "waves: expected at least 1, got 0"),
    ],
)
def test_shear_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ShearFlowGenerator(**options)


def test_replacing_an_option_keeps_the_others() -> None:
    data = replace(TurbulenceGenerator(viscosity=1e-2), seed=3)
    assert data.metadata.parameters == {"viscosity": 1e-2, "diffusivity": 2e-3}
