"""Errors that speak: what is told, on both sides of every bound, and what crosses the border of a process."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from haar.errors import (
    ArgumentError,
    KeywordError,
    MissingExtraError,
    ShapeError,
    check_count,
    check_rate,
    known_keywords,
    one_line,
    printable,
    require,
)


def test_a_refusal_is_one_line_with_the_way_out_where_there_is_one():
    error = ArgumentError("x", expected="a", got=3)
    assert (str(error), error.args) == ("x: expected a, got 3", ("x: expected a, got 3",))
    assert str(ArgumentError("x", expected="a", got=3, way_out="take b")) == "x: expected a, got 3; take b"


def test_what_was_expected_is_told_by_name():
    with pytest.raises(TypeError):
        ArgumentError("x", "a", 3)


def test_the_call_is_told_once_by_the_innermost_that_knows_it():
    error = ShapeError("x", expected="2 axes", got=(3,), way_out="reshape")
    error.in_call("inputs[0]", "act of S")
    error.in_call("other", "an outer call")
    told = "inputs[0]: expected 2 axes, got (3,); reshape (act of S)"
    assert (str(error), error.args) == (told, (told,))


@pytest.mark.parametrize("call", ["", "act of S"])
def test_errors_are_pickled_whole(call):
    error = ShapeError("x", expected="2 axes", got=(3,), way_out="reshape")
    error.in_call("y", call)
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is ShapeError
    assert (str(twin), twin.argument, twin.expected, twin.got, twin.way_out, twin.call, twin.args) == (
        str(error),
        error.argument,
        "2 axes",
        "(3,)",
        "reshape",
        call,
        error.args,
    )


@pytest.mark.parametrize("value", [1, 7, np.int64(2), torch.tensor(3)])
def test_whole_numbers_count(value):
    check_count("k", value)
    check_count("k", 0, least=0)
    check_count("k", 5, least=5)


@pytest.mark.parametrize(
    ("value", "least", "message"),
    [
        (0, 1, "k: expected at least 1, got 0"),
        (-1, 0, "k: expected at least 0, got -1"),
        (4, 5, "k: expected at least 5, got 4"),
        (True, 1, "k: expected a whole number, at least 1, got True"),
        (2.0, 1, "k: expected a whole number, at least 1, got 2.0"),
        ("2", 3, "k: expected a whole number, at least 3, got '2'"),
        (None, 1, "k: expected a whole number, at least 1, got None"),
    ],
)
def test_what_is_no_count(value, least, message):
    with pytest.raises(ArgumentError) as caught:
        check_count("k", value, least=least)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [1e-300, 1, 1e300, None])
def test_rates_are_positive(value):
    check_rate("rate", value)
    check_rate("rate", value, zero=True)
    check_rate("rate", 0.0, zero=True)


@pytest.mark.parametrize("value", [-1e-300, math.inf, -math.inf, math.nan])
def test_what_is_no_rate(value):
    with pytest.raises(ArgumentError, match="rate: expected a number above 0, got"):
        check_rate("rate", value)
    with pytest.raises(ArgumentError, match="rate: expected a number of at least 0, got"):
        check_rate("rate", value, zero=True)
    with pytest.raises(ArgumentError, match="rate: expected a number above 0, got 0"):
        check_rate("rate", 0)


def test_text_for_a_terminal():
    assert one_line(" a\n\tb  c ") == "a b c"
    assert printable("a \n\tb") == "a \n\tb"
    assert printable("a\x07\u200b\u00e4") == "a\\x07\\u200b\u00e4"


class Pot:
    """Something with a constructor."""

    @known_keywords
    def __init__(self, size, *, lid=True):
        self.size, self.lid = size, lid

    @known_keywords
    def stir(self, speed, /, times=1):
        """Round and round."""
        return speed * times


def test_known_keywords_pass():
    pot = Pot(3, lid=False)
    assert (pot.size, pot.lid, Pot(size=4).size) == (3, False, 4)
    assert pot.stir(2.0, times=3) == 6.0
    assert Pot.stir.__doc__ == "Round and round."


def test_unknown_keywords_are_refused_with_those_that_there_are():
    with pytest.raises(KeywordError) as caught:
        Pot(3, lit=False)
    expected = "a keyword of Pot (size, lid), got an unexpected keyword argument 'lit'; did you mean lid?"
    assert str(caught.value) == f"lit: expected {expected}"
    with pytest.raises(KeywordError, match=r"a keyword of Pot\.stir \(times\), got .* argument 'colour'$"):
        Pot(3).stir(1.0, colour="red")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        Pot()


def test_what_is_not_installed_is_told_with_its_extra():
    assert require("math", "none") is math
    with pytest.raises(MissingExtraError) as caught:
        require("haar_has_no_such_module", "plots")
    told = "haar_has_no_such_module is needed here and is not installed; install it with: pip install "
    assert str(caught.value).startswith(told)
    assert "pip install 'haar[plots]'" in str(caught.value)
    assert isinstance(caught.value.__cause__, ImportError)
