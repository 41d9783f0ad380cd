"""The record of a spectrum written by hand, on both sides of each threshold."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError

import pytest
import torch

from haar.data.spectra import LaplacianSpectrum, SpectralHealth
from haar.data.spectra.spectral_health import spectral_health

F64 = torch.float64


def record(*values, spaces=None, kept=None, scale=2.0):
    """A connected graph's spectrum without its null vector; `kept` columns are returned."""
    kept = len(values) if kept is None else kept
    numbers = torch.arange(len(values)) if spaces is None else torch.tensor(spaces)
    beyond = torch.tensor([0.0, *values], dtype=F64)
    return spectral_health(
        beyond[1 : 1 + kept],
        1 + numbers[:kept],
        beyond=beyond,
        beyond_spaces=torch.cat([torch.zeros(1, dtype=torch.int64), 1 + numbers]),
        first=1,
        asked=kept,
        components=1,
        scale=scale,
        residual=1e-15,
    )


def test_gaps_are_relative_to_the_spectrum_and_near_below_a_millionth():
    near, apart = record(1.0, 1.0 + 1.9e-6, 2.0), record(1.0, 1.0 + 2.1e-6, 2.0)
    assert near.smallest_gap == pytest.approx(0.95e-6, rel=1e-6)
    assert near.predicted_error == pytest.approx(2.0**-52 / 0.95e-6, rel=1e-6)
    assert set(near.warnings) == {"W5"}
    assert near.guarantee == "approximate"
    assert apart.warnings == {}
    assert apart.guarantee == "exact: the spectrum is simple"
    assert (apart.components, apart.multiplicities, apart.residual) == (1, (1, 1, 1), 1e-15)


def test_the_gap_to_the_first_column_left_out_counts_and_gaps_beyond_it_do_not():
    assert record(1.0, 1.5, 1.5 + 1e-7, kept=2).smallest_gap == pytest.approx(0.5e-7, rel=1e-4)
    assert record(0.5, 1.0, 1.5, 1.5 + 1e-7, kept=2).smallest_gap == pytest.approx(0.25)
    alone = record(1.0)
    assert math.isinf(alone.smallest_gap)
    assert alone.predicted_error == 0


def test_near_null_modes_are_small_and_before_a_jump():
    # two small ones, then one more than five times as large
    assert "2 modes, so about 3 clusters" in record(0.1, 0.11, 0.56).warnings["W6"]
    assert "W6" not in record(0.1, 0.11, 0.54).warnings
    assert "W6" in record(0.1, 0.19, 1.0).warnings
    assert "W6" not in record(0.1, 0.21, 1.2).warnings  # above a tenth of the spectrum
    assert "W6" not in record(0.1, 0.56, 0.6).warnings  # one mode: two clusters, and nothing to be confused with


def test_a_repeated_and_a_cut_space_are_told_with_their_numbers():
    found = record(0.5, 1.0, 1.0, 2.0, spaces=[0, 1, 1, 2], kept=3)
    assert found.warnings["W1"].endswith(": 1 (2)")
    assert "W2" not in found.warnings
    cut = record(0.5, 1.0, 1.0, 2.0, spaces=[0, 1, 1, 2], kept=2)
    assert cut.warnings["W2"].endswith("1 of 2 columns of 1; k = 1 or 3 keeps it whole")
    assert "W1" not in cut.warnings
    assert cut.to_dict()["multiplicities"] == [1, 1]


def parts(*values, components=2, first=1, asked=None, spaces=None):
    """A graph of several parts, whose null vectors but the first are among the columns."""
    beyond = torch.tensor([0.0] * components + list(values), dtype=F64)
    numbers = torch.cat([torch.zeros(components, dtype=torch.int64), 1 + torch.arange(len(values))])
    numbers = numbers if spaces is None else torch.tensor(spaces)
    kept = beyond[first:]
    return spectral_health(
        kept,
        numbers[first:],
        beyond=beyond,
        beyond_spaces=numbers,
        first=first,
        asked=len(kept) if asked is None else asked,
        components=components,
        scale=2.0,
        residual=0.0,
    )


def test_null_vectors_are_the_parts_of_a_graph_and_no_repetition():
    found = parts(0.5, 1.5)
    assert set(found.warnings) == {"W3"}
    assert found.warnings["W3"].endswith(": 2 components")
    assert (found.multiplicities, found.smallest_gap) == ((1, 1, 1), 0.5)
    three = parts(0.5, 1.5, components=3)
    assert set(three.warnings) == {"W3"}
    assert (three.multiplicities, three.components) == ((2, 1, 1), 3)
    assert parts(0.5, 1.5, components=1).warnings == {}
    assert "not exact under signs alone" in found.guarantee
    after = parts(0.5, 0.5, components=2, first=2, spaces=[0, 0, 1, 1])
    assert after.warnings["W1"].endswith(": 0.5 (2)")
    assert math.isinf(after.smallest_gap)


def test_clusters_are_the_parts_and_their_near_null_modes():
    assert "2 modes, so about 4 clusters" in parts(0.1, 0.11, 1.0).warnings["W6"]


def test_columns_that_are_missing_are_counted():
    assert parts(0.5, 1.5, asked=4).warnings["W4"].endswith(": 3 of 4")
    assert "W4" not in parts(0.5, 1.5, asked=3).warnings


def test_equal_eigenvalues_of_two_spaces_are_known_to_nothing():
    found = parts(1.0, 1.0, components=1)
    assert (found.smallest_gap, found.predicted_error) == (0, 1)
    assert "relative gap 0.0e+00" in found.warnings["W5"]
    # half of the rounding is left of a gap of twice the rounding
    some = parts(1.0, 1.0 + 2.0**-50, components=1)
    assert some.predicted_error == pytest.approx(0.5)


def test_a_cut_space_says_how_many_columns_keep_it():
    found = record(1.0, 1.0, 1.0, 2.0, spaces=[0, 0, 0, 1], kept=2)
    assert found.warnings["W2"].endswith("2 of 3 columns of 1; k = 3 keeps it whole")
    assert found.warnings["W1"].endswith(": 1 (2)")
    assert found.guarantee.startswith("not exact: an eigenspace is cut")


@pytest.mark.parametrize("kind", [SpectralHealth, LaplacianSpectrum])
def test_records_stay_as_they_were_made(kind):
    with pytest.raises(FrozenInstanceError):
        object.__new__(kind).name = "another"
