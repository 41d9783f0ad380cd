"""The simulation is the one it claims to be, and only shortening forces leaves it its symmetry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.data.particles import charged_particles, initial_state, simulate
from haar.errors import ArgumentError, ShapeError
from haar.groups import O

F64 = torch.float64


def reference(x, v, q, steps, dt, limit):
    """Step by step and pair by pair, with the components cut off: the published loop."""
    x, v = x.copy(), v.copy()
    n = len(q)
    for _ in range(steps):
        force = np.zeros_like(x)
        for i in range(n):
            for j in range(n):
                if i != j:
                    between = x[i] - x[j]
                    force[i] += q[i] * q[j] * between / np.dot(between, between) ** 1.5
        v = v + dt * np.clip(force, -limit, limit)
        x = x + dt * v
    return x, v


def test_it_is_the_published_loop():
    x, v, q = initial_state(3, particles=4, seed=5)
    run = simulate(x, v, q, frames=2, save_every=20, clip="component", limit=1.0)
    assert bool(run.clipped.any())
    for sample in range(3):
        there, speed = reference(x[sample].numpy(), v[sample].numpy(), q[sample].numpy(), 40, 1e-3, 1.0)
        assert np.abs(run.positions[sample, 1].numpy() - there).max() < 1e-12
        assert np.abs(run.velocities[sample, 1].numpy() - speed).max() < 1e-12


def test_a_run_can_be_taken_up_again_from_a_stored_frame():
    whole = charged_particles(4, frames=4, save_every=10, seed=1)
    x, v, q, target = whole.pairs(1, 3)
    assert float((simulate(x, v, q, frames=2, save_every=10).positions[:, -1] - target).abs().max()) < 1e-12
    begun = charged_particles(4, frames=4, save_every=10, seed=1, start=True)
    assert torch.equal(begun.positions[:, 1:], whole.positions)
    assert torch.equal(begun.positions[:, 0], initial_state(4, seed=1)[0])
    assert len(whole) == 4


def test_energy_is_kept_where_nothing_is_clipped():
    run = charged_particles(8, particles=2, frames=5, save_every=100, dt=1e-4, clip="none", seed=3, start=True)
    between = (run.positions[:, :, 0] - run.positions[:, :, 1]).norm(dim=-1)
    energy = 0.5 * run.velocities.square().sum((-1, -2)) + run.charges.prod(1)[:, None] / between
    far = between.amin(1) > 0.5
    assert int(far.sum()) > 3
    assert float((energy - energy[:, :1]).abs()[far].max()) < 1e-3


def orbit_defect(clip: str) -> float:
    x, v, q = initial_state(200, seed=2)
    turn = O(3).sample(1, torch.Generator().manual_seed(0))[0]
    both = simulate(
        torch.cat([x, x @ turn]), torch.cat([v, v @ turn]), q.repeat(2, 1), frames=10, save_every=100, clip=clip
    )
    there, turned = both.positions[:, -1].chunk(2)
    return float((there @ turn - turned).square().mean())


def test_cutting_off_components_breaks_rotations_and_shortening_forces_does_not():
    assert orbit_defect("norm") <= 1e-12
    assert orbit_defect("component") > 1e-4


def test_any_dimension_and_number_of_particles():
    for dim in (1, 2, 8):
        assert charged_particles(2, particles=3, dim=dim, frames=1, save_every=2).positions.shape == (2, 1, 3, dim)
    alone = charged_particles(2, particles=1, frames=1, save_every=3)
    assert torch.isfinite(alone.positions).all()


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda _: charged_particles(0), "samples: expected at least 1"),
        (lambda x: simulate(x, x, x[..., 0], frames=1, clip="box"), "clip: expected one of norm, component"),
        (lambda x: simulate(x, x, x[..., 0], frames=0), "frames: expected at least 1"),
        (lambda x: simulate(x, x, x[..., 0], frames=1, save_every=1.5), "save_every: expected a whole number"),
        (lambda x: simulate(x, x, x[..., 0], frames=1, dt=float("nan")), "dt: expected a positive number, got nan"),
        (lambda x: simulate(x, x, x[..., 0], frames=1, limit=0), "limit: expected a positive number, got 0"),
        (lambda x: simulate(x, x, x[..., 0], frames=1), "positions: expected particles at different places"),
        (lambda x: simulate(x[0], x[0], x[0, :, 0], frames=1), r"positions: expected \(sample, particle, d\)"),
        (lambda _: charged_particles("a"), "samples: expected a whole number, at least 1, got 'a'"),
        (lambda _: charged_particles(2, dim=1.5), "dim: expected a whole number"),
        (lambda _: charged_particles(2, speed="a"), "speed: expected a positive number, got 'a'"),
        (lambda x: simulate(x, x, x[:, :1, 0], frames=1), "velocities, charges: expected"),
        (lambda x: simulate(x * torch.nan, x, x[..., 0], frames=1), "expected finite numbers"),
        (lambda _: charged_particles(2, frames=2, save_every=1).pairs(0, 9), "stop: expected a frame from 0 to 1"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises((ArgumentError, ShapeError), match=words):
        call(torch.ones(2, 3, 3, dtype=F64))
