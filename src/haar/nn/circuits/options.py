"""Words that options may be."""

from __future__ import annotations

from collections.abc import Sequence

from haar.errors import ArgumentError

READOUTS = ("affine", "raw")
PARITIES = ("none", "average")


def one_of(argument: str, value: str, known: Sequence[str]) -> str:
    """The word itself, if it is known.

    Args:
        argument: What the caller calls it.
        value: The word that was given.
        known: The words allowed.

    Raises:
        ArgumentError: If it is not.

    Example:
        >>> one_of("readout", "raw", ("affine", "raw"))
        'raw'
    """
    if value not in known:
        raise ArgumentError(argument, expected=f"one of {', '.join(known)}", got=repr(value))
    return value
