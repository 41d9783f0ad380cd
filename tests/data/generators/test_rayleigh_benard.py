from __future__ import annotations

import pytest
import torch

from haar.data.generators import RayleighBenardGenerator
from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError

DATA = RayleighBenardGenerator(resolution=(32, 16), n_trajectories=4, n_steps=2, rayleigh=1e5, burn_in=50)


def upside_down(state: dict) -> dict:
    """``y -> L_y - y, u_y -> -u_y, b -> L_y - b, p -> p + L_y y - L_y^2 / 2`` with plates at distance 1."""
    y = DATA.coordinates[1]
    return {
        "buoyancy": 1 - state["buoyancy"].flip(2),
        "pressure": state["pressure"].flip(2) + y - 0.5,
        "velocity": state["velocity"].flip(2) * torch.tensor([1.0, -1.0]),
    }


def reflected(state: dict) -> dict:
    moved = {name: values.flip(1).roll(1, 1) for name, values in state.items()}
    return moved | {"velocity": moved["velocity"] * torch.tensor([-1.0, 1.0])}


def shifted(state: dict) -> dict:
    return {name: values.roll(5, 1) for name, values in state.items()}


@pytest.mark.parametrize("move", [upside_down, reflected, shifted])
def test_dynamics_commutes_with_its_symmetries(move: object) -> None:
    state = DATA.initial([0, 1])
    later = DATA.evolve(state)
    found, expected = DATA.evolve(move(state)), move(later)
    for name in later:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-11)
    assert (later["buoyancy"] - state["buoyancy"]).abs().max() > 0.05


def test_runs_start_as_a_disturbed_layer_at_rest() -> None:
    data = RayleighBenardGenerator(burn_in=0)
    state = data.initial([0, 1])
    disturbance = state["buoyancy"] - (1 - data.coordinates[1])
    torch.testing.assert_close(disturbance.square().mean((1, 2)).sqrt(), torch.full((2,), 0.05).double())
    assert disturbance[:, :, [0, -1]].square().mean().sqrt() < 0.02  # less at the plates
    assert state["velocity"].abs().max() < 1e-12


def test_convection_has_started_at_the_first_frame() -> None:
    batch = next(RayleighBenardGenerator(n_trajectories=2, n_steps=2).batches())
    assert batch["velocity"][..., 1].abs().amax((1, 2, 3)).min() > 0.2
    assert batch["buoyancy"].min() > -0.1
    assert batch["buoyancy"].max() < 1.1


def test_axes() -> None:
    x, y = DATA.metadata.axes
    assert (x.boundary, x.centring) == ((BoundaryType.PERIODIC,) * 2, "periodic-node")
    assert (y.boundary, y.centring) == ((BoundaryType.WALL,) * 2, "cell")
    assert y.coordinates[::-1] == pytest.approx(1 - y.coordinates)
    assert DATA.coordinates[0].numpy() == pytest.approx(x.coordinates, rel=1e-14)
    assert DATA.coordinates[1].numpy() == pytest.approx(y.coordinates, rel=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amplitude": 0.0}, "amplitude: expected a positive number, got 0.0"),
        ({"waves": 0}, "waves: expected at least 1, got 0"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        RayleighBenardGenerator(**options)
