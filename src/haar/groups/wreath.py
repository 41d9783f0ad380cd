"""Wreath products: a copy of one group at every point that another group permutes."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups.broadcast import broadcast_shapes
from haar.groups.connected import connected_roots
from haar.groups.door import check_enumerated, check_group
from haar.groups.finite import LIST_LIMIT, FiniteGroup
from haar.groups.group import Group
from haar.host import on_the_host


class _Wreath(Group):
    """Elements (b_1, ..., b_n; s): the points are permuted by s, then b_i acts at point i."""

    base: FiniteGroup
    top: Group
    n: int

    def _content(self) -> tuple[object, ...]:
        return (self.base, self.top)

    def split(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Tensor]:
        """The base elements and the element of the top group."""
        raise NotImplementedError

    def join(self, bases: Int[Tensor, "*batch n"], top: Tensor) -> Tensor:
        """The element from its parts."""
        raise NotImplementedError

    def _setup(self, base: FiniteGroup, top: Group) -> None:
        pair = top.defining_signed_permutation(top.generators())
        if pair is None or bool((pair[1] < 0).any()):
            raise ArgumentError(
                "top", expected="a group that permutes points", got=top.name, way_out="such as symmetric(n)"
            )
        self.base, self.top, self.n = base, top, int(pair[0].shape[-1])
        self.name = f"{base.name} wr {top.name}"
        self.defining_dim = None if base.defining_dim is None else self.n * base.defining_dim
        self._roots = _orbit_roots(pair[0], self.n)

    def _index(self, top: Tensor) -> Tensor:
        """Where each point's content comes from."""
        pair = self.top.defining_signed_permutation(top)
        return self.top.identity() if pair is None else pair[0]

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """(b; s)(c; t) = (b_i c_(s^-1 i); s t)."""
        (left, s), (right, t) = self.split(a), self.split(b)
        index = self._index(s)
        shape = broadcast_shapes(left.shape, right.shape)
        carried = right.expand(shape).gather(-1, index.expand(shape))
        return self.join(self.base.compose(left, carried), self.top.compose(s, t))

    def inverse(self, a: Tensor) -> Tensor:
        """(b; s)^-1 = (b^-1_(s i); s^-1)."""
        bases, s = self.split(a)
        back = self.top.inverse(s)
        index = self._index(back)
        return self.join(self.base.inverse(bases).gather(-1, index), back)

    def generators(self) -> Tensor:
        """Generators of the base at one point of every orbit, and generators of the top group."""
        still = torch.zeros(self.n, dtype=torch.int64)
        found = [self.join(still, s) for s in self.top.generators()]
        for root in self._roots:
            for b in self.base.generators():
                bases = still.clone()
                bases[root] = b
                found.append(self.join(bases, self.top.identity()))
        if not found:
            return self.join(still, self.top.identity()).unsqueeze(0)[:0]
        return torch.stack(found)

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor] | None:
        """Blocks of the base's defining representation, where that is a signed permutation."""
        bases, s = self.split(g)
        pair = self.base.defining_signed_permutation(bases)
        if pair is None or self.base.defining_dim is None:
            return None
        index = self._index(s).unsqueeze(-1) * self.base.defining_dim + pair[0]
        return index.flatten(-2), pair[1].flatten(-2)

    def defining_matrix(self, g: Tensor) -> Tensor:
        """Blocks of the base's defining matrices at permuted places."""
        bases, s = self.split(g)
        if self.base.defining_dim is None:
            return super().defining_matrix(g)
        place = torch.nn.functional.one_hot(self._index(s), self.n).to(torch.float64)
        blocks = torch.einsum("...xy,...xij->...xiyj", place, self.base.defining_matrix(bases))
        matrix: Tensor = blocks.flatten(-2).flatten(-3, -2)
        return matrix

    def describe(self, g: Tensor | int) -> str:
        """The base elements' names, then the top element's."""
        bases, s = self.split(torch.as_tensor(g))
        return "(" + ",".join(self.base.describe(b) for b in bases) + ";" + self.top.describe(s) + ")"


class FiniteWreath(_Wreath, FiniteGroup):
    """An enumerated wreath product; the number of (b_1, ..., b_n; s) has s slowest and b_n fastest.

    Args:
        base: An enumerated group.
        top: An enumerated group of permutations.
    """

    def __init__(self, base: FiniteGroup, top: FiniteGroup) -> None:
        self._setup(base, top)
        self._top_order = top.order
        self._powers = base.order ** torch.arange(self.n - 1, -1, -1)

    @property
    def order(self) -> int:
        """|B|^n |T|."""
        return int(self.base.order**self.n * self._top_order)

    def split(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Tensor]:
        """Digits of the number."""
        digits = torch.div(g.unsqueeze(-1), self._powers, rounding_mode="floor") % self.base.order
        return digits, torch.div(g, self.base.order**self.n, rounding_mode="floor")

    def join(self, bases: Int[Tensor, "*batch n"], top: Tensor) -> Tensor:
        """The number."""
        number: Tensor = top * self.base.order**self.n + (bases * self._powers).sum(-1)
        return number


class RowWreath(_Wreath):
    """A wreath product that is not enumerated; elements are rows: n numbers of base elements, then the top element.

    Args:
        base: An enumerated group.
        top: A group of permutations.
    """

    def __init__(self, base: FiniteGroup, top: Group) -> None:
        self._setup(base, top)
        self._top_size = math.prod(top.element_shape)
        self.element_shape = (self.n + self._top_size,)

    @property
    def order(self) -> int:
        """|B|^n |T|."""
        return int(self.base.order**self.n * (self.top.order or 0))

    def split(self, g: Tensor) -> tuple[Int[Tensor, "*batch n"], Tensor]:
        """The row's two parts."""
        return g[..., : self.n], g[..., self.n :].reshape((*g.shape[:-1], *self.top.element_shape))

    def join(self, bases: Int[Tensor, "*batch n"], top: Tensor) -> Tensor:
        """The row."""
        rows = top.reshape(*top.shape[: top.ndim - len(self.top.element_shape)], self._top_size)
        batch = broadcast_shapes(bases.shape[:-1], rows.shape[:-1])
        return torch.cat([bases.expand(*batch, self.n), rows.expand(*batch, self._top_size)], -1)

    def identity(self) -> Tensor:
        """Nothing moves."""
        return self.join(torch.zeros(self.n, dtype=torch.int64), self.top.identity())

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent uniform parts."""
        bases = torch.randint(self.base.order, (count, self.n), generator=generator)
        return self.join(bases, self.top.sample(count, generator))


@on_the_host
def wreath(base: FiniteGroup, top: Group) -> FiniteWreath | RowWreath:
    """The wreath product: a copy of `base` at each of the n points that `top` permutes; order |base|^n |top|.

    Enumerated up to 200,000 elements; beyond, elements are rows. Its defining representation has blocks of the base's
    defining
    representation: ``wreath(sign(1), symmetric(n))`` is the group of signed permutations of n coordinates.

    Args:
        base: An enumerated group.
        top: A group whose defining representation permutes points, such as ``symmetric(n)`` or ``cyclic_shifts``.

    Raises:
        ArgumentError: If `top` does not permute points.

    Example:
        >>> from haar.groups import sign, symmetric
        >>> wreath(sign(1), symmetric(3)).order, wreath(sign(1), symmetric(20)).element_shape
        (48, (40,))
    """
    check_enumerated("base", base)
    check_group("top", top)
    n = top.defining_dim or 0
    if isinstance(top, FiniteGroup) and base.order**n * top.order <= LIST_LIMIT:
        return FiniteWreath(base, top)
    return RowWreath(base, top)


def _orbit_roots(index: Int[Tensor, "k n"], n: int) -> list[int]:
    roots = connected_roots(n, np.tile(np.arange(n), len(index)), index.reshape(-1).numpy())
    return [int(root) for root in np.unique(roots)]
