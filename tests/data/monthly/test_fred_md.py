"""FRED-MD's CSV: what is read, transformed by hand, and refused with its row and series."""

from __future__ import annotations

import numpy as np
import pytest

from haar.data.monthly import read_fred_md, transformed
from haar.data.monthly.description import MonthlyDescription
from haar.errors import ArgumentError, DataError

HEAD = "sasdate,RPI,UNRATE,CPI\nTransform:,5,2,6\n"
ROWS = "1/1/1959,10,5.0,100\n2/1/1959,11,,101\n3/1/1959,12,5.5,103\n4/1/1959,12,5.25,106\n"


def written(tmp_path, text, name="current.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_file_is_read_as_it_is_published(tmp_path):
    table = read_fred_md(written(tmp_path, HEAD + ROWS + ",,,\n"))  # published files end with empty rows
    assert table.names == ("RPI", "UNRATE", "CPI")
    assert table.codes == (5, 2, 6)
    assert [str(date) for date in table.dates] == ["1959-01-01", "1959-02-01", "1959-03-01", "1959-04-01"]
    np.testing.assert_array_equal(table.values[:, 0], [10, 11, 12, 12])
    assert np.isnan(table.values[1, 1])
    assert table.missing == {"UNRATE": 1}
    assert table.complete().names == ("RPI", "CPI")


def test_series_are_transformed_by_their_codes(tmp_path):
    table = read_fred_md(written(tmp_path, HEAD + ROWS)).transformed()
    logs = np.log([100.0, 101, 103, 106])
    np.testing.assert_allclose(table.values[:, 0], [np.log(12 / 11), 0], atol=1e-15)
    np.testing.assert_allclose(table.values[:, 1], [np.nan, -0.25])
    np.testing.assert_allclose(table.values[:, 2], np.diff(logs, 2), atol=1e-15)
    assert table.codes == (1, 1, 1)
    assert len(read_fred_md(written(tmp_path, HEAD + ROWS)).transformed(drop=0).dates) == 4


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1, [2.0, 3, 6, 3]),
        (2, [np.nan, 1, 3, -3]),
        (3, [np.nan, np.nan, 2, -6]),
        (4, np.log([2.0, 3, 6, 3])),
        (5, [np.nan, np.log(1.5), np.log(2), -np.log(2)]),
        (6, [np.nan, np.nan, np.log(2) - np.log(1.5), -2 * np.log(2)]),
        (7, [np.nan, np.nan, 0.5, -1.5]),
    ],
)
def test_every_code_by_hand(code, expected):
    np.testing.assert_allclose(transformed(np.array([2.0, 3, 6, 3]), code), expected, atol=1e-15)


def test_data_frames_have_dates_and_names(tmp_path):
    frame = read_fred_md(written(tmp_path, HEAD + ROWS)).frame()
    assert list(frame.columns) == ["RPI", "UNRATE", "CPI"]
    assert str(frame.index[1].date()) == "1959-02-01"
    assert frame["RPI"].iloc[2] == 12


def test_a_description_counts_series_months_and_what_is_missing(tmp_path):
    table = read_fred_md(written(tmp_path, HEAD + ROWS + "6/1/1959,1,1,\n"))
    found = MonthlyDescription(table, name="current.csv", most=2)
    told = found.to_dict()
    assert (told["months"], told["gaps"], told["first"], told["last"]) == (5, 1, "1959-01", "1959-06")
    assert told["missing"] == {"UNRATE": 1, "CPI": 1}
    assert told["complete"] == 1
    codes, series = (section.table for section in found.sections())
    assert [row[0] for row in codes.rows] == [2, 5, 6]
    assert [row[0] for row in series.rows] == ["UNRATE", "CPI"]
    assert series.note == "and 1 more series"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sasdate,RPI\n1/1/1959,1\n2/1/1959,2\n", "expected FRED-MD's layout: a row of series, a row 'Transform:'"),
        (HEAD, "expected FRED-MD's layout"),
        (HEAD.replace("5,2,6", "5,8,6") + ROWS, "row 2: series UNRATE: expected a code from 1 to 7, got '8'"),
        (HEAD.replace("UNRATE", "RPI") + ROWS, "row 1: expected a name of its own for every series"),
        (HEAD + ROWS.replace("5.5", "n.a."), "row 5: series UNRATE: expected a number, got 'n.a.'"),
        (HEAD + ROWS.replace("3/1/1959", "Q1"), "row 5: expected a date such as 1/1/1959, got 'Q1'"),
        (HEAD + ROWS.replace("3/1/1959", "1/1/1959"), "row 5: 1/1/1959 is not later than the row before; sort"),
        (HEAD + ROWS.replace(",103", ""), "row 5: expected 4 cells, got 3"),
    ],
)
def test_what_has_another_layout_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_fred_md(written(tmp_path, text))


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"missing\.csv: No such file"):
        read_fred_md(tmp_path / "missing.csv")
    path = tmp_path / "image.csv"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match=r"image\.csv: .*expected FRED-MD's layout"):
        read_fred_md(path)


def test_a_logarithm_of_what_is_not_positive_names_its_series(tmp_path):
    table = read_fred_md(written(tmp_path, HEAD + ROWS.replace(",10,", ",0,")))
    with pytest.raises(
        ArgumentError, match=r"series RPI: expected positive numbers for code 5 \(first diff.*got 0 among"
    ):
        table.transformed()
    with pytest.raises(ArgumentError, match=r"values: expected no 0 for code 7"):
        transformed(np.array([0.0, 1, 2]), 7)
    with pytest.raises(ArgumentError, match="code: expected 1 to 7, got 8"):
        transformed(np.array([1.0]), 8)
