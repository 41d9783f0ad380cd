"""Classes of units: joined where values are added, and what may happen to all of a class."""

from __future__ import annotations

import pytest

from haar.weights.channels import Classes


def test_units_that_are_added_are_moved_alike():
    classes = Classes()
    one, other, third, single = (classes.new(size) for size in (3, 3, 3, 1))
    classes.join(other, third)
    assert (classes.find(third), classes.find(one)) == (other, one)
    classes.join(third, one)
    assert [classes.find(units) for units in (one, other, third)] == [one] * 3
    assert (classes.size(third), classes.free(third), classes.free(single)) == (3, True, False)


def test_classes_of_other_sizes_move_not_at_all():
    for turned in (False, True):
        classes = Classes()
        one, other, third = classes.new(3), classes.new(2), classes.new(3)
        classes.join(*((other, one) if turned else (one, other)))
        assert [classes.free(units) for units in (one, other, third)] == [False, False, True]
        assert classes.find(one) != classes.find(other)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("hold", "held"),
    [("fix", "free"), ("keep_signs", "signed"), ("keep_sizes", "scaled"), ("keep_frequencies", "normed")],
)
def test_what_holds_of_one_holds_of_all_that_are_joined_with_it(hold, held, first):
    classes = Classes()
    units = [classes.new(3) for _ in range(3)]
    before = getattr(classes, held)(units[0])
    assert before is (held != "normed")
    getattr(classes, hold)(units[first])
    assert [getattr(classes, held)(one) is before for one in units] == [first == 1, first == 0, True]
    classes.join(units[0], units[1])
    assert [getattr(classes, held)(one) is before for one in units] == [False, False, True]
    others = {"free", "signed", "scaled", "normed"} - {held}
    assert all(getattr(classes, other)(units[1]) is (other != "normed") for other in others)
