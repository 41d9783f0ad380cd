"""Small graph networks that sum a block: message passing on complete graphs, rings and paths, with a sum readout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.systems.renormalisation.ensemble import Ensemble
from haar.systems.renormalisation.families import BIAS_SD, AffineLayer, Sizes, Start


def complete_graph(nodes: int) -> Float[Tensor, "nodes nodes"]:
    """Everyone is a neighbour of everyone else.

    Example:
        >>> complete_graph(3).sum().item()
        6.0
    """
    return torch.ones(nodes, nodes, dtype=torch.float64) - torch.eye(nodes, dtype=torch.float64)


def path_graph(nodes: int) -> Float[Tensor, "nodes nodes"]:
    """A chain with two ends.

    Example:
        >>> path_graph(3).sum(0).tolist()
        [1.0, 2.0, 1.0]
    """
    side = torch.ones(max(nodes - 1, 0), dtype=torch.float64)
    return torch.diag(side, 1) + torch.diag(side, -1)


def ring_graph(nodes: int) -> Float[Tensor, "nodes nodes"]:
    """A closed chain; two nodes have one edge.

    Example:
        >>> ring_graph(4).sum(0).tolist()
        [2.0, 2.0, 2.0, 2.0]
    """
    shifted = torch.eye(nodes, dtype=torch.float64).roll(1, 0)
    both = (shifted + shifted.mT).clamp(max=1.0)
    return both - torch.diag(both.diagonal())


GRAPHS: Mapping[str, Callable[[int], Tensor]] = {"complete": complete_graph, "ring": ring_graph, "path": path_graph}
"""Adjacency matrices by name."""

SHARINGS = ("distinct", "shared")
"""Whether a node and its neighbours have weights of their own (Ws, Wn) or the same (Ws = Wn)."""


class GraphEnsemble(Ensemble):
    """Graph networks h_i' = f(Ws h_i + Wn sum_j A_ij h_j + b) with the readout sum_i v.h_i + c.

    Args:
        graph: complete, ring or path.
        sharing: distinct, or shared (Ws = Wn).
        activation: Activation of every layer.
        sizes: Nodes (one variable each), channels and layers.
        seeds: One a network.

    Raises:
        ArgumentError: If a name is unknown or there is no seed.

    Example:
        >>> nets = GraphEnsemble("complete", "distinct", "relu", Sizes(4, 16, 1), seeds=[0])
        >>> nets.parameter_count
        65
    """

    adjacency: Tensor

    def __init__(self, graph: str, sharing: str, activation: str, sizes: Sizes, *, seeds: Sequence[int]) -> None:
        if graph not in GRAPHS:
            raise ArgumentError("graph", expected=f"one of {', '.join(GRAPHS)}", got=repr(graph))
        if sharing not in SHARINGS:
            raise ArgumentError("sharing", expected=f"one of {', '.join(SHARINGS)}", got=repr(sharing))
        h = sizes.width
        starts: dict[str, Start] = {}
        for depth in range(sizes.depth):
            size = 1 if depth == 0 else h
            starts[f"own{depth}"] = Start((h, size), size**-0.5)
            if sharing == "distinct":
                starts[f"neighbours{depth}"] = Start((h, size), size**-0.5)
            starts[f"bias{depth}"] = Start((h,), BIAS_SD)
        starts |= {"out_weight": Start((1, h), h**-0.5), "out_bias": Start((1,), BIAS_SD)}
        super().__init__(activation, sizes.inputs, starts, seeds)
        self.graph, self.sharing, self.sizes = graph, sharing, sizes
        self.register_constant("adjacency", GRAPHS[graph](sizes.inputs))

    @property
    def name(self) -> str:
        """For example ``GNN relu ring Ws=Wn, depth 1``."""
        weights = "Ws=Wn" if self.sharing == "shared" else "Ws,Wn"
        return f"GNN {self.activation.name} {self.graph} {weights}, depth {self.sizes.depth}"

    def _messages(self, depth: int) -> tuple[Tensor, Tensor]:
        own = self.free[f"own{depth}"]
        return own, own if self.sharing == "shared" else self.free[f"neighbours{depth}"]

    def forward(self, x: Float[Tensor, "*networks batch inputs"]) -> Float[Tensor, "all batch *outputs"]:
        """Outputs of all networks, by message passing (the dense weights of `layers` are never formed)."""
        batch = x.shape[-2]
        hidden = x.mT.expand(self.networks, -1, -1)[:, None]  # network, channel, node, sample
        for depth in range(self.sizes.depth):
            own, neighbours = self._messages(depth)
            mixed = (self.adjacency @ hidden).flatten(2)
            z = torch.baddbmm(self.free[f"bias{depth}"][:, :, None], own, hidden.flatten(2)) + neighbours @ mixed
            hidden = self.activation(z).unflatten(2, (self.inputs, batch))
        return torch.baddbmm(self.free["out_bias"][:, :, None], self.free["out_weight"], hidden.sum(2))[:, 0]

    def layers(self) -> list[AffineLayer]:
        """The same as perceptrons on stacked node features (node by node): W = I (x) Ws + A (x) Wn."""
        n = self.inputs
        eye = torch.eye(n, dtype=torch.float64)
        found = []
        for depth in range(self.sizes.depth):
            own, neighbours = self._messages(depth)
            weight = _kron(eye, own) + _kron(self.adjacency, neighbours)
            found.append(AffineLayer(weight, self.free[f"bias{depth}"].repeat(1, n)))
        readout = _kron(torch.ones(1, n, dtype=torch.float64), self.free["out_weight"])
        return [*found, AffineLayer(readout, self.free["out_bias"])]


def _kron(left: Tensor, right: Tensor) -> Tensor:
    """Kronecker product of one matrix with a matrix of every network."""
    product = left[None, :, None, :, None] * right[:, None, :, None, :]
    return product.flatten(3, 4).flatten(1, 2)
