"""Moments of node features, one number per orbit: what the orbit back-end finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.moments.layer import LayerReport
from haar.moments.orbits import NodeOrbits
from haar.moments.propagation import Propagation
from haar.moments.vector import VectorCumulants
from haar.report import Report, Section, Table

#: Up to so many node features a covariance is written out densely.
DENSE = 4096
_SHOWN = 16


@dataclass(frozen=True)
class OrbitPropagation(Report):
    """Moments of node features, one number per orbit.

    Args:
        orbits: Orbits of nodes and pairs.
        node_mean: Mean of the features of a node of each orbit.
        blocks: Covariance block of each orbit of pairs, at its representative (rows, columns).
        exact: Whether mean and covariance are exact.
        layers: Report on every layer.
        order: Order of the propagation.

    Example:
        >>> same, pair = torch.eye(2), 0.5 * torch.eye(2)  # two features of three exchangeable nodes
        >>> found = OrbitPropagation(NodeOrbits.complete(3), torch.zeros(1, 2), torch.stack([same, pair]), True, ())
        >>> found.cov().shape
        torch.Size([6, 6])
    """

    kind: ClassVar[str] = "moments-on-orbits"
    title: ClassVar[str] = "Moments of node features"  # type: ignore[misc]

    orbits: NodeOrbits
    node_mean: Float[Tensor, "node_orbits features"]
    blocks: Float[Tensor, "pair_orbits features features"]
    exact: bool
    layers: tuple[LayerReport, ...]
    order: int | str = 2

    def mean(self) -> Float[Tensor, "units"]:
        """Mean of all nodes' features, node-major."""
        return self.node_mean[self.orbits.node_label].reshape(-1)

    def block(self, i: int, j: int) -> Float[Tensor, "features features"]:
        """Covariance of the features of node i with those of node j."""
        return self.blocks[self.orbits.label[i, j]]

    def cov(self) -> Float[Tensor, "units units"]:
        """The dense covariance, node-major: (nodes * features)^2 numbers."""
        return self.orbits.dense(self.blocks)

    def to_dense(self) -> Propagation:
        """The same as a dense result.

        Raises:
            ArgumentError: If the dense covariance would be too large.
        """
        mean = self.mean()
        if mean.numel() > DENSE:
            raise ArgumentError(
                "backend",
                expected=f"at most {DENSE} node features for a dense result",
                got=mean.numel(),
                way_out="call propagate_on_orbits, which keeps the blocks",
            )
        shape = (self.orbits.nodes, self.node_mean.shape[1])
        return Propagation(VectorCumulants(mean, self.cov()), shape, self.order, "orbit", self.exact, self.layers)

    @property
    def made_of(self) -> Mapping[str, object]:
        """Order, nodes and conventions."""
        return {
            "propagation": f"order {self.order}, by orbits of {self.orbits.nodes} nodes",
            "conventions": "sd: square root of the variance; features of a node stand together",
        }

    def contents(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "nodes": self.orbits.nodes,
            "node_orbits": self.orbits.node_count,
            "pair_orbits": self.orbits.pair_count,
            "exact": self.exact,
            "node_mean": self.node_mean.detach(),
            "blocks": self.blocks.detach(),
            "layers": [layer.to_dict() for layer in self.layers],
        }

    def sections(self) -> list[Section]:
        """Mean and standard deviation by node orbit."""
        own = self.blocks[self.orbits.label.diagonal()[self.orbits.node_representatives]].detach()
        sd = own.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt()
        rows = [
            (int(node), int(size), feature, float(self.node_mean[orbit, feature].detach()), float(sd[orbit, feature]))
            for orbit, (node, size) in enumerate(
                zip(self.orbits.node_representatives, self.orbits.node_sizes, strict=True)
            )
            for feature in range(min(self.node_mean.shape[1], 8))
        ]
        table = Table("By orbit of nodes", ("node", "nodes in the orbit", "feature", "mean", "sd"), rows[:40])
        text = f"{self.orbits.nodes} nodes, {self.orbits.pair_count} orbits of pairs."
        caption = "Correlation of the same feature at two nodes, one column for each orbit of pairs."
        return [Section("Node features", text, table, self._figure(), caption)]

    def _figure(self) -> Any:
        from haar.report.drawing import AVERAGED, new_figure, style_axes

        orbits, features = self.orbits, self.node_mean.shape[1]
        blocks = self.blocks.detach().diagonal(dim1=-2, dim2=-1)
        own = blocks[orbits.label.diagonal()[orbits.node_representatives]].clamp(min=0.0).sqrt()
        left, right = own[orbits.node_label[orbits.rows]], own[orbits.node_label[orbits.columns]]
        scale = left * right
        rho = torch.where(scale > 0, blocks / torch.where(scale > 0, scale, torch.ones_like(scale)), 0.0)
        shown = min(orbits.pair_count, _SHOWN)
        figure = new_figure(7, 3)
        axes = style_axes(figure.add_subplot(), x="orbit of pairs (nodes, how many pairs)", y="correlation")
        for at in range(shown):
            axes.plot([at] * features, rho[at].tolist(), "o", markersize=4, color=AVERAGED, alpha=0.6)
        pairs = zip(orbits.rows.tolist(), orbits.columns.tolist(), orbits.sizes.tolist(), strict=True)
        names = [f"({i}, {j})\n{size}" for i, j, size in pairs]
        axes.set_xticks(range(shown), names[:shown], fontsize=7)
        axes.set_ylim(min(-0.05, float(rho.min()) - 0.05), 1.05)
        return figure
