"""What a verb refuses in Python's words, said in those of the command line: options, and what is done in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError, HaarError

#: What verbs call otherwise than commands do.
_SYNONYMS = {"symmetry": "group", "max_samples": "samples", "path": "output"}
#: Words that mean other things deep inside than as options of a command.
_OTHERWISE = frozenset({"weights", "shape", "order", "size", "labels"})
_KEYWORD = re.compile(r"\b(?P<name>[a-z]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|[\w.+-]*\w|\.\.\.)(?![\w(.])")
#: A call, an attribute of a package, or a keyword: what can be typed in Python alone.
_PYTHON = re.compile(r"\b\w+\(|\b(?:haar|torch|numpy)\.\w|\b[a-z]\w*=|\blambda\b")
_HERE = str(Path(__file__).parent)


@contextmanager
def as_typed(params: Sequence[Any], given: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Let refusals name options and arguments of a command, and say of a way out in Python that it is one.

    Args:
        params: The command's parameters, as click has them.
        given: What was typed. Of a command that takes a file of keys, what was not is a key of the file.

    Raises:
        HaarError: The same error, retold.
    """
    try:
        yield
    except ArgumentError as error:
        called = {param.name: _spelt(param) for param in params}
        name = error.argument if error.argument in called else _SYNONYMS.get(error.argument, "")
        if name in called and name not in _OTHERWISE and _is_typed(name, params, given or {}):
            error.argument = called[name]
        error.way_out = _retold(error.way_out, params, ours=_is_ours(error))
        error.args = (str(error),)
        raise
    except HaarError as error:
        if len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (_with_options(error.args[0], params),)
        raise


def _is_typed(name: str, params: Sequence[Any], given: Mapping[str, Any]) -> bool:
    """Whether a name is that of an option, and not of a key in a file."""
    of_file = any("FILE" in str(param.metavar or "") for param in params)
    options = [param.name for param in params if param.param_type_name == "option"]
    return not of_file or (name in options and given.get(name) is not None)


def _spelt(param: Any) -> str:
    """As it stands in a usage line."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name.upper())
    return str(max(param.opts, key=len))


def _retold(text: str, params: Sequence[Any], *, ours: bool) -> str:
    """A way out, in options where the command has them."""
    told = _with_options(text, params)
    return told if ours or not _PYTHON.search(told) else f"in Python: {told}"


def _with_options(text: str, params: Sequence[Any]) -> str:
    """Keywords as options, where the command has one of the name."""
    by_name = {param.name: param for param in params if param.param_type_name == "option"}

    def option(found: re.Match[str]) -> str:
        param, value = by_name.get(found["name"]), found["value"]
        if param is None:
            return found[0]
        if not param.is_flag:
            return f"{_spelt(param)} {value}"
        spelt = {"True": param.opts, "False": param.secondary_opts}.get(value)
        return max(spelt, key=len) if spelt else found[0]

    return _KEYWORD.sub(option, text)


def _is_ours(error: ArgumentError) -> bool:
    """Whether a file of the command line raised it, whose words are meant for it."""
    origin = error.__cause__ if isinstance(error.__cause__, ArgumentError) else error
    last = origin.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_filename.startswith(_HERE)
