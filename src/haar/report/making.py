"""How a page was made: what of, by which command, with which versions; below what was found."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from haar import running
from haar.report.table import Table

_FIRST = ("model", "data", "group", "seed", "conventions")
_PACKAGES = ("haar", "torch", "numpy")


def making(told: Mapping[str, object]) -> Table:
    """The table at the end of a page.

    Args:
        told: What the report itself knows: of its model, data, seed, conventions; what is None or empty is left out.

    Example:
        >>> [row[0] for row in making({"model": "Conv2d", "seed": None}).rows]
        ['model', 'command', 'versions']
        >>> with running.commanded("haar audit model.pt2 data"), running.optioned({"model": "model.pt2", "batch": 8}):
        ...     making({"model": "Conv2d"}).rows[:3]
        [('model', 'model.pt2: Conv2d'), ('command', 'haar audit model.pt2 data'), ('options', 'batch 8')]
    """
    given = {name: value for name, value in running.options().items() if value is not None}
    known = {name: str(words) for name, words in told.items() if words is not None and str(words)}
    for name in ("model", "data", "seed"):
        if name in given:
            value = str(given.pop(name))
            known[name] = f"{value}: {known[name]}" if name in known and name != "seed" else value
    order = sorted(known, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    rows = [(name, known[name]) for name in order]
    rows.append(("command", running.command() or "none: called from Python"))
    if given:
        rows.append(("options", ", ".join(f"{name} {value}" for name, value in given.items())))
    versions = [*filter(None, map(_versioned, _PACKAGES)), f"Python {platform.python_version()}"]
    return Table("", ("what", "which"), [*rows, ("versions", ", ".join(versions))])


def _versioned(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
