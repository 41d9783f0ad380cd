"""How conventions are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from haar.audit.conventions import Choice, ConventionAudit


@pytest.fixture
def report():
    choices = [
        Choice("centring", "cell", None, {"cell": 1.0, "node": 1.01}, 0.5),
        Choice("parity: w", "scalar", "pseudoscalar", {"scalar": 30.123, "pseudoscalar": 0.999}, 12.0),
        Choice("parity: q", "scalar", "scalar", {"scalar": 0.999, "pseudoscalar": 5.0}, 9.0),
    ]
    return ConventionAudit(choices, "D4", 16, 30.123, 0.999)


def test_the_warning(report):
    assert report.warning == (
        "The labels contradict the stated conventions: parity: w is pseudoscalar, not scalar. A law fitted to the data "
        "predicts moved samples 30.1 times as badly as samples as they are under the stated conventions, and 0.999 "
        "times under these."
    )
    assert report.summary == f"{report.warning} The data do not tell: centring."


def test_the_table_and_the_picture(report):
    (section,) = report.sections()
    assert [row[-1] for row in section.table.rows] == ["–", "contradicted", "holds"]
    assert section.table.rows[1][1:6] == ("scalar", 30.1, "pseudoscalar", 0.999, 12.0)
    (axes,) = report.figure().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["parity: q", "parity: w", "centring"]
    assert [text.get_text() for text in axes.texts] == [
        *("scalar", "pseudoscalar"),
        *("scalar", "pseudoscalar"),
        "cell or node",
    ]


def test_it_says_and_shows_what_it_did(report, report_as_recorded):
    report_as_recorded(report, Path(__file__).parent / "told.json")
