"""Errors that speak: every refusal names the argument, what was expected, what came, and the way out."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import operator
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class HaarError(Exception):
    """Base of every error that `haar` raises on purpose.

    The command line prints it as one line and exits with code 2.
    """


class ArgumentError(HaarError, ValueError):
    """An argument has the wrong value, shape, dtype or kind.

    Args:
        argument: Name of the argument as the caller wrote it.
        expected: What would have been accepted.
        got: What came instead.
        way_out: What the caller can do about it.

    Attributes:
        call: The call that was wrong, where `in_call` has told it.

    Example:
        >>> raise ArgumentError("group", expected="a square grid for D4", got="64 x 128", way_out="use D2")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: group: expected a square grid for D4, got 64 x 128; use D2
    """

    def __init__(self, argument: str, *, expected: str, got: object, way_out: str = "") -> None:
        self.argument, self.expected, self.got, self.way_out, self.call = argument, expected, got, way_out, ""
        super().__init__(str(self))

    def in_call(self, argument: str, call: str) -> None:
        """Name the argument as the caller of an outer function wrote it, and say which call was wrong; told once."""
        if not self.call:
            self.argument, self.call = argument, call
            self.args = (str(self),)

    def __str__(self) -> str:
        """One line."""
        told = f"{self.argument}: expected {self.expected}, got {self.got}"
        return told + (f"; {self.way_out}" if self.way_out else "") + (f" ({self.call})" if self.call else "")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle through the keyword arguments (errors cross process borders)."""
        told = {"expected": self.expected, "got": str(self.got), "way_out": self.way_out}
        return _rebuild, (type(self), self.argument, told, self.call)


class ShapeError(ArgumentError):
    """A tensor's shape does not fit the action, layout or model it is given to."""


class KeywordError(ArgumentError, TypeError):
    """A keyword that a function does not have."""


class DataError(HaarError):
    """A file or data set is unreadable, truncated, or does not say what its schema promises."""


class MissingExtraError(HaarError, ImportError):
    """An optional dependency is needed; the message names the extra that brings it."""


class NotEquivariantError(HaarError, AssertionError):
    """Something that was claimed to be equivariant is not (raised by `haar.testing` and by checks)."""


def check_count(argument: str, value: object, *, least: int = 1) -> None:
    """Refuse what is no whole number, or too small a one.

    Args:
        argument: Name of the argument as the caller wrote it.
        value: The value that was given.
        least: Smallest number that is accepted.

    Raises:
        ArgumentError: If it is not.

    Example:
        >>> check_count("k", 2.5)
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: k: expected a whole number, at least 1, got 2.5
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:  # arrays and tensors have an index only if they hold one whole number
        number = None
    if number is None:
        raise ArgumentError(argument, expected=f"a whole number, at least {least}", got=repr(value))
    if number < least:
        raise ArgumentError(argument, expected=f"at least {least}", got=value)


def check_rate(argument: str, value: float | int | None, *, zero: bool = False) -> None:
    """Refuse what is no positive number (None stands for "not given").

    Args:
        argument: Name of the argument as the caller wrote it.
        value: The value that was given.
        zero: Whether 0 is accepted.

    Raises:
        ArgumentError: If it is negative, infinite or NaN, or 0 and that is not accepted.

    Example:
        >>> check_rate("learning_rate", 0.0)
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: learning_rate: expected a number above 0, got 0.0
    """
    if value is not None and not (0 < float(value) < float("inf") or (zero and value == 0)):
        raise ArgumentError(argument, expected="a number of at least 0" if zero else "a number above 0", got=value)


def one_line(text: str) -> str:
    r"""Text as a terminal may show it: on one line, and nothing in it that moves the cursor or cannot be written.

    Example:
        >>> one_line("a\n  b\x1b[2J")
        'a b\\x1b[2J'
    """
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Text whose control characters are spelt out; spaces and line breaks stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in " \n\t" else ascii(c)[1:-1] for c in text)


class HaarWarning(UserWarning):
    """Base of every warning that `haar` gives."""


def _rebuild(cls: type[ArgumentError], argument: str, told: dict[str, str], call: str) -> ArgumentError:
    error = cls(argument, **told)  # type: ignore[arg-type]
    error.in_call(argument, call)
    return error


def known_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function so that a misspelt keyword is refused with those that it has.

    Args:
        function: Without ``**kwargs`` of its own.

    Returns:
        The function, which raises a `KeywordError` where Python's own error does not say what would be right.

    Example:
        >>> @known_keywords
        ... def stir(*, speed: float) -> float:
        ...     return speed
        >>> stir(sped=1.0)
        Traceback (most recent call last):
        ...
        haar.errors.KeywordError: sped: expected a keyword of stir (speed), got an unexpected keyword argument 'sped'; \
did you mean speed?
    """
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    known = [name for name, p in inspect.signature(function).parameters.items() if p.kind in kinds]
    known = [name for name in known if name not in ("self", "cls")]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                raise KeywordError(
                    name,
                    expected=f"a keyword of {function.__qualname__.removesuffix('.__init__')} ({', '.join(known)})",
                    got=f"an unexpected keyword argument {name!r}",
                    way_out=f"did you mean {close[0]}?" if close else "",
                )
        return function(*args, **kwargs)

    return checked


def formerly(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function whose keywords had other names, so that calls that were written with those go on working.

    Args:
        names: For each earlier name, the name of today.

    Raises:
        ArgumentError: In a call that gives both.

    Example:
        >>> @formerly(tol="tolerance")
        ... def near(x: float, *, tolerance: float = 1e-8) -> bool:
        ...     return abs(x) <= tolerance
        >>> near(0.1, tol=0.2), near(0.1, tolerance=0.2)
        (True, True)
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def renamed(*args: P.args, **kwargs: P.kwargs) -> R:
            for old, new in names.items():
                if old in kwargs:
                    if new in kwargs:
                        raise ArgumentError(new, expected="to be given once", got=f"{old} beside it, its earlier name")
                    kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renamed

    return decorate


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module: Module to import, for example ``"onnxruntime"``.
        extra: The extra of this package that installs it.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: If the module is not installed.

    Example:
        >>> require("math", "none").floor(1.5)
        1
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        alone = " ".join(f"'{requirement}'" for requirement in _brought_by(extra))
        raise MissingExtraError(
            f"{module} is needed here and is not installed; install it with: pip install {alone}, "
            f"or with haar itself: pip install 'haar[{extra}]', in a copy of its source pip install '.[{extra}]'"
        ) from error


def _brought_by(extra: str) -> list[str]:
    """What an extra of this package asks for, in pip's words; the extra itself where nothing is known of it."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        told: Sequence[str] = requires("haar") or ()
    except PackageNotFoundError:  # run from a folder, not installed
        told = ()
    found = []
    for requirement in told:
        name, _, condition = map(str.strip, requirement.partition(";"))
        if condition.replace('"', "'") == f"extra == '{extra}'":
            found.append(name)
    return found or [f"haar[{extra}]"]
