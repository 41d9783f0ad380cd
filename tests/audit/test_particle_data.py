"""The audit of simulated particles finds the cut-off components, in generated and in given data."""

from __future__ import annotations

import pytest
import torch

from haar.audit.particle_data import audit_particles
from haar.data.particles import charged_particles
from haar.errors import ArgumentError


@pytest.fixture(scope="module")
def found():
    return audit_particles(clip="component", samples=200, rotations=2, start=2, stop=10)


def test_cut_off_components_set_a_floor(found):
    assert found.broken
    assert found.floor.low > 1e-4
    assert found.floor.low < found.floor.value < found.floor.high
    assert "no exactly equivariant predictor can come below" in found.summary
    assert found.to_dict()["clipped_in_window"] > 0.02


def test_shortened_forces_set_none(told):
    watch = told()
    report = audit_particles(clip="norm", samples=40, rotations=2, start=0, stop=5, watch=watch)
    assert (watch.stages, watch.steps) == ([("running again", 4)], 4)
    assert not report.broken
    assert report.floor.value < 1e-12
    assert "turn with the particles" in report.summary


@pytest.mark.parametrize("clip", ["component", "norm"])
def test_the_law_of_given_data_is_recognised(clip):
    data = charged_particles(60, frames=5, clip=clip, seed=4)
    report = audit_particles(data, samples=60, rotations=2, start=0, stop=4)
    assert report.clip == clip
    assert report.replayed[clip] > 0.99
    assert report.replayed["norm" if clip == "component" else "component"] < 0.99
    assert report.broken == (clip == "component")


def test_other_data_are_refused():
    data = charged_particles(8, frames=3, dt=3e-3)
    with pytest.raises(ArgumentError, match="data: expected trajectories of charged particles"):
        audit_particles(data, samples=8, rotations=2, start=0, stop=2)
    with pytest.raises(ArgumentError, match="samples: expected at least 2"):
        audit_particles(samples=1)
    with pytest.raises(ArgumentError, match="rotations: expected at least 2"):
        audit_particles(rotations=1)
    with pytest.raises(ArgumentError, match="stop: expected a frame after start, 5, got 5"):
        audit_particles(start=5, stop=5)
    assert torch.isfinite(data.positions).all()
