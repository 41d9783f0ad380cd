"""How a page was made: the command, the versions and the day, below what was found."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, version

from haar.report.table import Table

_command: ContextVar[str] = ContextVar("command", default="")
_PACKAGES = ("haar", "torch", "numpy")


@contextmanager
def commanded(words: str) -> Iterator[None]:
    """Pages that are written within the block say that this command made them.

    Args:
        words: The command as it was typed.
    """
    token = _command.set(words)
    try:
        yield
    finally:
        _command.reset(token)


def making(told: Mapping[str, object]) -> Table:
    """The table at the end of a page.

    Args:
        told: What the report itself knows: of its model, data, seed, conventions; what is None or empty is left out.

    Example:
        >>> [row[0] for row in making({"model": "Conv2d", "seed": None}).rows]
        ['model', 'command', 'versions']
        >>> with commanded("haar audit model.pt2 data"):
        ...     dict(making({}).rows)["command"]
        'haar audit model.pt2 data'
    """
    known = {name: str(words) for name, words in told.items() if words is not None and str(words)}
    rows = [
        *known.items(),
        ("command", _command.get() or "none: called from Python"),
        ("versions", ", ".join([*filter(None, map(_versioned, _PACKAGES)), f"Python {platform.python_version()}"])),
    ]
    return Table("", ("what", "which"), rows)


def _versioned(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""
