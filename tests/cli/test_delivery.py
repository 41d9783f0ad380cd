"""What a command says: every table once, the answer before what it stands on."""

from __future__ import annotations

import json

import pytest

from haar.cli.delivery import deliver
from haar.report import Report, Section, Table


class Told(Report):
    """Three sections, two of them with a table."""

    kind = "told"
    title = "Told"

    def contents(self):
        return {"found": 3}

    def sections(self):
        tables = {title: Table(title, ("a",), [[1]]) for title in ("One", "Two")}
        return [Section("Words", "Three."), *(Section(title, "", table) for title, table in tables.items())]


@pytest.mark.parametrize(
    ("answers", "order"),
    [
        (None, ["One", "Two", "The answer."]),
        (1, ["One", "The answer.", "Two"]),
        (9, ["One", "Two", "The answer."]),
    ],
)
def test_every_table_is_printed_once_and_in_order(capsys, answers, order):
    deliver(Told(), None, "told.json", "The answer.", as_json=False, answers=answers)
    printed = capsys.readouterr().out
    assert [printed.count(word) for word in order] == [1, 1, 1]
    assert [printed.index(word) for word in order] == sorted(printed.index(word) for word in order)


def test_files_and_json(capsys, tmp_path):
    deliver(Told(), tmp_path, "told.json", "The answer.", as_json=True)
    assert (
        json.loads(capsys.readouterr().out)["found"] == json.loads((tmp_path / "told.json").read_text())["found"] == 3
    )
    assert "Two" in (tmp_path / "report.html").read_text()
