"""The site of a mixture's experts: their order, and the order of the hidden units inside each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.errors import check_count
from haar.weights.block_monomial import BlockMonomial, identity
from haar.weights.sites import Site, SiteElement, check_scales, random_scales


@dataclass(frozen=True)
class Experts(Site):
    """Experts that may be exchanged, and the hidden units of each, which may be exchanged inside it.

    Ports: ``""`` moves experts; ``"units"`` moves the pairs (expert, unit), with a factor; ``"order"`` those without
    factors. A tensor that has a port of units on one axis has the experts on another.

    Args:
        count: Number of experts.
        units: Hidden units of each.
        scales: Factors of units, see `Units`.

    Example:
        >>> Experts(2, 3).ports
        {'': 2, 'units': 6, 'order': 6}
    """

    count: int
    units: int
    scales: str = "none"
    nested = frozenset({"units", "order"})

    def __post_init__(self) -> None:
        check_count("count", self.count)
        check_count("units", self.units)
        check_scales(self.scales)

    @property
    def ports(self) -> Mapping[str, int]:
        """Experts, and pairs of an expert and a unit."""
        pairs = self.count * self.units
        return {"": self.count, "units": pairs, "order": pairs}

    def identity(self) -> SiteElement:
        """Every expert and unit stays."""
        pairs = identity(self.count * self.units)
        return {"": identity(self.count), "units": pairs, "order": pairs}

    def element(
        self,
        order: Int[Tensor, " experts"],
        inner: Int[Tensor, "experts units"],
        scale: Float[Tensor, "experts units"] | None = None,
    ) -> SiteElement:
        """An element.

        Args:
            order: Where each expert comes from.
            inner: Where each unit of an expert comes from, among those of the expert that it comes from.
            scale: Factors; None for ones.
        """
        pairs = (order[:, None] * self.units + inner).flatten()
        blocks = None if scale is None else scale.reshape(-1, 1, 1)
        return {"": BlockMonomial(order), "units": BlockMonomial(pairs, blocks), "order": BlockMonomial(pairs)}

    def random(self, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> SiteElement:
        """Random orders and factors."""
        order = torch.randperm(self.count, generator=generator)
        inner = torch.stack([torch.randperm(self.units, generator=generator) for _ in range(self.count)])
        scale = random_scales(self.count * self.units, self.scales, generator, dtype)
        return self.element(order, inner, None if scale is None else scale.reshape(self.count, self.units))

    def fixed(self, port: str) -> Float[Tensor, "dim fixed"]:
        """Equal experts with equal units; with factors nothing of the units."""
        size = self.ports[port]
        if port == "units" and self.scales != "none":
            return super().fixed(port)
        return torch.full((size, 1), size**-0.5, dtype=torch.float64)
