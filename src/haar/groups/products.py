"""Direct products: pairs of elements, as one integer when all factors are enumerated, else as one row of numbers."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.broadcast import broadcast_shapes
from haar.groups.class_rules import ClassRule, product_rule
from haar.groups.door import check_group
from haar.groups.finite import FiniteGroup
from haar.groups.group import Group, Motion
from haar.host import on_the_host


class DirectProduct(Group):
    """What all direct products have: every answer is made of the factors' answers.

    Args:
        factors: Groups; at most one of them moves a grid.
    """

    def __init__(self, factors: Sequence[Group]) -> None:
        self.factors: tuple[Group, ...] = tuple(factors)
        self.name = " x ".join(factor.name for factor in self.factors)
        self._mover = _mover(self.factors)
        if self._mover is not None:
            self.space_dim = self.factors[self._mover].space_dim
            self.grid_shape = self.factors[self._mover].grid_shape

    def _content(self) -> tuple[object, ...]:
        return self.factors

    @abstractmethod
    def split(self, g: Tensor) -> list[Tensor]:
        """The element of every factor."""

    @abstractmethod
    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The element from one element of every factor."""

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """Factor by factor."""
        return self.join([f.compose(x, y) for f, x, y in zip(self.factors, self.split(a), self.split(b), strict=True)])

    def inverse(self, a: Tensor) -> Tensor:
        """Factor by factor."""
        return self.join([f.inverse(x) for f, x in zip(self.factors, self.split(a), strict=True)])

    def generators(self) -> Tensor:
        """The generators of every factor."""
        rows = []
        for k, factor in enumerate(self.factors):
            for generator in factor.generators():
                parts = [f.identity() for f in self.factors]
                parts[k] = generator
                rows.append(self.join(parts))
        if not rows:
            return self.join([f.identity() for f in self.factors]).unsqueeze(0)[:0]
        return torch.stack(rows)

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """The product of the factors' rules."""
        found = product_rule([factor.class_rule(degree) for factor in self.factors])
        return None if found is None else (self.join(found[0]), found[1])

    def motion(self, g: Tensor) -> Motion:
        """The motion of the one factor that moves a grid."""
        if self._mover is None:
            return super().motion(g)
        return self.factors[self._mover].motion(self.split(g)[self._mover])


class FiniteProduct(DirectProduct, FiniteGroup):
    """The direct product of enumerated groups; the last factor runs fastest in the element's number.

    Args:
        factors: Enumerated groups; at most one of them moves a grid.
    """

    factors: tuple[FiniteGroup, ...]

    def __init__(self, factors: Sequence[FiniteGroup]) -> None:
        super().__init__(factors)

    @property
    def order(self) -> int:
        """The product of the orders."""
        return math.prod(factor.order for factor in self.factors)

    def split(self, g: Tensor) -> list[Tensor]:
        """The element of every factor."""
        parts = []
        for factor in reversed(self.factors):
            parts.append(g % factor.order)
            g = torch.div(g, factor.order, rounding_mode="floor")
        return parts[::-1]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The element from one element of every factor."""
        g = torch.zeros((), dtype=torch.int64)
        for factor, part in zip(self.factors, parts, strict=True):
            g = g * factor.order + part
        return g

    def describe(self, g: Tensor | int) -> str:
        """The names of the parts that are not the identity."""
        parts = zip(self.factors, self.split(torch.as_tensor(g)), strict=True)
        names = [f.describe(x) for f, x in parts if int(x) != 0]
        return "*".join(names) or "e"


class MixedProduct(DirectProduct):
    """The direct product of groups of which some are not enumerated: the elements' numbers stand side by side in a row.

    Args:
        factors: Groups; at most one of them moves a grid.
    """

    def __init__(self, factors: Sequence[Group]) -> None:
        super().__init__(factors)
        self._sizes = [math.prod(factor.element_shape) for factor in self.factors]
        self.element_shape = (sum(self._sizes),)
        self.element_dtype = (
            torch.float64 if any(f.element_dtype.is_floating_point for f in self.factors) else torch.int64
        )
        self.is_finite = all(factor.is_finite for factor in self.factors)
        self.is_compact = all(factor.is_compact for factor in self.factors)

    @property
    def order(self) -> int | None:
        """The product of the orders; None if a factor is a Lie group."""
        orders = [factor.order for factor in self.factors]
        return None if None in orders else math.prod(o for o in orders if o is not None)

    def split(self, g: Tensor) -> list[Tensor]:
        """The element of every factor, in its own shape and dtype."""
        return [
            part.reshape((*part.shape[:-1], *factor.element_shape)).to(factor.element_dtype)
            for factor, part in zip(self.factors, g.split(self._sizes, -1), strict=True)
        ]

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The element from one element of every factor."""
        batches = [p.shape[: p.ndim - len(f.element_shape)] for f, p in zip(self.factors, parts, strict=True)]
        batch = broadcast_shapes(*batches)
        rows = [
            p.to(self.element_dtype).reshape(*own, size).expand(*batch, size)
            for p, own, size in zip(parts, batches, self._sizes, strict=True)
        ]
        return torch.cat(rows, -1)

    def identity(self) -> Tensor:
        """The identity of every factor."""
        return self.join([factor.identity() for factor in self.factors])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent draws from the factors."""
        return self.join([factor.sample(count, generator) for factor in self.factors])

    def describe(self, g: Tensor | int) -> str:
        """The parts' names."""
        parts = self.split(torch.as_tensor(g))
        return "(" + ", ".join(f.describe(x) for f, x in zip(self.factors, parts, strict=True)) + ")"


@on_the_host
def product(*factors: Group) -> FiniteProduct | MixedProduct:
    """The direct product of groups.

    Args:
        factors: Two or more groups, of which at most one moves a grid (for shifts with rotations, which do not commute,
            use `haar.groups.grid_group`).

    Raises:
        ArgumentError: If fewer than two groups are given or two of them move a grid.

    Example:
        >>> from haar.groups import dihedral, sign
        >>> product(dihedral(4), sign(1)).order
        16
    """
    for k, factor in enumerate(factors):
        check_group(f"factors[{k}]", factor)
    if len(factors) < 2:
        raise ArgumentError("factors", expected="at least two groups", got=len(factors))
    finite = [f for f in factors if isinstance(f, FiniteGroup)]
    return FiniteProduct(finite) if len(finite) == len(factors) else MixedProduct(factors)


def _mover(factors: Sequence[Group]) -> int | None:
    movers = [k for k, factor in enumerate(factors) if factor.space_dim is not None]
    if len(movers) > 1:
        raise ArgumentError(
            "factors",
            expected="at most one factor that moves a grid",
            got=", ".join(factors[k].name for k in movers),
            way_out="use haar.groups.grid_group for shifts together with rotations",
        )
    return movers[0] if movers else None
