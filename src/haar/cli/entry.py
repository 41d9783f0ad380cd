"""``module:function`` on the command line: what is imported from the current folder and called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from haar.cli.failure import own_code
from haar.errors import ArgumentError, HaarError


def imported(text: str, argument: str, *, forms: str = "module:function") -> Any:
    """What a name stands for.

    Args:
        text: ``module:function``; modules of the current folder are found.
        argument: What the user calls it, for the message.
        forms: What else it may be, for the message.

    Raises:
        ArgumentError: If it cannot be imported.
    """
    module, colon, name = text.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    if not colon or not all(part.isidentifier() for part in [*module.split("."), *name.split(".")]):
        raise ArgumentError(argument, expected=f"{forms} that can be imported from here", got=repr(text))
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except HaarError:
        raise
    except (Exception, SystemExit) as error:
        raise ArgumentError(
            argument, expected=f"{forms} that can be imported from here", got=f"{text} ({brief(error)})"
        ) from error
    return found


def called(
    text: str, arguments: Mapping[str, Any], argument: str, *, forms: str = "module:function", way_out: str = ""
) -> Any:
    """What a named function returns.

    Args:
        text: ``module:function``.
        arguments: Its arguments by name.
        argument: What the user calls it, for the message.
        forms: What else it may be, for the message.
        way_out: What the user can do about one that fails.

    Raises:
        ArgumentError: If it cannot be imported, or fails.
    """
    function = imported(text, argument, forms=forms)
    try:
        return function(**arguments)
    except ArgumentError:
        raise
    except (Exception, SystemExit) as error:
        raise ArgumentError(
            argument, expected="a function that can be called", got=f"{text} ({brief(error)})", way_out=way_out
        ) from error


def brief(error: BaseException) -> str:
    """An error of the user's own code in a few words: its kind, its message, and where it was raised.

    Example:
        >>> brief(ValueError("no"))
        'ValueError: no'
    """
    kind = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
    told = " ".join(kind.split())[:200]
    place = own_code(error)
    return f"{told}, at {place}" if place else told
