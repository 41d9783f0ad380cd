from __future__ import annotations

import numpy as np
import pytest

from haar.data.well.boundary import BoundaryType, EdgeMarks, edge_boundaries, ends
from haar.errors import DataError

WALL, OPEN, PERIODIC = BoundaryType


def mark(kind, **touched):
    return EdgeMarks(f"some_{kind.name.lower()}", kind, touched)


def test_an_end_that_nothing_is_said_about_is_open():
    assert ends([], ["x", "y"], "f") == {"x": (OPEN, OPEN), "y": (OPEN, OPEN)}


def test_ends_may_differ():
    assert ends([mark(WALL, x=(False, True))], ["x"], "f") == {"x": (OPEN, WALL)}


def test_a_periodic_axis_is_so_at_both_ends_whatever_its_mask():
    assert ends([mark(PERIODIC, x=(False, False))], ["x"], "f") == {"x": (PERIODIC, PERIODIC)}


def test_walls_inside_do_not_touch_the_ends():
    assert ends([mark(PERIODIC, x=(True, True)), mark(WALL, x=(False, False))], ["x"], "f") == {
        "x": (PERIODIC, PERIODIC)
    }


def test_periodic_and_not_periodic_at_once_is_refused():
    with pytest.raises(DataError, match="the axis x is PERIODIC by the boundary some_periodic and WALL by some_wall"):
        ends([mark(PERIODIC, x=(True, True)), mark(WALL, x=(True, False))], ["x"], "f")


@pytest.mark.parametrize("kinds", [(WALL, WALL), (WALL, OPEN), (PERIODIC, PERIODIC), (OPEN, WALL)])
def test_entries_of_an_axis_say_what_its_ends_are(kinds):
    entries = edge_boundaries("x", 5, kinds)
    assert len({entry.name for entry in entries}) == len(entries) == len(set(kinds))
    marks = [EdgeMarks(entry.name, entry.kind, {"x": (bool(entry.mask[0]), bool(entry.mask[-1]))}) for entry in entries]
    assert ends(marks, ["x"], "f") == {"x": kinds}
    assert not any(entry.mask[1:-1].any() for entry in entries)


def test_codes_are_those_of_the_format():
    assert [kind.value for kind in (WALL, OPEN, PERIODIC)] == [0, 1, 2]
    assert BoundaryType.parse("Wall") is WALL
    assert np.all([BoundaryType.parse(kind) is kind for kind in BoundaryType])
