"""Tables in the terminal: cut so that no word breaks."""

from __future__ import annotations

import io

from rich.console import Console

from haar.cli.tables import fitted, print_table, print_tables
from haar.report import Section, Table

WIDE = Table("Errors", ("name", "first", "second", "third"), [("a", 1.0, 2.0, 3.0), ("b", 4.0, 5.0, 6.0)], "a note")


def printed(width, show):
    page = io.StringIO()
    show(Console(width=width, file=page, color_system=None))
    return page.getvalue()


def test_a_table_that_fits_stays_whole():
    assert fitted(WIDE, 60) == [WIDE]


def test_parts_begin_with_the_first_column_and_share_title_and_note():
    parts = fitted(WIDE, 22)
    assert [part.columns for part in parts] == [("name", "first"), ("name", "second"), ("name", "third")]
    assert [part.title for part in parts] == ["Errors", "", ""]
    assert [part.note for part in parts] == ["", "", "a note"]
    assert [part.rows for part in parts] == [
        [["a", 1.0], ["b", 4.0]],
        [["a", 2.0], ["b", 5.0]],
        [["a", 3.0], ["b", 6.0]],
    ]
    assert [part.columns for part in fitted(WIDE, 30)] == [("name", "first", "second"), ("name", "third")]


def test_a_word_that_is_broken_in_any_case_does_not_cut_the_rest():
    long = "x" * 50
    table = Table("", ("file", "one", "two", "three"), [(long, 1, 2, 3)])
    assert [part.columns for part in fitted(table, 40)] == [("file", "one", "two", "three")]


def test_a_section_is_named_where_its_table_is_not():
    nameless = Table("", ("n",), [(1,)])
    page = printed(60, lambda screen: print_tables(screen, [Section("Counts", table=nameless), Section("Only words")]))
    assert page.splitlines()[0] == "Counts"
    assert "Only words" not in page
    page = printed(60, lambda screen: print_tables(screen, [Section("Counts", table=WIDE)]))
    assert "Counts" not in page
    assert "Errors" in page
    page = printed(22, lambda screen: print_table(screen, WIDE))
    assert page.count("name") == 3
    assert "a note" in page
