"""What every report object can do."""

from __future__ import annotations

import html
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.table import Table as RichTable

from haar.errors import ArgumentError
from haar.report.drawing import figure_of
from haar.report.json_file import plain, write_json
from haar.report.making import making
from haar.report.page import page, paragraphs, write_page
from haar.report.section import Section
from haar.report.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame


class Report(ABC):
    """Something that was found, with one way to read it for a program, a terminal, a plot and a reader.

    A subclass says what it found (`contents`) and how it is told (`title`, `summary`, `sections`).

    Attributes:
        kind: What sort of report this is, for readers of the JSON.
        schema: Number of the JSON's layout; it rises when a key changes its meaning or goes away.

    Example:
        >>> class Count(Report):
        ...     kind = "count"
        ...     title = "A count"
        ...     def contents(self):
        ...         return {"found": 3}
        ...     def sections(self):
        ...         return [Section("Found", "Three.")]
        >>> Count().to_dict()
        {'kind': 'count', 'schema': 1, 'found': 3}
    """

    kind: ClassVar[str]
    schema: ClassVar[int] = 1
    title: str

    @abstractmethod
    def contents(self) -> dict[str, Any]:
        """What was found: names to numbers, strings, tensors, or containers of these."""

    @abstractmethod
    def sections(self) -> Sequence[Section]:
        """How it is told, in order."""

    @property
    def summary(self) -> str:
        """What was found, in a sentence or two."""
        return ""

    @property
    def footer(self) -> str:
        """The last line of the page."""
        return ""

    @property
    def made_of(self) -> Mapping[str, object]:
        """What the page says of where it comes from: model, data, seed, conventions; by name, in order."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Everything that was found, ready for JSON (a number that is not finite is None)."""
        found: dict[str, Any] = plain({"kind": self.kind, "schema": self.schema, **self.contents()})
        return found

    def table(self) -> RichTable:
        """The first table of the sections, for a terminal.

        Raises:
            ArgumentError: If there is none.
        """
        return self._first_table().rich()

    def to_pandas(self) -> DataFrame:
        """The first table of the sections as a data frame, with its numbers as they are.

        Raises:
            ArgumentError: If there is none.
            MissingExtraError: If pandas is not installed.
        """
        return self._first_table().to_pandas()

    def _first_table(self) -> Table:
        for section in self.sections():
            if section.table is not None:
                return section.table
        raise ArgumentError("table", expected=f"a {self.kind} report with a table", got="none")

    def figure(self, *, ax: Axes | None = None) -> Figure:
        """The first figure of the sections, or what is most important of it on given axes.

        Args:
            ax: Axes of a figure of your own, for reports that can be drawn on one.

        Raises:
            ArgumentError: If there is no figure, or none for a single axes.
        """
        if ax is not None:
            figure = figure_of(ax)
            self.draw(ax)
            return figure
        for section in self.sections():
            if section.figure is not None:
                return section.figure
        raise ArgumentError("figure", expected=f"a {self.kind} report with a figure", got="none")

    def draw(self, axes: Axes) -> None:
        """Draw what is most important on given axes.

        Raises:
            ArgumentError: If the report is no single picture.
        """
        del axes
        raise ArgumentError(
            "ax",
            expected="nothing: this report is no picture on one axes",
            got=f"axes for a {self.kind} report",
            way_out="figure() makes its own",
        )

    def save_json(self, path: str | os.PathLike[str]) -> Path:
        """Write `to_dict` as JSON, whole or not at all."""
        return write_json(path, self.to_dict())

    def save_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one self-contained page, whole or not at all."""
        sections = [*self.sections(), Section("How this page was made", table=making(self.made_of))]
        text = page(self.title, sections, summary=self.summary, kicker=f"haar · {self.kind}", footer=self.footer)
        return write_page(path, text)

    def __str__(self) -> str:
        """As it is printed: title, summary and the first table."""
        table = next((section.table for section in self.sections() if section.table is not None), None)
        told = [self.title, re.sub(r"\*\*|`", "", self.summary), "" if table is None else str(table)]
        return "\n\n".join(part for part in told if part)

    def _repr_html_(self) -> str:
        """In a notebook: title, summary and tables."""
        tables = "".join(section.table.html() for section in self.sections() if section.table is not None)
        return f"<h3>{html.escape(self.title)}</h3>{paragraphs(self.summary)}{tables}"
