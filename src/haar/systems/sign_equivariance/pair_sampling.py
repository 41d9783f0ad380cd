"""Edges split for training and testing, and pairs of nodes that are no edges."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class EdgeSplit:
    """Edges, each once, and as many pairs without an edge for the parts that are judged.

    Attributes:
        train: Edges that networks see.
        validation: Edges and non-edges.
        test: Edges and non-edges.
    """

    train: Int[Tensor, "2 e"]
    validation: tuple[Int[Tensor, "2 p"], Int[Tensor, "2 p"]]
    test: tuple[Int[Tensor, "2 q"], Int[Tensor, "2 q"]]


def split_edges(edges: Int[Tensor, "2 e"], nodes: int, generator: torch.Generator, *, share: float = 0.1) -> EdgeSplit:
    """Set aside a share of the edges for validation and another for testing."""
    order = torch.randperm(edges.shape[1], generator=generator)
    part = max(1, round(share * len(order)))
    held = [edges[:, order[:part]], edges[:, order[part : 2 * part]]]
    negatives = [non_edges(edges, nodes, part, generator) for _ in held]
    return EdgeSplit(edges[:, order[2 * part :]], (held[0], negatives[0]), (held[1], negatives[1]))


def non_edges(edges: Int[Tensor, "2 e"], nodes: int, count: int, generator: torch.Generator) -> Int[Tensor, "2 count"]:
    """Uniform pairs of different nodes that no edge joins."""
    taken = torch.eye(nodes, dtype=torch.bool)
    taken[edges[0], edges[1]] = True
    taken[edges[1], edges[0]] = True
    found: list[Tensor] = []
    missing = count
    while missing > 0:
        drawn = torch.randint(nodes, (2, 2 * missing + 8), generator=generator)
        drawn = drawn[:, ~taken[drawn[0], drawn[1]]][:, :missing]
        found.append(drawn)
        missing -= drawn.shape[1]
    return torch.cat(found, 1)


def random_pairs(nodes: int, count: int, generator: torch.Generator, *, graphs: int = 1) -> Int[Tensor, "2 count"]:
    """Uniform pairs of nodes of one graph: what stands for non-edges in training, anew in every step."""
    each = nodes // graphs
    pairs = torch.randint(each, (2, count), generator=generator)
    return pairs if graphs == 1 else pairs + each * torch.randint(graphs, (count,), generator=generator)


def both_ways(edges: Int[Tensor, "2 e"]) -> Int[Tensor, "2 two_e"]:
    """Every edge in both directions."""
    return torch.cat([edges, edges.flip(0)], 1)
