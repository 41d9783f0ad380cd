"""Rules for JSON from strangers: each takes a value and gives a copy built of what it allows, or refuses."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable, Mapping
from typing import Any

from haar.errors import DataError

#: Takes a value and the place it stands at, gives the checked copy.
Rule = Callable[[Any, str], Any]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,499}")
_MOST_LETTERS = 20_000
_FLOATS = ("Infinity", "-Infinity", "NaN")


def refusal(where: str, expected: str, got: object) -> DataError:
    """The error of a value that no rule allows, with a short piece of it."""
    text = repr(got)
    return DataError(f"{where}: expected {expected}, got {text if len(text) <= 80 else text[:77] + '...'}")


def parse(text: str | bytes, where: str) -> Any:
    """Read JSON in which no key stands twice.

    Raises:
        DataError: If it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: no JSON that can be read ({' '.join(str(error).split())[:80]})") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key that stands twice")
    return made


def whole(value: Any, where: str) -> int:
    """A whole number of 64 bits."""
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise refusal(where, "a whole number of 64 bits", value)
    return value


def number(value: Any, where: str) -> Any:
    """A number; infinities and NaN by their names."""
    if type(value) is float or (isinstance(value, str) and value in _FLOATS):
        return value
    return whole(value, where)


def boolean(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise refusal(where, "true or false", value)
    return value


def text(value: Any, where: str) -> str:
    """A text that stays one: it is written as a literal wherever torch generates code of it."""
    if not isinstance(value, str) or len(value) > _MOST_LETTERS:
        raise refusal(where, f"a text of at most {_MOST_LETTERS} letters", value)
    return value


def name(value: Any, where: str) -> str:
    """A name that becomes a variable of the code that torch generates: an identifier of ASCII."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value) or keyword.iskeyword(value):
        raise refusal(where, "a name of letters, digits and _", value)
    return value


def keyword_name(value: Any, where: str) -> str:
    """The name of an argument, which may be a word of the language (``from``); empty for one by position."""
    if not isinstance(value, str) or not (value == "" or _IDENTIFIER.fullmatch(value)):
        raise refusal(where, "the name of an argument", value)
    return value


def one_of(*allowed: object) -> Rule:
    """One of a few values, of the same type."""

    def rule(value: Any, where: str) -> Any:
        for each in allowed:
            if type(value) is type(each) and value == each:
                return each
        raise refusal(where, "one of " + ", ".join(str(each) for each in allowed), value)

    return rule


def optional(inner: Rule) -> Rule:
    """Null, or what another rule allows."""
    return lambda value, where: None if value is None else inner(value, where)


def listed(inner: Rule) -> Rule:
    """A list of what another rule allows."""

    def rule(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise refusal(where, "a list", value)
        return [inner(each, f"{where}[{k}]") for k, each in enumerate(value)]

    return rule


def mapped(key: Rule, inner: Rule) -> Rule:
    """A table from keys to what another rule allows."""

    def rule(value: Any, where: str) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise refusal(where, "a table", value)
        return {key(k, f"{where}, key"): inner(each, f"{where}.{str(k)[:40]}") for k, each in value.items()}

    return rule


def record(fields: Mapping[str, Rule], *, dropped: Mapping[str, Any] | None = None) -> Rule:
    """A table of these keys. Others, which later versions may add, are dropped if they are empty and refused if not.

    Args:
        fields: A rule for each key; a key that is absent is taken as null.
        dropped: Keys that may be there, whose values are not looked at and replaced by these.
    """
    dropped = dropped or {}

    def rule(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refusal(where, "a table", value)
        for key in value:
            if key not in fields and key not in dropped and value[key] not in (None, "", [], {}):
                raise refusal(where, "no other key than " + ", ".join(fields), key)
        return {key: inner(value.get(key), f"{where}.{key}") for key, inner in fields.items()} | dict(dropped)

    return rule


def union(kinds: Mapping[str, Rule]) -> Rule:
    """A table of one key that says of which kind its value is."""

    def rule(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) != 1:
            raise refusal(where, "a table of one key", value)
        ((kind, inner),) = value.items()
        if kind not in kinds:
            raise refusal(where, "one of " + ", ".join(kinds), kind)
        return {kind: kinds[kind](inner, f"{where}.{kind}")}

    return rule


def null(value: Any, where: str) -> bool:
    """The mark of an argument that is None."""
    return boolean(value, where)
