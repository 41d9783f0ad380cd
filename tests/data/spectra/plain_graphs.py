"""Small graphs, as edges and as PyTorch Geometric holds them."""

from __future__ import annotations

import torch
from torch import Tensor


def ring(n: int, start: int = 0) -> Tensor:
    nodes = torch.arange(n)
    return torch.stack([nodes, (nodes + 1) % n]) + start


def path(n: int) -> Tensor:
    return torch.stack([torch.arange(n - 1), torch.arange(1, n)])


def complete(n: int) -> Tensor:
    return torch.triu_indices(n, n, 1)


def clusters(count: int, size: int) -> Tensor:
    """Complete graphs in a row, each joined to the next by one edge."""
    parts = [complete(size) + size * c for c in range(count)]
    bridges = torch.tensor([[size * c, size * c + size + 1] for c in range(count - 1)]).T
    return torch.cat([*parts, bridges], 1)


class Graph:
    """What PyTorch Geometric's data look like."""

    def __init__(self, edges: Tensor, nodes: int, weights: Tensor | None = None) -> None:
        self.edge_index, self.num_nodes, self.edge_weight = edges, nodes, weights


def both(edges: Tensor) -> Tensor:
    return torch.cat([edges, edges.flip(0)], 1)
