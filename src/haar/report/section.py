"""A section of a report: a heading, some words, a table, a figure."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from haar.report.table import Table


@dataclass(frozen=True)
class Section:
    """One part of a report, any piece of which may be missing.

    Args:
        title: Heading; an empty one continues the section before.
        text: Paragraphs, separated by empty lines; `` `code` `` and ``**bold**`` are understood.
        table: A table, shown below the text.
        figure: A figure, shown below the table.
        caption: What the figure shows; it is also the description for readers who do not see it.

    Example:
        >>> Section("Loss", text="It fell.").title
        'Loss'
    """

    title: str = ""
    text: str = ""
    table: Table | None = None
    figure: Figure | None = None
    caption: str = ""
