"""An element of the group that acts on a network's parameters and leaves its function alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from haar.weights.sites import SiteElement


@dataclass(frozen=True)
class Gauge:
    """One choice at every site: which unit goes where, and how coordinates are turned.

    Args:
        sites: For each site its element, as it acts by each port.
        shifts: What is added to a tensor after that: constants that a softmax does not see.

    Example:
        >>> from haar.weights import Units
        >>> Gauge({"hidden": Units(2).identity()}).moved_share("hidden")
        0.0
    """

    sites: Mapping[str, SiteElement]
    shifts: Mapping[str, Tensor] = field(default_factory=dict)

    def moved_share(self, site: str) -> float:
        """The share of a site's blocks (units, heads, experts) that come from another place."""
        port = next(iter(self.sites[site].values()))
        places = port.order.new_tensor(range(len(port.order)))
        return float((port.order != places).double().mean())
