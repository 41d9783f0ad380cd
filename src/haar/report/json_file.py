"""JSON that every reader accepts: no NaN, no infinity, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from haar.errors import ArgumentError
from haar.files import atomic_path


def plain(value: Any) -> Any:
    """Turn a value into dictionaries, lists, strings, numbers and None.

    Tensors and arrays become nested lists; dataclasses become dictionaries; a number that is not finite becomes
    None, since JSON has no word for it.

    Args:
        value: Anything made of mappings, sequences, sets, dataclasses, enums, paths, arrays, tensors and scalars.

    Returns:
        The same for JSON.

    Raises:
        ArgumentError: If some part is of another kind.

    Example:
        >>> plain({"loss": float("nan"), 2: (1, 2.5)})
        {'loss': None, '2': [1, 2.5]}
    """
    if value is None or (isinstance(value, (bool, int, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    for fits, made in _KINDS:
        if fits(value):
            return made(value)
    raise ArgumentError("value", expected="numbers, strings, sequences, mappings or arrays", got=type(value).__name__)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _in_order(items: list[Any]) -> list[Any]:
    """Items of a set, the smallest first; of several kinds in the order of what JSON says of them."""
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=json.dumps)


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


#: What is made of parts, in the order in which it is asked for, and what JSON says in its place.
_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (_is(Enum), lambda value: plain(value.value)),
    (_is(Mapping), lambda value: {str(key): plain(item) for key, item in value.items()}),
    (_is_record, lambda value: {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}),
    (_is(set, frozenset), lambda value: _in_order([plain(item) for item in value])),
    (_is(os.PathLike), os.fspath),
    # tensors and arrays, without importing either library
    (lambda value: hasattr(value, "tolist"), lambda value: plain(value.tolist())),
    (_is(list, tuple), lambda value: [plain(item) for item in value]),
)


def dumps(value: Any) -> str:
    """JSON text with two spaces of indentation and a final line break.

    Example:
        >>> print(dumps({"a": [1, float("inf")]}), end="")
        {
          "a": [
            1,
            null
          ]
        }
    """
    return json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n"


def write_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write a value as JSON, whole or not at all.

    Args:
        path: Path of the file.
        value: What to write, see `plain`.

    Returns:
        The path written.
    """
    text = dumps(value)
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files may be no text
    return Path(path)
