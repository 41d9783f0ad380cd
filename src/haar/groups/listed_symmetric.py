"""The symmetric group of few things: elements are numbers, and they are listed when the first is asked for."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from haar.groups.generated import from_permutations
from haar.groups.table import TableGroup


class ListedSymmetric(TableGroup):
    """S_n with integer elements, in the order in which a swap and the full cycle reach them.

    What commutes with all permutations is known without a list, so nothing is listed before an element is asked for.

    Args:
        n: Number of points, at least 2.
    """

    def __init__(self, n: int) -> None:  # the rest of a table group's attributes come with the list
        self.n = n
        self.name = f"S{n}"
        self.defining_dim = n
        self.space_dim = None

    def __getattr__(self, name: str) -> Any:
        """What only the list tells."""
        if name.startswith("__") or "n" not in self.__dict__ or "_products" in self.__dict__:
            raise AttributeError(name)
        swap, cycle = [1, 0, *range(2, self.n)], [*range(1, self.n), 0]
        order = math.factorial(self.n)
        made = from_permutations([swap, cycle] if self.n > 2 else [swap], self.name, limit=order)
        self.__dict__ |= made.__dict__ | self.__dict__
        return getattr(self, name)

    def _content(self) -> tuple[object, ...]:
        return (self.n,)

    @property
    def order(self) -> int:
        """The factorial of n."""
        return math.factorial(self.n)

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor] | None:
        """Of the identity without the list."""
        if "_products" not in self.__dict__ and not bool(g.any()):
            index = torch.arange(self.n).expand(*g.shape, self.n)
            return index, torch.ones_like(index)
        return super().defining_signed_permutation(g)
