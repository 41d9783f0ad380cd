"""The audit of simulated particles finds the cut-off components, in generated and in given data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.audit.particle_data import ParticleDataAudit, audit_particles
from haar.data.particles import charged_particles, simulate
from haar.errors import ArgumentError
from haar.groups import O
from haar.statistics import Estimate


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


TINY = {"samples": 3, "rotations": 2, "start": 0, "stop": 1, "save_every": 1}


def found_with(**options):
    return audit_particles(**options).to_dict()


def test_the_defaults_are_those_written():
    small = found_with(**TINY)
    for name, value in {"samples": 400, "rotations": 6}.items():
        assert found_with(**{key: v for key, v in TINY.items() if key != name})[name] == value
    assert small["clip"] == "component"
    for name, value, other in (("clip", "component", "norm"), ("seed", 0, 1), ("dim", 3, 2)):
        assert found_with(**TINY, **{name: value}) == small != found_with(**TINY, **{name: other})
    window = {**TINY, "start": 1, "stop": 2}
    for name, value in (("start", 30), ("stop", 40), ("save_every", 100)):
        rest = {key: v for key, v in ({**TINY, "stop": 31} if name == "start" else window).items() if key != name}
        assert found_with(**rest) == found_with(**rest, **{name: value}) != found_with(**rest, **{name: value - 1})


def test_the_floor_is_the_spread_of_what_was_turned_back():
    report = audit_particles(clip="component", samples=60, rotations=3, start=2, stop=6, seed=1)
    made = charged_particles(60, frames=3, clip="component", seed=1)
    x, v = made.positions[:, 2], made.velocities[:, 2]
    back, hit = [], 0.0
    for turn in O(3).sample(3, torch.Generator().manual_seed(1)):
        run = simulate(x @ turn, v @ turn, made.charges, frames=4, clip="component")
        back.append((run.positions[:, -1] @ turn.T).numpy())
        hit += np.mean([flags.any() for flags in run.clipped.numpy()]) / 3
    spread = np.var(back, axis=0, ddof=1)
    assert report.floor.value == pytest.approx(spread.mean(), rel=1e-9)
    assert report.variances == pytest.approx(spread.mean((1, 2)), rel=1e-9)
    assert report.to_dict()["clipped_in_window"] == pytest.approx(hit)
    assert report.to_dict()["clipped_before"] == np.mean([flags.any() for flags in made.clipped.numpy()])
    error = spread.mean((1, 2)).std() / 60**0.5
    assert report.floor.high - report.floor.low == pytest.approx(2 * 1.96 * error, rel=0.3)


@pytest.mark.parametrize(
    ("value", "low", "broken"), [(1.1e-10, 1e-12, True), (0.9e-10, 1e-12, False), (1.1e-10, 0.0, False)]
)
def test_a_floor_is_broken_above_rounding_and_away_from_zero(value, low, broken):
    floor = Estimate(value, low, 2e-10)
    report = ParticleDataAudit("norm", floor, samples=5, rotations=2, clipped=(None, 0.25), replayed={"norm": 0.75})
    assert report.broken == broken
    assert ("do not turn" in report.summary) == broken
    if broken:
        assert "below a mean squared error of 1.10e-10 (95% interval 1.00e-12 to 2.00e-10)" in report.summary
    found = report.to_dict()
    assert found["floor"] == {"value": value, "low": low, "high": 2e-10}
    assert (found["samples"], found["rotations"], found["clipped_before"], found["clipped_in_window"]) == (
        5,
        2,
        None,
        0.25,
    )
    assert [row[1] for row in report.sections()[0].table.rows] == ["norm", value, low, 2e-10, 5, 2, None, 0.25, 0.75]


class Given:
    """Four trajectories of one frame, of which some were moved by so much."""

    def __init__(self, moved, by):
        made = charged_particles(4, frames=2, save_every=5, clip="none", seed=2)
        self.made = made
        self.target = made.positions[:, 1].clone()
        self.target[:moved] += by

    def pairs(self, start=0, stop=1):
        assert (start, stop) == (0, 1)
        return self.made.positions[:, 0], self.made.velocities[:, 0], self.made.charges, self.target


@pytest.mark.usefixtures("unchecked_annotations")
def test_half_of_given_trajectories_must_be_reproduced():
    options = {"rotations": 2, "start": 0, "stop": 1, "save_every": 5}
    report = audit_particles(Given(2, 1.0), **options)
    assert (report.samples, report.replayed["none"], report.to_dict()["clipped_before"]) == (4, 0.5, None)
    assert report.clip == "norm"  # of equals the first
    with pytest.raises(ArgumentError, match="got others: run again, 25% are reproduced"):
        audit_particles(Given(3, 1.0), **options)
    # a squared error of 1e-6 a coordinate is stored rounding
    assert audit_particles(Given(1, 0.9e-3), **options).replayed["norm"] == 1
    assert audit_particles(Given(1, 1.1e-3), **options).replayed["norm"] == 0.75
    assert audit_particles(Given(1, 1.0), samples=2, **options).replayed["norm"] == 0.5
    with pytest.raises(ArgumentError, match=r"data: expected trajectories with pairs\(start, stop\), got int"):
        audit_particles(3, **options)
    with pytest.raises(ArgumentError, match="start: expected at least 0, got -1"):
        audit_particles(start=-1, stop=1)
