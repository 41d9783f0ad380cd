"""What a step's result may carry: the list of what is tried, in its order, written out by hand."""

from __future__ import annotations

import pytest

from haar.actions import Defining, Field, Trivial
from haar.groups import cyclic, dihedral
from haar.relax.wrapping.candidates import Candidates
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.feature import Feature, Leg, scalar_field

C3, D4 = cyclic(3), dihedral(4)
P = Defining(C3)  # of two numbers
ROW, COLUMN, PAIR = Feature((None, Leg(P))), Feature((Leg(P), None)), Feature((None, Leg(P + P)))
BOTH = Feature((Leg(P), None, Leg(P)))
P_, PP, P3 = "defining", "2 defining", "defining + 3 trivial"
IMAGE = Feature((None, None, None), (1, 2), scalar_field(Field(Trivial(D4))))


def none(number, place, count):
    """No axis shows neighbours of an input's."""
    del number, place, count


def tried(inputs, shape, group=C3, start=none):
    """The names of what the axes carry, and where a grid stands if there is one."""
    found = []
    for one in Candidates(Elements(group), inputs, start).of(shape):
        names = [leg.rep.name if leg is not None else None for leg in one.legs]
        found.append(names if one.field is None else (names, one.space))
    return found


@pytest.mark.parametrize(
    ("inputs", "shape", "expected"),
    [
        ([], (2, 5), []),
        ([(None, (5, 2))], (5, 2), []),
        ([(Feature((None, None)), (5, 2))], (5, 2), []),  # nothing carries nothing
        # as it stands, counted from the end and from the front; then on any axis
        ([(ROW, (5, 2))], (5, 2), [[None, P_]] * 3),
        ([(ROW, (5, 2))], (3, 5, 2), [[None, None, P_]] * 2),
        ([(COLUMN, (2, 5))], (2, 7), [[P_, None]] * 3),
        ([(COLUMN, (2, 5))], (3, 2, 5), [[None, P_, None]] * 2),
        ([(PAIR, (5, 4))], (7, 4), [[None, PP]] * 3),
        # single numbers, and axes of which a part stood still
        ([(ROW, (1, 2))], (1,), []),
        ([(COLUMN, (2, 5))], (5,), []),
        # one after another; of another number of axes nothing is
        ([(ROW, (5, 2)), (ROW, (5, 2))], (5, 4), [[None, PP]]),
        ([(ROW, (5, 2)), (None, (5, 3))], (5, 5), [[P3, P3], [P3, None], [None, P3]]),
        ([(ROW, (5, 2)), (None, (3,))], (7, 5), []),
        (
            [(ROW, (5, 2)), (ROW, (3, 2))],
            (8, 2),
            [[None, P_]] * 2
            + [[rows, columns] for rows in ("5 trivial + 3 trivial", "4 defining") for columns in (P_, None)]
            + [[None, P_]],
        ),
        # neighbouring axes as one, and copies
        ([(ROW, (5, 2))], (10,), [["5 defining"]]),
        ([(COLUMN, (2, 5))], (10,), [["(defining x 5 trivial)"], ["5 defining"]]),
        ([(BOTH, (2, 1, 2))], (4,), [["(defining x defining)"], [PP]]),
        # one of equal pieces
        ([(PAIR, (5, 4))], (5, 2), [[None, P_]]),
    ],
)
def test_what_is_tried(inputs, shape, expected):
    assert tried(inputs, shape) == expected


@pytest.mark.parametrize(
    ("first", "count", "expected"),
    [(2, 1, []), (0, 2, [P_]), (2, 3, ["3 trivial"]), (5, 2, [P_]), (1, 2, []), (1, 3, []), (None, 3, [])],
)
def test_neighbours_that_are_shown_are_cut_out_between_parts(first, count, expected):
    mixed = Feature((None, Leg(P + Trivial(C3, 3) + P)))
    shown = lambda number, place, wanted: first if (number, place, wanted) == (0, 1, count) else None  # noqa: E731
    assert tried([(mixed, (5, 7))], (9, count), start=shown) == [[None, name] for name in expected]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        # of a periodic grid of cells also that of its nodes; where it stood comes first
        ((7, 4, 3), [(1, 2), (1, 2), (1, 2), (0, 1), (0, 1), (1, 2)]),
        ((4, 3), [(0, 1), (0, 1), (0, 1)]),
        ((5, 12), [(0, 1), (0, 1), (0, 1), "4x3 points"]),
        ((12,), ["4x3 points"]),
    ],
)
def test_where_a_grid_may_stand(shape, expected):
    found = tried([(IMAGE, (1, 4, 3))], shape, D4)
    assert [one[1] if isinstance(one, tuple) else one[-1] for one in found] == expected


@pytest.mark.parametrize(("centring", "other"), [("cell", "node"), ("node", "cell")])
def test_a_periodic_grid_may_become_that_of_the_other_points(centring, other):
    field = scalar_field(Field(Trivial(D4), periodic=True, centring=centring))
    found = Candidates(Elements(D4), [(Feature((None, None), (0, 1), field), (4, 3))], none).of((4, 3))
    assert [one.field.centring for one in found] == [centring] * 3 + [other]
