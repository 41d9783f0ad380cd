"""Formulas become pictures when the pages are built: they need no script and no network, and take the page's colour."""

from __future__ import annotations

import html
import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

#: Points of a formula's letters, and how much of them stands in the text beside it.
_SIZE = 16
_FOUND = re.compile(r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>', re.DOTALL)


def on_page_content(text: str, **_: Any) -> str:
    """Put a picture in place of every formula."""
    return _FOUND.sub(lambda found: _drawn(html.unescape(found[2]).strip(), display=found[1] == "div"), text)


def _drawn(formula: str, *, display: bool) -> str:
    svg, height, depth = _svg(formula)
    words = html.escape(formula, quote=True)
    scale = 1.05 / _SIZE
    style = f"height:{height * scale:.3f}em;vertical-align:{-depth * scale:.3f}em"
    image = svg.replace("<svg ", f'<svg class="formula" role="img" aria-label="{words}" style="{style}" ', 1)
    return f'<div class="formula-line">{image}</div>' if display else f"<span>{image}</span>"


def _svg(formula: str) -> tuple[str, float, float]:
    """The picture, its height and how much of it lies below the line, in points."""
    plain = re.sub(r"\\[td]?frac\s*(\d)(\d)", r"\\frac{\1}{\2}", " ".join(formula.split()))
    line = "$" + re.sub(r"\\[td]frac", r"\\frac", plain) + "$"
    with rc_context({"svg.hashsalt": "haar", "mathtext.fontset": "cm"}):
        width, height, depth, *_ = MathTextParser("path").parse(line, dpi=72, prop=FontProperties(size=_SIZE))
        figure = Figure(figsize=((width + 2) / 72, (height + 2) / 72))
        figure.text(1 / (width + 2), (depth + 1) / (height + 2), line, fontsize=_SIZE, color="#010203")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("#010203", "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", text, count=1)
    # names inside a picture are its own: two formulas of a page must not share them
    own = f"f{abs(hash_of(formula))}"
    text = re.sub(r'id="([^"]+)"', rf'id="{own}-\1"', text)
    text = re.sub(r'"#([\w-]+)"', rf'"#{own}-\1"', text)
    return re.sub(r"url\(#", f"url(#{own}-", text), height + 2, depth + 1


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    number = 0
    for letter in text:
        number = (number * 131 + ord(letter)) % 1_000_003
    return number
