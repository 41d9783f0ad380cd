"""The options of a generator by one word each, those of its parts among the others, as the command line has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from haar.data.generators.generator import Generator
from haar.errors import ArgumentError

G = TypeVar("G", bound=Generator)


def option_names(kind: type[Generator]) -> list[str]:
    """Every option's name.

    Example:
        >>> from haar.data.generators import GrayScottGenerator
        >>> option_names(GrayScottGenerator)[-4:]
        ['spots', 'width', 'height', 'order']
    """
    return [name for field in dataclasses.fields(kind) for name in _names(field)]


def options_of(generator: Generator) -> dict[str, Any]:
    """Every option's value by its name."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(generator):
        value = getattr(generator, field.name)
        found |= vars(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return found


def with_options(kind: type[G], options: Mapping[str, Any]) -> G:
    """A generator with some of its options.

    Args:
        kind: The generator's class.
        options: Values by name, see `option_names`; the others keep their defaults.

    Raises:
        ArgumentError: If there is no such option, or a value does not fit.

    Example:
        >>> from haar.data.generators import GrayScottGenerator
        >>> with_options(GrayScottGenerator, {"spots": (1, 2), "order": 4}).start.spots
        (1, 2)
    """
    unknown = sorted(options.keys() - set(option_names(kind)))
    if unknown:
        known = ", ".join(option_names(kind))
        raise ArgumentError("options", expected=f"options of {kind.name} ({known})", got=", ".join(unknown))
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        own = {name: options[name] for name in _names(field) if name in options}
        part = _part(field)
        if own:
            given |= own if part is None else {field.name: dataclasses.replace(part, **own)}
    return kind(**given)


def _part(field: dataclasses.Field[Any]) -> Any:
    """The default of a field that holds options of its own; None for one that is an option."""
    return field.default if dataclasses.is_dataclass(field.default) else None


def _names(field: dataclasses.Field[Any]) -> list[str]:
    part = _part(field)
    return [field.name] if part is None else [one.name for one in dataclasses.fields(part)]
