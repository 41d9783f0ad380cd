from __future__ import annotations

import pytest
import torch

from haar.data.generators import PATTERNS, GrayScottGenerator, Spots
from haar.errors import ArgumentError


def test_runs_cycle_through_the_patterns() -> None:
    data = GrayScottGenerator(n_trajectories=5, patterns=("maze", "spots"))
    about = data.metadata
    assert about.run_parameters["F"].tolist() == [PATTERNS[p][0] for p in ("maze", "spots", "maze", "spots", "maze")]
    assert about.run_parameters["K"].tolist() == [PATTERNS[p][1] for p in ("maze", "spots", "maze", "spots", "maze")]
    assert about.parameters == {"D_A": 2e-5, "D_B": 1e-5}
    assert len(GrayScottGenerator().metadata.run_parameters["F"].unique()) == len(PATTERNS) == 6


def test_a_single_pattern_stands_for_itself() -> None:
    assert GrayScottGenerator(patterns="maze") == GrayScottGenerator(patterns=("maze",))


def test_initial_spots_are_resolved_and_between_0_and_1() -> None:
    data = GrayScottGenerator(n_trajectories=4, burn_in=0)
    start = data.initial(range(4))
    torch.testing.assert_close(start["A"], 1 - start["B"], rtol=0, atol=1e-12)
    assert start["B"].min() > -0.05  # the mask cuts the narrowest spots
    assert start["B"].max() < 1.05
    assert (start["B"].amax((1, 2)) > 0.3).all()
    torch.testing.assert_close(data.grid.band_limit(start["B"]), start["B"], rtol=0, atol=1e-12)


def test_dynamics_commutes_with_the_square_and_the_patterns_live() -> None:
    data = GrayScottGenerator(resolution=(32, 32), n_trajectories=6, n_steps=2)
    first = {name: values[:, 0] for name, values in next(data.batches(6)).items()}
    second = data.evolve(first)
    turned = data.evolve({name: torch.rot90(values, 1, (1, 2)).flip(1) for name, values in first.items()})
    for name in ("A", "B"):
        expected = torch.rot90(second[name], 1, (1, 2)).flip(1)
        torch.testing.assert_close(turned[name], expected, rtol=0, atol=1e-12)
    assert (second["B"].std((1, 2)) > 0.01).all()


def test_a_run_needs_its_own_rates() -> None:
    data = GrayScottGenerator(resolution=(16, 16), n_trajectories=2, patterns=("maze", "bubbles"))
    state = data.initial([1])
    right, wrong = data.evolve(state, trajectories=[1]), data.evolve(state)
    assert (right["A"] - wrong["A"]).abs().max() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patterns": ("maze", "stripes")}, r"patterns: expected names among gliders, .*, spots, got \['stripes'\]"),
        ({"patterns": ()}, "patterns: expected names among .*, got none"),
    ],
)
def test_refusals(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        GrayScottGenerator(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spots": (0, 3)}, r"spots: expected 0 < least <= greatest, got \(0, 3\)"),
        ({"width": (0.05, 0.02)}, r"width: expected 0 < least <= greatest, got \(0.05, 0.02\)"),
        ({"height": (-0.1, 0.2)}, "height: expected 0 < least <= greatest"),
    ],
)
def test_empty_ranges_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Spots(**options)
