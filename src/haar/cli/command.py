"""A command whose arguments and options are the fields of a dataclass, with the fields' own type hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from inspect import Parameter, Signature
from typing import Any, TypeVar, get_type_hints

Told = TypeVar("Told")


def told_by(kind: type[Told]) -> Callable[[Callable[[Told], None]], Callable[..., None]]:
    """Decorate a function of one dataclass, so that typer sees its fields; the help is the function's docstring.

    Args:
        kind: The dataclass; its fields are annotated as typer's parameters are.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Stirring:
        ...     speed: float = 1.0
        >>> @told_by(Stirring)
        ... def stir(told: Stirring) -> None:
        ...     print(told.speed)
        >>> stir(speed=2.0)
        2.0
    """

    def decorate(body: Callable[[Told], None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            body(kind(**given))

        hints = get_type_hints(kind, include_extras=True)
        run.__signature__ = Signature(  # type: ignore[attr-defined]
            [
                Parameter(
                    one.name,
                    Parameter.KEYWORD_ONLY,
                    annotation=hints[one.name],
                    default=Parameter.empty if one.default is MISSING else one.default,
                )
                for one in fields(kind)  # type: ignore[arg-type]
            ]
        )
        run.__annotations__, run.__doc__, run.__name__ = {}, body.__doc__, body.__name__
        run.__module__ = body.__module__
        return run

    return decorate
