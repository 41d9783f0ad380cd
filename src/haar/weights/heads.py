"""The site of an attention layer's heads: their order, and what may be turned inside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.weights.block_monomial import BlockMonomial, identity
from haar.weights.sites import Site, SiteElement, random_invertible

_SCORES = ("linear", "rotary", "fixed")


@dataclass(frozen=True)
class Heads(Site):
    """Attention heads: groups of query heads that share keys and values, in any order, and the gauge inside each.

    Scores are products of queries and keys, outputs those of values and the output map. So queries turned by a and
    keys by its inverse transpose give the same scores, and values turned by b with the output map by its inverse
    transpose the same outputs. With rotary positions a must commute with the rotations: one complex number a pair of
    coordinates (i, i + size / 2).

    Ports: ``"q"`` (heads x size), ``"k"`` and ``"v"`` (groups x size), ``"o"`` (heads x size).

    Args:
        groups: Number of key-value heads.
        size: Coordinates of a head.
        queries: Query heads of each group; 1 in multi-head attention.
        scores: What a may be: ``"linear"``, any invertible matrix; ``"rotary"``; ``"fixed"``, nothing, as where
            queries and keys are normalised.

    Raises:
        ArgumentError: If a number is out of range, or a rotary head's size is odd.

    Example:
        >>> Heads(2, 4, queries=3).ports
        {'q': 24, 'k': 8, 'v': 8, 'o': 24}
    """

    groups: int
    size: int
    queries: int = 1
    scores: str = "linear"

    def __post_init__(self) -> None:
        for name in ("groups", "size", "queries"):
            check_count(name, getattr(self, name))
        if self.scores not in _SCORES:
            raise ArgumentError("scores", expected=f"one of {', '.join(_SCORES)}", got=repr(self.scores))
        if self.scores == "rotary" and self.size % 2:
            raise ArgumentError("size", expected="an even size for rotary positions", got=self.size)

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return self.groups * self.queries

    @property
    def ports(self) -> Mapping[str, int]:
        """Coordinates of queries, keys, values and of what the output map reads."""
        many, few = self.heads * self.size, self.groups * self.size
        return {"q": many, "k": few, "v": few, "o": many}

    def identity(self) -> SiteElement:
        """Every head stays."""
        many, few = identity(self.heads, self.size), identity(self.groups, self.size)
        return {"q": many, "k": few, "v": few, "o": many}

    def element(
        self,
        order: Int[Tensor, " groups"],
        inner: Int[Tensor, "groups queries"],
        scores: Float[Tensor, "groups size size"] | None = None,
        values: Float[Tensor, "groups size size"] | None = None,
    ) -> SiteElement:
        """An element.

        Args:
            order: Where each group comes from.
            inner: Where each query head of a group comes from, among those of the group that it comes from.
            scores: The matrices of the queries, one for each group in its new place; None for identities.
            values: The matrices of the values.
        """
        heads = (order[:, None] * self.queries + inner).flatten()

        def pair(matrices: Tensor | None) -> tuple[BlockMonomial, BlockMonomial]:
            if matrices is None:
                return BlockMonomial(heads, None, self.size), BlockMonomial(order, None, self.size)
            wide = matrices.repeat_interleave(self.queries, 0)
            return BlockMonomial(heads, wide), BlockMonomial(order, matrices)

        q, k = pair(scores)
        o, v = pair(values)
        return {"q": q, "k": k.dual(), "v": v, "o": o.dual()}

    def random(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> SiteElement:
        """A random order and random matrices."""
        order = torch.randperm(self.groups, generator=generator)
        inner = torch.stack([torch.randperm(self.queries, generator=generator) for _ in range(self.groups)])
        values = torch.stack([random_invertible(self.size, generator, dtype) for _ in range(self.groups)])
        scores = None
        if self.scores == "linear":
            scores = torch.stack([random_invertible(self.size, generator, dtype) for _ in range(self.groups)])
        elif self.scores == "rotary":
            z = torch.randn(self.groups, self.size // 2, 2, generator=generator, dtype=dtype)
            z = (
                z
                / z.norm(dim=-1, keepdim=True)
                * (0.5 + torch.rand(z.shape[:2], generator=generator, dtype=dtype))[..., None]
            )
            scores = rotary_matrix(torch.view_as_complex(z))
        return self.element(order, inner, scores, values)


def rotary_matrix(z: Tensor) -> Float[Tensor, "*batch size size"]:
    """Multiplication with a complex number for each pair (i, i + size / 2), as real matrices.

    Args:
        z: Complex, of shape (*batch, size / 2).

    Example:
        >>> rotary_matrix(torch.tensor([1j]))
        tensor([[ 0., -1.],
                [ 1.,  0.]])
    """
    real, imaginary = torch.diag_embed(z.real), torch.diag_embed(z.imag)
    return torch.cat([torch.cat([real, -imaginary], -1), torch.cat([imaginary, real], -1)], -2)
