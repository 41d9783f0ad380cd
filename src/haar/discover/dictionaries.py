"""What generators may be: linear, affine, polynomial, or fields of the caller's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """Matrices: the origin stays where it is."""


@dataclass(frozen=True)
class Affine:
    """Matrices and shifts."""
