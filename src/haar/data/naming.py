"""Names that are nearly right: say which one was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from haar.errors import ArgumentError


def known(name: str, names: Iterable[str], *, argument: str, kind: str = "field") -> str:
    """Return `name` if it is one of `names`, or refuse it with the nearest one.

    Args:
        name: Name that the caller wrote.
        names: Names that there are.
        argument: The argument that `name` came in by.
        kind: What the names are names of.

    Returns:
        The name, unchanged.

    Raises:
        ArgumentError: If there is no such name; the message gives the nearest.

    Example:
        >>> known("velocty", ["tracer", "velocity"], argument="fields")
        Traceback (most recent call last):
        ...
        haar.errors.ArgumentError: fields: expected a field of this data set (tracer, velocity), got 'velocty'; did you
        mean 'velocity'?
    """
    there = list(names)
    if name in there:
        return name
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    raise ArgumentError(
        argument,
        expected=f"a {kind} of this data set ({', '.join(there) if there else 'it has none'})",
        got=repr(name),
        way_out=f"did you mean {near[0]!r}?" if near else "",
    )
