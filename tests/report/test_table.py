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
    assert '<td class="good verdict">yes</td>' in html
    assert '<td class="bad verdict">no</td>' in html
    assert '<td class="number">0.1235</td>' in html
    assert html.count("<tr>") == 4


def test_the_dictionary_keeps_values():
    assert TABLE.to_dict()["rows"][0] == ["base", 0.123456, 10, None]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ShapeError, match=r"rows\[1\]: expected 2 values, one a column, got 1"):
        Table("t", ("a", "b"), [(1, 2), (1,)])


def test_only_verdicts_are_coloured():
    table = Table("t", ("generator", "holds"), [(True, False)], verdicts=("holds",))
    assert '<td>yes</td><td class="bad verdict">no</td>' in table.html()


def test_numbers_stand_right_and_words_left():
    table = TABLE.rich()
    assert [column.justify for column in table.columns] == ["left", "right", "right", "left"]
    assert {column.overflow for column in table.columns} == {"fold"}
    assert (str(table.title), str(table.caption)) == ("losses <of two>", "lower is better")
    assert (table.title_justify, table.caption_justify) == ("left", "left")
    empty = Table("", ("a",), [(None,)])
    assert (empty.rich().title, empty.rich().caption) == (None, None)
    assert empty.rich().columns[0].justify == "left"  # nothing is known of it
    assert "caption" not in empty.html()
    assert "class" not in empty.html().removeprefix('<div class="table">')
    assert "number" not in Table("t", ("a",), [(1,), (True,)]).html()


def test_verdicts_in_a_terminal():
    words = Table("t", ("a", "b"), [("holds", "holds"), ("contradicted", "no"), ("open", True)], verdicts=("b",))
    cells = [list(column.cells) for column in words.rich().columns]
    assert [str(cell.style) for cell in cells[0]] == ["", "", ""]
    assert [str(cell.style) for cell in cells[1]] == ["green", "bold red", "green"]
    assert 'class="good verdict">holds' in words.html()
    assert 'class="bad verdict">contradicted' in Table("t", ("a",), [("contradicted",)], verdicts=("a",)).html()
    assert 'class="number">3' in Table("t", ("a",), [(3,)], verdicts=("a",)).html()


def test_a_table_as_text():
    assert Table("t", ("a|b", "c"), [("x|y", 0.5), (True, None)]).markdown() == (
        "| a\\|b | c |\n|---|---|\n| x\\|y | 0.5 |\n| yes | – |\n"
    )


def test_the_dictionary_has_all_of_it():
    assert Table("t", ("a",), [(1,)], "note").to_dict() == {
        "title": "t",
        "columns": ["a"],
        "rows": [[1]],
        "note": "note",
    }
    assert '<p class="note">lower is better</p>' in TABLE.html()
    assert "<caption>losses &lt;of two&gt;</caption>" in TABLE.html()


def test_it_is_printed_as_wide_as_the_terminal_and_never_narrower_than_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    shown = str(TABLE)
    assert "averaged & soft" in shown
    assert "\x1b" not in shown
    assert shown == "\n".join(line.rstrip() for line in shown.splitlines())
    long = Table("", ("a", "b"), [("x" * 60, "y" * 60)])
    monkeypatch.setenv("COLUMNS", "200")
    assert f"{'x' * 60}   {'y' * 60}" in str(long)
    monkeypatch.setenv("COLUMNS", "30")
    assert max(map(len, str(long).splitlines())) <= 80
    assert "x" * 76 in str(Table("", ("a",), [("x" * 76,)]))  # and a margin of two at either side
    assert "x" * 77 not in str(Table("", ("a",), [("x" * 77,)]))


def test_numbers_are_not_broken_at_the_end_of_a_line():
    table = Table(
        "", ("claim", "bound", "here"), [("a & b, at most -1e-12", "<= 1.5e-12", "0.1"), ("c", ">= 1000", "<5>")]
    )
    html = table.html()
    assert '<td>a &amp; b, at most <span class="kept">-1e-12</span></td>' in html
    assert '<td><span class="kept">&lt;= 1.5e-12</span></td><td>0.1</td>' in html
    assert '<td><span class="kept">&gt;= 1000</span></td><td>&lt;5&gt;</td>' in html
    assert '<table class="judged">' not in html
    judged = Table("", ("claim", "verdict"), [("a", "holds"), ("b", "open")], verdicts=("verdict",)).html()
    assert '<table class="judged">' in judged
    assert '<th class="verdict">verdict</th>' in judged
    assert '<td class="verdict">open</td>' in judged


def test_a_row_of_markdown_is_a_line_whatever_is_in_it():
    lines = Table("", ("name", "x|y"), [("one\ntwo", "a\nb|c")]).markdown().splitlines()
    assert lines == ["| name | x\\|y |", "|---|---|", "| one two | a b\\|c |"]
