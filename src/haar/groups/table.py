"""Finite groups given by their table of products."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups.closure import Products
from haar.groups.finite import TABLE_LIMIT, FiniteGroup
from haar.groups.group import Motion
from haar.groups.nearby_homomorphism import defect
from haar.groups.real import real_matrices

#: For at most this many products no table is made.
_FEW = 256
#: Defining matrices may multiply otherwise than the table by this much.
_SAME = 1e-8


class TableGroup(FiniteGroup):
    """A finite group given by its table of products.

    Args:
        name: Name of the group, such as ``"D4"``.
        table: Products ``(n, n)``; ``table[a, b]`` is ab and 0 is the identity. Or the products of elements that were
            found by closure, of which a table is made when it is first needed.
        generators: Elements that generate it.
        element_names: A name for every element.
        defining: Matrices ``(n, d, d)`` of its defining representation, float64.
        space_dim: Dimension of the grid it moves, when the defining matrices are signed permutations of axes.

    Raises:
        ArgumentError: If the table is no group table, or the matrices are not orthogonal or multiply otherwise.
    """

    def __init__(
        self,
        name: str,
        table: Int[Tensor, "rows columns"] | Products,
        generators: Sequence[int],
        *,
        element_names: Sequence[str] | None = None,
        defining: Tensor | None = None,
        space_dim: int | None = None,
    ) -> None:
        self.name = name
        self._products = table if isinstance(table, Products) else None
        if isinstance(table, Tensor):
            _check_table(table)
            self._table = table
        self._generators = torch.tensor(list(generators), dtype=torch.int64)
        if defining is not None:
            defining = real_matrices("defining", defining)
        self._names = list(element_names) if element_names is not None else None
        self.space_dim = space_dim
        self._defining = defining
        self.defining_dim = None if defining is None else int(defining.shape[-1])
        self._signed = None if defining is None else signed_permutation_of(defining)
        if isinstance(table, Tensor):
            _check_associative(table, self._generators, len(self.closure(self._generators)))
            if defining is not None:
                _check_defining(defining, table, self._generators)

    @property
    def order(self) -> int:
        """Number of elements."""
        return len(self._table) if self._products is None else self._products.order

    @cached_property
    def _table(self) -> Tensor:
        if self._products is None:
            raise AttributeError("_table")
        return self._products.table()

    @cached_property
    def _inverse(self) -> Tensor:
        if self._products is not None and self.order > TABLE_LIMIT:
            return self._products.inverse()
        return (self._table == 0).to(torch.int64).argmax(1)

    def __getstate__(self) -> dict[str, Any]:
        if self.order > TABLE_LIMIT:
            return self.__dict__
        return self.__dict__ | {"_table": self._table, "_products": None}  # a table is all that a copy needs

    def _content(self) -> tuple[object, ...]:
        """Beyond `TABLE_LIMIT` elements, the elements themselves tell it, or it equals itself alone."""
        told = (self.order, self._generators, self._names, self.space_dim, self._defining)
        return (*told, self._table) if self.order <= TABLE_LIMIT else (*told, self._products)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """The product ab, by the table; of more than `TABLE_LIMIT` elements by the elements themselves."""
        if self._products is not None and "_table" not in self.__dict__:
            a, b = torch.broadcast_tensors(a, b)
            if a.numel() <= _FEW or self.order > TABLE_LIMIT:
                return self._products.of(a.reshape(-1), b.reshape(-1)).reshape(a.shape)
        return self._table[a, b]

    def inverse(self, a: Tensor) -> Tensor:
        """The inverse, by the table."""
        return self._inverse[a]

    def generators(self) -> Tensor:
        """The generators it was given with."""
        return self._generators

    def with_names(self, element_names: Sequence[str]) -> TableGroup:
        """The same group with names for its elements, in their order.

        Args:
            element_names: One for each element.
        """
        made = copy.copy(self)
        made._names = list(element_names)  # noqa: SLF001 (a copy of this very class)
        return made

    def describe(self, g: Tensor | int) -> str:
        """The element's name."""
        return self._names[int(g)] if self._names is not None else f"g{int(g)}"

    def defining_matrix(self, g: Tensor) -> Tensor:
        """Matrices ``(*batch, d, d)`` of the defining representation."""
        return super().defining_matrix(g) if self._defining is None else self._defining[g]

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor] | None:
        """Index and sign of the defining representation, or None."""
        return None if self._signed is None else (self._signed[0][g], self._signed[1][g])

    def motion(self, g: Tensor) -> Motion:
        """The defining signed permutation as a motion of axes, without shift."""
        pair = self.defining_signed_permutation(g)
        if self.space_dim is None or pair is None:
            return super().motion(g)
        index, sign = pair
        return Motion(index, sign, torch.zeros_like(index))


def signed_permutation_of(matrices: Tensor) -> tuple[Tensor, Tensor] | None:
    """Index and sign of matrices that are signed permutations exactly; None if one is not."""
    if not bool(((matrices == 0) | (matrices.abs() == 1)).all()):
        return None
    one = (matrices != 0).sum(-1)
    if not bool((one == 1).all()) or not bool(((matrices != 0).sum(-2) == 1).all()):
        return None
    index = matrices.abs().argmax(-1)
    sign = matrices.gather(-1, index.unsqueeze(-1)).squeeze(-1).to(torch.int64)
    return index, sign


def _check_table(table: Tensor) -> None:
    n = table.shape[0]
    if table.shape != (n, n) or not n or int(table.min()) < 0 or int(table.max()) >= n:
        raise ArgumentError("table", expected="a square table of elements 0..n-1", got=f"shape {tuple(table.shape)}")
    everything = torch.arange(n)
    if not bool((table[0] == everything).all()) or not bool((table[:, 0] == everything).all()):
        raise ArgumentError("table", expected="element 0 to be the identity", got="another row 0 or column 0")
    missing = torch.nonzero(~(table == 0).any(1)).flatten()
    if len(missing):
        raise ArgumentError("table", expected="an inverse for every element", got=f"none for element {int(missing[0])}")


def _check_associative(table: Tensor, generators: Tensor, generated: int) -> None:
    """Light's test: (a g) b = a (g b) for generators g and all a, b is a proof for all triples."""
    if generated != table.shape[0]:
        raise ArgumentError("generators", expected=f"to generate all {table.shape[0]} elements", got=generated)
    for g in generators.tolist():
        if not torch.equal(table[table[:, g]], table[:, table[g]]):
            raise ArgumentError("table", expected="an associative product", got=f"(a*{g})*b != a*({g}*b) for some a, b")


def _check_defining(defining: Tensor, table: Tensor, generators: Tensor) -> None:
    if len(defining) != len(table):
        raise ShapeError(
            "defining", expected=f"one matrix for each of {len(table)} elements", got=tuple(defining.shape)
        )
    images = defining[generators]
    eye = torch.eye(defining.shape[-1], dtype=torch.float64)
    square = float((images @ images.transpose(-1, -2) - eye).abs().amax()) if len(images) else 0.0
    worst = max(square, float((defining[0] - eye).abs().max()), defect(defining, images, table[generators]))
    if worst > _SAME:
        raise ArgumentError(
            "defining",
            expected="orthogonal matrices in double precision that multiply as the table says",
            got=f"some that are off by {worst:.1e}",
            way_out="haar.groups.from_matrices makes table and matrices from generators",
        )
