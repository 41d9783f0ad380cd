from __future__ import annotations

import pytest

from haar.cli.group_name import parse_group
from haar.errors import ArgumentError

SQUARE = {"space": (16, 16), "periodic": (True, True)}
CUBE = {"space": (8, 8, 8), "periodic": (True, True, False)}


@pytest.mark.parametrize(
    ("text", "grid", "order"),
    [
        ("C2", SQUARE, 2),
        ("c4", SQUARE, 4),
        ("D1", SQUARE, 2),
        ("D2", SQUARE, 4),
        ("D4", SQUARE, 8),
        ("reflections", SQUARE, 4),
        ("shifts", SQUARE, 256),
        ("shifts:8", SQUARE, 4),
        ("D4 x shifts:8", SQUARE, 32),
        ("shifts:8*C4", SQUARE, 16),
        ("O", CUBE, 24),
        ("Oh", CUBE, 48),
        ("C4v", CUBE, 8),
        ("C4", CUBE, 4),
        ("C4v x shifts:4", CUBE, 32),
        ("reflections", {"space": (9,), "periodic": (False,)}, 2),
    ],
)
def test_names_mean_groups(text, grid, order):
    assert parse_group(text, **grid).order == order


@pytest.mark.parametrize("text", ["D5", "", "D4 x D4", "shifts:0", "shifts:x", "shifts x shifts", "D4:2"])
def test_other_names_are_refused_with_the_known_ones(text):
    with pytest.raises(
        ArgumentError, match=r"--group: expected auto, C2, C4, D1, D2, D4, reflections, shifts\[:cells\]"
    ):
        parse_group(text, **SQUARE)


def test_a_step_that_does_not_divide_the_grid_is_refused():
    with pytest.raises(ArgumentError, match=r"--group: expected step: divisors of the axes \(16, 16\), got 'shifts:5'"):
        parse_group("shifts:5", **SQUARE)


def test_shifts_need_a_periodic_axis():
    with pytest.raises(ArgumentError, match="no shifts on a grid without a periodic axis"):
        parse_group("shifts", space=(8, 8), periodic=(False, False))
