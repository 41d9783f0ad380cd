"""How a verb hands over its report: files where they were asked for, then JSON or tables and a last word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # it would import more than `haar --help` needs
    from haar.report import Report


def deliver(
    report: Report, out: Path | None, file: str, word: str, *, as_json: bool, answers: int | None = None
) -> None:
    """Write and print a report.

    Args:
        report: The report to be shown and written.
        out: Folder for ``report.html`` and `file`, if it was asked for.
        file: Name of the JSON file.
        word: Sentence that is printed after the answer.
        as_json: Whether to print one JSON object instead of tables.
        answers: How many tables are the answer; the others are diagnostics and follow the sentence. By default all.
    """
    from haar.cli.screen import console
    from haar.cli.tables import print_tables
    from haar.report.json_file import dumps

    if out is not None:
        report.save_json(out / file)
        report.save_html(out / "report.html")
    if as_json:
        typer.echo(dumps(report.to_dict()), nl=False)
        return
    screen = console()
    sections = [section for section in report.sections() if section.table is not None]
    first = len(sections) if answers is None else answers
    print_tables(screen, sections[:first])
    screen.print(word, style="bold")
    print_tables(screen, sections[first:])
    if out is not None:
        screen.print(f"report: {out / 'report.html'}")
