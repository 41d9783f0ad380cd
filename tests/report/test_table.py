from __future__ import annotations

import io

import pytest
from rich.console import Console

from haar.errors import ShapeError
from haar.report import Table

TABLE = Table(
    "losses <of two>",
    ("model", "loss", "steps", "better"),
    [("base", 0.123456, 10, None), ("averaged & soft", float("nan"), 8, True), ("wrong", None, 8, False)],
    note="lower is better",
    verdicts=("better",),
)


def test_a_terminal_shows_numbers_words_and_dashes():
    stream = io.StringIO()
    Console(file=stream, width=100).print(TABLE.rich())
    shown = stream.getvalue()
    for piece in ("losses <of two>", "0.1235", "averaged & soft", "yes", "no", "–", "lower is better"):
        assert piece in shown


def test_a_page_escapes_words_and_marks_verdicts():
    html = TABLE.html()
    assert "losses &lt;of two&gt;" in html
    assert "averaged &amp; soft" in html
    assert '<td class="good">yes</td>' in html
    assert '<td class="bad">no</td>' in html
    assert '<td class="number">0.1235</td>' in html
    assert html.count("<tr>") == 4


def test_the_dictionary_keeps_values():
    assert TABLE.to_dict()["rows"][0] == ["base", 0.123456, 10, None]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ShapeError, match=r"rows\[1\]: expected 2 values, one a column, got 1"):
        Table("t", ("a", "b"), [(1, 2), (1,)])


def test_only_verdicts_are_coloured():
    table = Table("t", ("generator", "holds"), [(True, False)], verdicts=("holds",))
    assert '<td>yes</td><td class="bad">no</td>' in table.html()


def test_it_is_printed_as_wide_as_the_terminal_and_never_narrower_than_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    shown = TABLE.text()
    assert "averaged & soft" in shown
    assert "\x1b" not in shown
    assert shown == "\n".join(line.rstrip() for line in shown.splitlines())
    long = Table("", ("a", "b"), [("x" * 60, "y" * 60)])
    monkeypatch.setenv("COLUMNS", "200")
    assert f"{'x' * 60}   {'y' * 60}" in long.text()
    monkeypatch.setenv("COLUMNS", "30")
    assert max(map(len, long.text().splitlines())) <= 80
