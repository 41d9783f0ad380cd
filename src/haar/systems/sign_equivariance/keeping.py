"""What was measured before is read again: a killed run goes on behind the last network that it finished."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from haar.report import write_json


class Kept:
    """Measures in one folder, one file each.

    Args:
        folder: Where the files lie.
        advance: Called after every measure, old or new.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = Kept(Path(folder))
        ...     [kept("a", lambda: {"x": 1}), kept("a", lambda: {"x": 2})]
        [{'x': 1}, {'x': 1}]
    """

    def __init__(self, folder: Path, advance: Callable[[], None] = lambda: None) -> None:
        self.folder, self.advance = folder, advance

    def __call__(self, name: str, measure: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The measure of a name; made if it is not there, and read from its file in both cases."""
        path = self.folder / f"{name}.json"
        if not path.is_file():
            write_json(path, measure())
        self.advance()
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return kept
