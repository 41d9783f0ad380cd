"""One self-contained HTML page: words, tables and figures in a single file that opens anywhere, light or dark."""

from __future__ import annotations

import html
import io
import os
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from matplotlib.figure import Figure

from haar.files import atomic_path
from haar.report.panels import DOTS_PER_INCH, picture, plain_dollars
from haar.report.section import Section


def page(title: str, sections: Sequence[Section], *, summary: str = "", kicker: str = "haar", footer: str = "") -> str:
    """Lay out a page.

    Args:
        title: Heading of the page.
        sections: Parts of the page, in order.
        summary: What was found, in a sentence or two, shown large.
        kicker: A few words above the title.
        footer: The last line, such as versions.

    Returns:
        A complete HTML document; figures are inlined, nothing is loaded from anywhere.

    Example:
        >>> "<h2>Loss</h2>" in page("Result", [Section("Loss", "It fell.")])
        True
    """
    body = "\n".join(_section(section) for section in sections)
    lead = f'<div class="lead">{paragraphs(summary)}</div>' if summary else ""
    foot = f"<footer>{html.escape(footer)}</footer>" if footer else ""
    return _PAGE.format(
        title=html.escape(title),
        style=resources.files("haar.report").joinpath("page.css").read_text(encoding="utf-8"),
        kicker=html.escape(kicker),
        lead=lead,
        body=body,
        footer=foot,
    )


def write_page(path: str | os.PathLike[str], text: str) -> Path:
    """Write a page, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files may be no text
    return Path(path)


def png(figure: Figure) -> bytes:
    """A figure as PNG, the same bytes for the same figure.

    Example:
        >>> png(Figure(figsize=(1, 1)))[1:4]
        b'PNG'
    """
    plain_dollars(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def paragraphs(text: str) -> str:
    """Plain text as HTML paragraphs, with `` `code` `` and ``**bold**``.

    Example:
        >>> paragraphs("Use `D4`, **not** <b>.")
        '<p>Use <code>D4</code>, <strong>not</strong> &lt;b&gt;.</p>'
    """
    parts = (part.strip() for part in re.split(r"\n\s*\n", text))
    marked = (
        _BOLD.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", html.escape(part))) for part in parts if part
    )
    return "".join(f"<p>{part}</p>" for part in marked)


def _section(section: Section) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"] if section.title else []
    parts.append(paragraphs(section.text))
    if section.table is not None:
        parts.append(section.table.html())
    if section.figure is not None:
        caption = f"<figcaption>{html.escape(section.caption)}</figcaption>" if section.caption else ""
        parts.append(f"<figure>{picture(section.figure, section.caption or section.title)}{caption}</figure>")
    return f"<section>{''.join(parts)}</section>"


_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><p class="kicker">{kicker}</p><h1>{title}</h1>{lead}</header>
{body}
{footer}
</main>
</body>
</html>
"""
