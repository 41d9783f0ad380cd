from __future__ import annotations

import pytest

from haar.data.naming import known
from haar.errors import ArgumentError


def test_a_name_that_is_there_comes_back():
    assert known("u", iter(["p", "u"]), argument="fields") == "u"


@pytest.mark.parametrize(
    ("name", "names", "message"),
    [
        ("presure", ["pressure", "density"], r"f: expected a field .* got 'presure'; did you mean 'pressure'\?$"),
        ("xyz", ["pressure"], r"f: expected a field of this data set \(pressure\), got 'xyz'$"),
        ("p", [], r"f: expected a field of this data set \(it has none\), got 'p'$"),
    ],
)  # fmt: skip
def test_one_that_is_not_is_refused_with_the_nearest(name, names, message):
    with pytest.raises(ArgumentError, match=message):
        known(name, names, argument="f")
