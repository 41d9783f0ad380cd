"""Groups in words: the same names mean the same groups with a grid and without, in every command."""

from __future__ import annotations

import pytest

from haar.actions.names import named_symmetry
from haar.errors import ArgumentError
from haar.groups.names import named_group

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
    assert named_group(text, **grid).order == order


@pytest.mark.parametrize("text", ["D5", "", "D4 x D4", "shifts:0", "shifts:x", "shifts x shifts", "D4:2"])
def test_other_names_are_refused_with_the_known_ones(text):
    with pytest.raises(
        ArgumentError, match=r"--group: expected auto, C2, C4, D1, D2, D4, reflections, shifts\[:cells\]"
    ):
        named_group(text, **SQUARE, argument="--group")


def test_a_step_that_does_not_divide_the_grid_is_refused():
    with pytest.raises(ArgumentError, match=r"--group: expected step: divisors of the axes \(16, 16\), got 'shifts:5'"):
        named_group("shifts:5", **SQUARE, argument="--group")


def test_shifts_need_a_periodic_axis():
    with pytest.raises(ArgumentError, match="no shifts on a grid without a periodic axis"):
        named_group("shifts", space=(8, 8), periodic=(False, False))


@pytest.mark.parametrize(
    ("text", "order"),
    [("C6", 6), ("d3", 6), ("S4", 24), ("o", 24), ("OH", 48), ("C4v", 8), ("reflections:3", 8), ("S12", 479001600)],
)
def test_names_mean_groups_without_a_grid(text, order):
    assert named_group(text).order == order


@pytest.mark.parametrize("text", ["SO3", "so(3)", "SO(3)"])
def test_rotation_groups_have_their_dimension(text):
    assert named_group(text).name == "SO(3)"
    assert named_group(text.upper().replace("S", "")).name == "O(3)"


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        *((text, SQUARE) for text in ("C2", "C4", "c4", "D1", "D2", "D4", "reflections:2")),
        *((text, CUBE) for text in ("C4v", "O", "Oh", "oh", "reflections:3")),
    ],
    ids=str,
)
def test_a_name_of_one_command_is_a_name_of_all(text, grid):
    there, here = named_group(text, **grid), named_symmetry(text, "scalar", "scalar").group
    assert (there.name, there.order) == (here.name, here.order)
    assert there.space_dim == len(grid["space"])


@pytest.mark.parametrize("text", ["", "X4", "C0", "D4 x D4", "reflections", "reflections:4", "shifts", "D4 x shifts:2"])
def test_names_that_need_a_grid_are_refused_without_one(text):
    with pytest.raises(ArgumentError, match=r"^group: expected C4, D4, S3, O, Oh, I, Ih, Ci, C4v, SO3, O3, lorentz or"):
        named_group(text)


def test_numbers_past_all_reason_are_refused():
    with pytest.raises(ArgumentError, match="group: expected a group whose number is at most 2048, got d4000000000"):
        named_group("D4000000000")


@pytest.mark.parametrize(("text", "order"), [("I", 60), ("Ih", 120), ("Ci", 2), ("inversion", 2)])
def test_point_groups_of_space_have_their_names(text, order):
    group = named_group(text)
    assert (group.order, group.defining_dim) == (order, 3)
