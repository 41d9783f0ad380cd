"""What blocks printed: sentences that are longer than a line of code wrap, tables keep their columns."""

from __future__ import annotations

import html
import re
from typing import Any

#: Letters of a line that stands beside the navigation.
_LINE = 88
_FOUND = re.compile(r'<div class="printed">(.*?)</div>', re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")


def on_page_content(text: str, **_: Any) -> str:
    """Mark what is sentences."""
    return _FOUND.sub(_marked, text)


def _marked(found: re.Match[str]) -> str:
    lines = html.unescape(_TAGS.sub("", found[1])).splitlines()
    columns = any("  " in line.strip() for line in lines)
    if columns or max(map(len, lines), default=0) <= _LINE:
        return found[0]
    return found[0].replace('class="printed"', 'class="printed sentences"', 1)
