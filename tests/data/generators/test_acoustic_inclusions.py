from __future__ import annotations

import pytest
import torch

from haar.data.generators import AcousticInclusionsGenerator, Medium, Sound
from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError


def reflect(state: dict, axis: int) -> dict:
    signs = torch.ones(2).double()
    signs[axis] = -1
    return {name: values.flip(axis + 1) * (signs if name == "velocity" else 1.0) for name, values in state.items()}


@pytest.mark.parametrize("axis", [0, 1])
def test_dynamics_commutes_with_the_reflections_and_the_sign(axis: int) -> None:
    data = AcousticInclusionsGenerator(resolution=(32, 24), n_trajectories=2, n_steps=1, burn_in=30)
    state = data.initial([0, 1])
    later = data.evolve(state, 5)
    for name, expected in reflect(later, axis).items():
        found = data.evolve(reflect(state, axis), 5)[name]
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
    flipped = {name: -values if name in ("pressure", "velocity") else values for name, values in state.items()}
    opposite = data.evolve(flipped, 5)
    for name in ("pressure", "velocity"):
        torch.testing.assert_close(opposite[name], -later[name], rtol=0, atol=1e-12)
    assert (later["pressure"] - state["pressure"]).abs().max() > 0.1


def test_every_medium_drawn_is_stable_within_its_bounds_and_the_sound_is_positive() -> None:
    data = AcousticInclusionsGenerator(n_trajectories=64)
    state = data.initial(range(64))  # refused if one were not stable
    for name, (low, high) in (("density", data.medium.density_factor), ("speed_of_sound", data.medium.speed_factor)):
        assert state[name].min() > low * 0.6
        assert state[name].max() < high * 1.6
        assert (state[name].std((1, 2)) > 0.05).all()
    assert state["pressure"].min() >= 0
    assert (state["pressure"].amax((1, 2)) > 0.4).all()
    assert state["velocity"].abs().max() == 0


def test_domain_is_centred_with_walls_in_x_and_open_ends_in_y() -> None:
    x, y = AcousticInclusionsGenerator(resolution=(4, 8), lengths=(1.0, 2.0)).metadata.axes
    assert x.boundary == (BoundaryType.WALL, BoundaryType.WALL)
    assert y.boundary == (BoundaryType.OPEN, BoundaryType.OPEN)
    assert (y.origin, y.length) == (-1.0, 2.0)
    assert x.coordinates.tolist() == [-0.375, -0.125, 0.125, 0.375]
    assert y.coordinates[::-1].tolist() == (-y.coordinates).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": (1.0, 0.0)}, r"lengths: expected two positive lengths, got \(1.0, 0.0\)"),
        ({"sponge": 0.6}, "sponge: expected a part of the domain, 0 to 0.5, got 0.6"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        AcousticInclusionsGenerator(**options)


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        (Sound, {"rings": (0, 2)}, r"rings: expected 0 < least <= greatest, got \(0, 2\)"),
        (Sound, {"height": (0.0, 2.0)}, r"height: expected 0 < least <= greatest, got \(0.0, 2.0\)"),
        (Medium, {"inclusions": (3, 2)}, r"inclusions: expected 0 < least <= greatest, got \(3, 2\)"),
        (Medium, {"radius": (0.0, 0.1)}, r"radius: expected 0 < least <= greatest, got \(0.0, 0.1\)"),
        (Medium, {"density_factor": (2.0, 1.0)}, r"density_factor: expected 0 < least <= greatest, got \(2.0, 1.0\)"),
        (Medium, {"speed_factor": (2.0, 1.0)}, r"speed_factor: expected 0 < least <= greatest, got \(2.0, 1.0\)"),
    ],
)
def test_empty_ranges_are_refused(part: type, options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        part(**options)


def test_a_step_beyond_the_limit_of_stability_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"time_step: expected below .*, the limit of stability, got 0\.1"):
        AcousticInclusionsGenerator(time_step=0.1).initial([0])
