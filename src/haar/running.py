"""The command that runs and what it was told, for pages that say how they were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_command: ContextVar[str] = ContextVar("command", default="")
_options: ContextVar[Mapping[str, object]] = ContextVar("options", default=MappingProxyType({}))


def command() -> str:
    """The command that runs, as it was typed; empty where there is none."""
    return _command.get()


def options() -> Mapping[str, object]:
    """What the command was told, and what it takes where it was not told; None is not known."""
    return _options.get()


@contextmanager
def commanded(words: str) -> Iterator[None]:
    """Within the block this command runs.

    Args:
        words: The command as it was typed.

    Example:
        >>> with commanded("haar systems"):
        ...     command()
        'haar systems'
    """
    token = _command.set(words)
    try:
        yield
    finally:
        _command.reset(token)


@contextmanager
def optioned(told: Mapping[str, object]) -> Iterator[None]:
    """Within the block these are the command's options.

    Args:
        told: By name.

    Example:
        >>> with optioned({"seed": 0}):
        ...     dict(options())
        {'seed': 0}
    """
    token = _options.set(told)
    try:
        yield
    finally:
        _options.reset(token)
