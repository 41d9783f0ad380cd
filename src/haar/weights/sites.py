"""Sites: sets of units inside a network, each with a group that acts on it and leaves the network's function alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.weights.block_monomial import BlockMonomial, identity

SiteElement = Mapping[str, BlockMonomial]
"""An element of a site's group, as it acts by each of the site's ports."""
_SCALES = ("none", "signs", "positive", "any")
#: Spread of the logarithms of random scales and singular values: far enough from 1 to be seen, near enough to invert.
_SPREAD = 0.3


class Site(ABC):
    """A group that acts on some of a network's axes, by one or more representations called ports.

    Attributes:
        nested: Ports that move pairs (unit of the standard port, place on this axis) together.
    """

    nested: frozenset[str] = frozenset()

    @property
    @abstractmethod
    def ports(self) -> Mapping[str, int]:
        """The number of coordinates that each port moves; ``""`` is the standard one."""

    @abstractmethod
    def identity(self) -> SiteElement:
        """The element that moves nothing."""

    @abstractmethod
    def random(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> SiteElement:
        """An element of the whole group, far from the identity."""

    def fixed(self, port: str) -> Float[Tensor, "dim fixed"]:
        """An orthonormal basis of what every element leaves alone in a port's representation: by default nothing."""
        return torch.zeros(self.ports[port], 0, dtype=torch.float64)


@dataclass(frozen=True)
class Units(Site):
    """Units that may be exchanged: S_n, or S_n with a factor for each unit.

    Ports: ``""`` with the factor, its dual with the inverse factor, ``"order"`` without factors.

    Args:
        count: Number of units.
        scales: ``"none"``; ``"signs"`` where the activation is odd; ``"positive"`` where it is ReLU-like; ``"any"``
            where the units enter by a product, as those of a gated layer do.
        normed: Whether a norm goes over all units of a sample, as a layer norm does: then each of them can only be
            copied as often as the others, see `widened`.
        groups: As many groups of units in a row stay together, as a norm over groups of channels asks: the groups
            change places with one another, and units inside each.

    Example:
        >>> Units(3).random(torch.Generator().manual_seed(0))["" ].order.sort().values
        tensor([0, 1, 2])
    """

    count: int
    scales: str = "none"
    normed: bool = False
    groups: int = 1

    def __post_init__(self) -> None:
        check_count("count", self.count)
        check_count("groups", self.groups)
        if self.count % self.groups:
            raise ArgumentError("groups", expected=f"a divisor of {self.count} units", got=self.groups)
        check_scales(self.scales)

    @property
    def ports(self) -> Mapping[str, int]:
        """Both ports have one coordinate a unit."""
        return {"": self.count, "order": self.count}

    def identity(self) -> SiteElement:
        """Every unit stays."""
        return {"": identity(self.count), "order": identity(self.count)}

    def element(self, order: Int[Tensor, " units"], scale: Float[Tensor, " units"] | None = None) -> SiteElement:
        """The element that takes unit i from order(i), times a factor.

        Args:
            order: A permutation.
            scale: The factors; None for ones.
        """
        blocks = None if scale is None else scale[:, None, None]
        return {"": BlockMonomial(order, blocks), "order": BlockMonomial(order)}

    def random(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> SiteElement:
        """A random order and random factors."""
        if self.groups == 1:
            order = torch.randperm(self.count, generator=generator)
        else:
            own = [torch.randperm(self.count // self.groups, generator=generator) for _ in range(self.groups)]
            order = order_of_groups(torch.randperm(self.groups, generator=generator), torch.stack(own))
        return self.element(order, random_scales(self.count, self.scales, generator, dtype))

    def fixed(self, port: str) -> Float[Tensor, "dim fixed"]:
        """Equal units; with factors nothing."""
        if port == "" and self.scales != "none":
            return super().fixed(port)
        return torch.full((self.count, 1), self.count**-0.5, dtype=torch.float64)


@dataclass(frozen=True)
class Rotation(Site):
    """Coordinates of a residual stream that may be rotated: O(n), or its part that leaves (1, ..., 1) alone.

    Ports: ``""``; ``"order"`` for gains, which no rotation may move: they have to be equal (see `folded`).

    Args:
        count: Number of coordinates.
        fixes_ones: Whether (1, ..., 1) stays, as it must where a norm subtracts the mean.

    Example:
        >>> turn = Rotation(3, fixes_ones=True).random(torch.Generator().manual_seed(0))[""]
        >>> bool(torch.allclose(turn.apply(torch.ones(3, dtype=torch.float64), 0), torch.ones(3, dtype=torch.float64)))
        True
    """

    count: int
    fixes_ones: bool = False

    def __post_init__(self) -> None:
        check_count("count", self.count, least=2 if self.fixes_ones else 1)

    @property
    def ports(self) -> Mapping[str, int]:
        """Both ports have one number a coordinate."""
        return {"": self.count, "order": self.count}

    def identity(self) -> SiteElement:
        """Every coordinate stays."""
        return {"": identity(1, self.count), "order": identity(self.count)}

    def element(self, matrix: Float[Tensor, "n n"]) -> SiteElement:
        """The element of an orthogonal matrix."""
        return {"": BlockMonomial(torch.zeros(1, dtype=torch.long), matrix[None]), "order": identity(self.count)}

    def random(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> SiteElement:
        """A rotation from the Haar measure."""
        return self.element(self.inside(random_orthogonal(self.count - self.fixes_ones, generator, dtype)))

    def inside(self, matrix: Float[Tensor, "m m"]) -> Float[Tensor, "n n"]:
        """An orthogonal matrix of what may be turned, as one of all coordinates."""
        if not self.fixes_ones:
            return matrix
        basis = across_ones(self.count, matrix.dtype)
        ones = torch.full((self.count, self.count), 1 / self.count, dtype=matrix.dtype)
        return basis @ matrix @ basis.mT + ones

    def fixed(self, port: str) -> Float[Tensor, "dim fixed"]:
        """(1, ..., 1) if it stays; all gains."""
        if port == "order":
            return torch.eye(self.count, dtype=torch.float64)
        if not self.fixes_ones:
            return super().fixed(port)
        return torch.full((self.count, 1), self.count**-0.5, dtype=torch.float64)


def order_of_groups(outer: Int[Tensor, " groups"], inner: Int[Tensor, "groups size"]) -> Int[Tensor, " units"]:
    """The order of units of which groups stay together.

    Args:
        outer: Group i is taken from group outer(i).
        inner: Place k in group i is taken from place inner(i, k) of that group.

    Example:
        >>> order_of_groups(torch.tensor([1, 0]), torch.tensor([[1, 0], [0, 1]])).tolist()
        [3, 2, 0, 1]
    """
    return (outer[:, None] * inner.shape[1] + inner).flatten()


def check_scales(scales: str) -> None:
    """Refuse a word that says no kind of factors.

    Raises:
        ArgumentError: If it is none of them.
    """
    if scales not in _SCALES:
        raise ArgumentError("scales", expected=f"one of {', '.join(_SCALES)}", got=repr(scales))


def random_scales(
    count: int, scales: str, generator: torch.Generator, dtype: torch.dtype
) -> Float[Tensor, " count"] | None:
    """Random factors of a kind; None where there are none."""
    return None if scales == "none" else random_factors(count, scales, generator, dtype)


def random_factors(count: int, scales: str, generator: torch.Generator, dtype: torch.dtype) -> Float[Tensor, " count"]:
    """Random factors: ``"signs"``, ``"positive"`` ones, or ``"any"``."""
    signs = torch.randint(2, (count,), generator=generator).to(dtype) * 2 - 1
    if scales == "signs":
        return signs
    sizes = (_SPREAD * torch.randn(count, generator=generator, dtype=dtype)).exp()
    return sizes if scales == "positive" else sizes * signs


def random_orthogonal(n: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Float[Tensor, "n n"]:
    """An orthogonal matrix from the Haar measure of O(n)."""
    q, r = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    turned: Tensor = q * r.diagonal().sign()
    return turned.to(dtype)


def random_invertible(n: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Float[Tensor, "n n"]:
    """An invertible matrix that is far from orthogonal and well conditioned."""
    sizes = (_SPREAD * torch.randn(n, generator=generator, dtype=torch.float64)).exp()
    return ((random_orthogonal(n, generator) * sizes) @ random_orthogonal(n, generator)).to(dtype)


def across_ones(n: int, dtype: torch.dtype = torch.float64) -> Float[Tensor, "n rest"]:
    """An orthonormal basis of the vectors whose sum is 0 (Helmert's)."""
    rows = torch.ones(n, n, dtype=torch.float64).tril()[:-1]
    k = torch.arange(1, n, dtype=torch.float64)
    rows[torch.arange(n - 1), torch.arange(1, n)] = -k
    return (rows / (k * (k + 1)).sqrt()[:, None]).mT.to(dtype).contiguous()
