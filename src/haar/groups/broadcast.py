"""Shapes that batches of elements and tensors broadcast to."""

from __future__ import annotations

from itertools import zip_longest

from haar.errors import ShapeError


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that shapes broadcast to; torch's own function imports a symbolic algebra package at its first call.

    Raises:
        ShapeError: If they do not broadcast.

    Example:
        >>> broadcast_shapes((5, 1), (3,), ())
        (5, 3)
    """
    out = []
    for lengths in zip_longest(*[shape[::-1] for shape in shapes], fillvalue=1):
        longest = {n for n in lengths if n != 1}
        if len(longest) > 1:
            raise ShapeError("shape", expected="shapes that broadcast", got=", ".join(str(tuple(s)) for s in shapes))
        out.append(longest.pop() if longest else 1)
    return tuple(out[::-1])
