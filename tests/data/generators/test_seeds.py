"""A data set is known by its seed: the same options and seed give the same runs in every version of the library."""

from __future__ import annotations

import pytest

from haar.data.generators import catalogue

#: Of trajectory 3 on 16 x 24 points, all else as by default: mean square of each field at the first stored frame and
#: one frame later, and one value of the latter.
KNOWN = {
    "acoustic_inclusions": {
        "pressure": (0.031429847991479805, 0.017896481843707276, 1.0877305698970526e-11),
        "density": (1.2699768429797853, 1.2699768429797853, 2.311414500775907),
        "speed_of_sound": (1.0571614973144217, 1.0571614973144217, 0.6986798197622496),
        "velocity": (0.0, 0.009391045467030484, -2.391171523861931e-09),
    },
    "gray_scott": {
        "A": (0.46037677579226033, 0.8149317170226759, 0.9057888016729991),
        "B": (0.011236211675524002, 0.00016649006183952977, 0.011968113603699378),
    },
    "rayleigh_benard": {
        "buoyancy": (0.327539927401181, 0.322162248581701, 0.21461378045895263),
        "pressure": (0.020101083561183907, 0.02115327808879758, 0.011956771445716469),
        "velocity": (0.021271151001539618, 0.030049215967601375, 0.015450268663660366),
    },
    "shear_flow": {
        "tracer": (0.8326114701735908, 0.830900527096277, 1.0236576870529044),
        "velocity": (0.4173063579401428, 0.4164344377476019, -0.014288196774472867),
        "pressure": (0.001402029660257127, 0.0011158363574955302, -0.006822047471374199),
    },
    "turbulence": {
        "tracer": (0.9790891380169322, 0.972415751622418, -0.3883173619255842),
        "velocity": (0.22680925058569354, 0.22338069289518558, 0.5832556522554158),
        "pressure": (0.0836087297715405, 0.07916504401987591, -0.057834059458498566),
    },
}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_seed_gives_the_runs_that_it_always_gave(name):
    data = catalogue()[name](resolution=(16, 24))
    start = data.initial([3])
    later = data.evolve(start, trajectories=[3])
    assert set(start) == set(KNOWN[name])
    for field, (first, second, value) in KNOWN[name].items():
        # The runs are short: what rounding may do to a value of order 1 stays far below this.
        assert float(start[field].square().mean()) == pytest.approx(first, rel=1e-8, abs=1e-10)
        assert float(later[field].square().mean()) == pytest.approx(second, rel=1e-8, abs=1e-10)
        assert float(later[field].flatten()[37]) == pytest.approx(value, rel=1e-7, abs=1e-9)


def test_the_sizes_of_data_sets_are_those_written():
    found = {
        name: (kind().resolution, kind().n_trajectories, kind().n_steps, kind().seed, kind().burn_in)
        for name, kind in catalogue().items()
    }
    assert found == {
        "acoustic_inclusions": ((64, 64), 32, 25, 0, 0),
        "gray_scott": ((64, 64), 32, 25, 0, 60),
        "rayleigh_benard": ((128, 32), 32, 25, 0, 100),
        "shear_flow": ((64, 64), 32, 25, 0, 0),
        "turbulence": ((64, 64), 32, 25, 0, 100),
    }


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_batches_hold_eight_runs_unless_it_is_asked_otherwise(name):
    data = catalogue()[name](resolution=(16, 16), n_trajectories=9, n_steps=1, burn_in=0)
    assert [len(next(iter(batch.values()))) for batch in data.batches()] == [8, 1]
    assert data.frame_interval == pytest.approx(data.save_every * data.time_step)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "nowhere"}, "device: expected a device that torch finds here, got 'nowhere'; use 'cpu'"),
        ({"time_step": float("inf")}, "time_step: expected a positive number, got inf"),
        ({"resolution": (8, 8, 8)}, "resolution: expected at least 4 points along x and y"),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_numbers_that_fit_no_run_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        catalogue()["turbulence"](**options)
    assert catalogue()["turbulence"](resolution=(4, 4)).resolution == (4, 4)
