"""What generators may be: linear, affine, polynomial, or fields of the caller's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from haar.errors import ArgumentError, check_count

VectorField = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Linear:
    """Matrices: the origin stays where it is."""


@dataclass(frozen=True)
class Affine:
    """Matrices and shifts."""


@runtime_checkable
class Dictionary(Protocol):
    """A list of vector fields for inputs of one shape."""

    def fields(self, shape: tuple[int, ...], inputs: Tensor) -> list[tuple[str, VectorField]]:
        """Names and fields ``(b, *shape)`` to ``(b, *shape)``; what they need to know of the data is in `inputs`."""


@dataclass(frozen=True)
class Monomials:
    """Every monomial up to a degree, in every coordinate.

    Args:
        degree: The largest degree, at least 1.

    Example:
        >>> len(Monomials(2).fields((2,), torch.zeros(1, 2)))
        12
    """

    degree: int

    def __post_init__(self) -> None:
        check_count("degree", self.degree)

    def fields(self, shape: tuple[int, ...], inputs: Tensor) -> list[tuple[str, VectorField]]:
        """One field for every monomial and coordinate."""
        del inputs
        n = 1
        for side in shape:
            n *= side
        powers = [
            word
            for degree in range(self.degree + 1)
            for word in itertools.combinations_with_replacement(range(n), degree)
        ]
        return [
            (f"{'*'.join(f'x{i}' for i in word) or '1'} d{k}", _monomial(word, k)) for word in powers for k in range(n)
        ]


class Fields:
    """Fields of the caller's own, each from inputs ``(b, *shape)`` to velocities of the same shape.

    Args:
        fields: Callables, or pairs of a name and a callable.

    Raises:
        ArgumentError: If there is none, or one cannot be called.

    Example:
        >>> turn = Fields([("turn", lambda x: torch.stack([-x[:, 1], x[:, 0]], 1))])
        >>> turn.fields((2,), torch.zeros(1, 2))[0][0]
        'turn'
    """

    def __init__(self, fields: Sequence[VectorField | tuple[str, VectorField]]) -> None:
        named = [one if isinstance(one, tuple) else (f"field {k}", one) for k, one in enumerate(fields)]
        if not named:
            raise ArgumentError("fields", expected="at least one field", got="none")
        for name, one in named:
            if not callable(one):
                raise ArgumentError("fields", expected="callables", got=f"{name}: {type(one).__name__}")
        self._fields = named

    def fields(self, shape: tuple[int, ...], inputs: Tensor) -> list[tuple[str, VectorField]]:
        """As they were given."""
        del shape, inputs
        return list(self._fields)


def _monomial(word: tuple[int, ...], k: int) -> VectorField:
    def field(x: Tensor) -> Tensor:
        flat = x.flatten(1)
        value = torch.ones_like(flat[:, 0])
        for i in word:
            value = value * flat[:, i]
        axis = torch.nn.functional.one_hot(torch.tensor(k), flat.shape[1]).to(flat)
        return (value[:, None] * axis).reshape(x.shape)

    return field
