"""``module:function``: the user's own code, imported from the current folder and called; where in it an error was."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError, HaarError

# Code that no user of the command wrote: this library, Python's own, and what is installed.
_OTHERS = (
    str(Path(__file__).resolve().parent),
    *(str(Path(sysconfig.get_paths()[kind]).resolve()) for kind in ("stdlib", "purelib", "platlib")),
)


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
        text: What to call, as ``module:function``.
        arguments: Keyword arguments of the call.
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


def own_code(error: BaseException) -> str:
    """The innermost line of the user's own code that an error went through; empty if there is none."""
    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith("<") and not str(Path(file).resolve()).startswith(_OTHERS):
            name = os.path.relpath(file) if len(os.path.relpath(file)) < len(file) else file
            found = f"{name}, line {line}, in {frame.f_code.co_name}"
    return found or (own_code(error.__cause__) if error.__cause__ is not None else "")
