"""Groups too large to list: permutations and signs as rows, composed by gathers and products."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from haar.groups.class_rules import ClassRule, cycle_types
from haar.groups.group import Group


class SymmetricGroup(Group):
    """S_n with permutation rows ``(*batch, n)``; ``p[i]`` is where point i goes. Never enumerated.

    Args:
        n: Number of points.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.name = f"S{n}"
        self.element_shape = (n,)
        self.defining_dim = n

    def _content(self) -> tuple[object, ...]:
        return (self.n,)

    @property
    def order(self) -> int:
        """The factorial of n."""
        return math.factorial(self.n)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """(ab)(i) = a(b(i))."""
        a, b = torch.broadcast_tensors(a, b)
        return a.gather(-1, b)

    def inverse(self, a: Tensor) -> Tensor:
        """The row that undoes it."""
        return a.argsort(-1)

    def identity(self) -> Tensor:
        """The row 0 .. n - 1."""
        return torch.arange(self.n)

    def generators(self) -> Tensor:
        """A swap and the full cycle."""
        if self.n == 1:
            return torch.zeros(0, 1, dtype=torch.int64)
        swap = torch.arange(self.n)
        swap[:2] = torch.tensor([1, 0])
        return torch.stack([swap, torch.arange(1, self.n + 1) % self.n])

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniform permutations: argsort of uniform noise."""
        return torch.rand(count, self.n, generator=generator, dtype=torch.float64).argsort(-1)

    def class_rule(self, degree: int = 0) -> ClassRule | None:
        """Cycle types; None beyond n = 45, where they are too many."""
        del degree
        return cycle_types(self.n)

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """(g v)_i = v at the point that g sends to i."""
        return g.argsort(-1), torch.ones_like(g)


class SignGroup(Group):
    """{+1, -1}^k with rows of signs ``(*batch, k)``. Never enumerated.

    Args:
        k: Number of signs.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.name = f"{{+-1}}^{k}"
        self.element_shape = (k,)
        self.defining_dim = k

    def _content(self) -> tuple[object, ...]:
        return (self.k,)

    @property
    def order(self) -> int:
        """2^k."""
        return int(2**self.k)

    def compose(self, a: Tensor, b: Tensor) -> Tensor:
        """The product of signs."""
        return a * b

    def inverse(self, a: Tensor) -> Tensor:
        """Each element is its own inverse."""
        return a

    def identity(self) -> Tensor:
        """All signs +1."""
        return torch.ones(self.k, dtype=torch.int64)

    def generators(self) -> Tensor:
        """One flipped sign each."""
        return 1 - 2 * torch.eye(self.k, dtype=torch.int64)

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """Independent fair signs."""
        return 1 - 2 * torch.randint(2, (count, self.k), generator=generator)

    def defining_signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinate signs."""
        return torch.arange(self.k).expand(g.shape), g
