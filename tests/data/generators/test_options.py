from __future__ import annotations

import pytest

from haar.data.generators import GrayScottGenerator
from haar.data.generators.options import option_names, options_of, with_options
from haar.errors import ArgumentError


def test_options_of_a_part_are_spoken_like_others():
    made = with_options(GrayScottGenerator, {"spots": (1, 2), "order": 4})
    assert made.start.spots == (1, 2)
    assert made.order == 4
    assert options_of(made)["spots"] == (1, 2)


def test_a_misspelt_option_is_refused_with_those_that_are_known():
    with pytest.raises(ArgumentError, match=r"options: expected options of gray_scott .*spots, .* got spot$"):
        with_options(GrayScottGenerator, {"spot": (1, 2), "order": 4})


def test_every_option_is_known_by_its_name():
    made = GrayScottGenerator()
    assert options_of(with_options(GrayScottGenerator, options_of(made))) == options_of(made)
    assert set(options_of(made)) == set(option_names(GrayScottGenerator))
