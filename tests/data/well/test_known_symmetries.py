"""The registry: families by the longest name that theirs begins with."""

from __future__ import annotations

import pytest

from haar.data import KnownDataSet, known_data_set
from haar.data.well.known_symmetries import KNOWN


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("turbulence_gravity_cooling_64", "turbulence_gravity_cooling"),
        ("turbulence_2d", "turbulence"),
        ("Shear_Flow", "shear_flow"),
        ("mhd_256", "MHD"),
        ("turbulent_radiative_layer_3D", "turbulent_radiative_layer_3D"),
    ],
)
def test_the_longest_name_decides_in_either_case(name, family):
    assert known_data_set(name) is KNOWN[family]


@pytest.mark.parametrize("name", ["", "turb", "my_turbulence"])
def test_what_is_not_known_has_no_entry(name):
    assert known_data_set(name) is None


def test_an_entry_without_words_forbids_nothing():
    entry = KnownDataSet()
    assert (entry.fixed, entry.exchange, entry.shifts, entry.even, entry.parities) == ("", True, True, True, {})
