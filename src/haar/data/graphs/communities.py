"""Node classification on random communities: CLUSTER and PATTERN, made anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError, check_count, require
from haar.seeding import Seed, generator_of


@dataclass(frozen=True)
class LabelledGraph:
    """A graph with a discrete feature and a label on every node.

    Attributes:
        edges: Both directions of every edge, ``(2, e)``.
        features: Features of the nodes.
        labels: Community of every node.
    """

    edges: Int[Tensor, "2 e"]
    features: Int[Tensor, " n"]
    labels: Int[Tensor, " n"]

    def data(self) -> Any:
        """As PyTorch Geometric's ``Data``.

        Raises:
            MissingExtraError: If PyTorch Geometric is not installed.
        """
        made = require("torch_geometric.data", "graphs").Data
        return made(x=self.features, edge_index=self.edges, y=self.labels, num_nodes=len(self.labels))


def cluster_graphs(
    count: int,
    *,
    communities: int = 6,
    least: int = 5,
    most: int = 34,
    inside: float = 0.55,
    across: float = 0.25,
    seed: int = 0,
) -> list[LabelledGraph]:
    """CLUSTER: which community does a node belong to, when one node of each is named?

    Sizes are uniform. In each community one node carries its number, from 1; all others carry 0.

    Source: Dwivedi et al. arXiv 2003.00982, section on node classification.

    Args:
        count: Number of graphs.
        communities: Number of communities in each graph.
        least: Nodes of the smallest community.
        most: Nodes of the largest.
        inside: Probability of an edge inside a community.
        across: Probability of an edge between two.
        seed: Seed of everything; graph number i of one seed is always the same.

    Raises:
        ArgumentError: If a number does not fit.

    Example:
        >>> graph = cluster_graphs(1, least=3, most=5)[0]
        >>> sorted(graph.features.unique().tolist())
        [0, 1, 2, 3, 4, 5, 6]
    """
    _check(count, communities, least, most, inside=inside, across=across)
    made = []
    for generator in _generators(count, seed):
        labels = _labels(communities, least, most, generator)
        edges = _block_edges(labels, inside, across, generator)
        features = torch.zeros_like(labels)
        for community in range(communities):
            members = torch.nonzero(labels == community).flatten()
            features[members[torch.randint(len(members), (1,), generator=generator)]] = community + 1
        made.append(_shuffled(edges, features, labels, generator))
    return made


def pattern_graphs(
    count: int,
    *,
    patterns: int = 100,
    communities: int = 5,
    least: int = 5,
    most: int = 34,
    inside: float = 0.5,
    across: float = 0.35,
    pattern_inside: float = 0.5,
    pattern_across: float = 0.5,
    seed: int = 0,
) -> list[LabelledGraph]:
    """PATTERN: which nodes belong to one of a few planted graphs?

    The planted graphs and their node features are drawn once for a seed; each of the `count` graphs hides one of them
    in turn among communities with random features from 0 to 2. Labels are 1 on the planted nodes.

    Source: Dwivedi et al. arXiv 2003.00982, section on node classification.

    Args:
        count: Number of graphs.
        patterns: Number of planted graphs.
        communities: Of each graph, beside the planted one.
        least: Nodes of the smallest community or planted graph.
        most: Nodes of the largest.
        inside: Probability of an edge inside a community.
        across: Probability of an edge between two.
        pattern_inside: Probability of an edge inside a planted graph.
        pattern_across: Probability of an edge between a planted node and another.
        seed: Seed of the graphs and of their features.

    Raises:
        ArgumentError: If a number does not fit.

    Example:
        >>> sorted(pattern_graphs(1, patterns=2)[0].labels.unique().tolist())
        [0, 1]
    """
    check_count("patterns", patterns)
    planted_edges = {"pattern_inside": pattern_inside, "pattern_across": pattern_across}
    _check(count, communities, least, most, inside=inside, across=across, **planted_edges)
    first = torch.Generator().manual_seed(seed)
    planted = []
    for _ in range(patterns):
        size = int(torch.randint(least, most + 1, (1,), generator=first))
        whole = torch.zeros(size, dtype=torch.int64)
        edges = _block_edges(whole, pattern_inside, 0.0, first)
        planted.append((size, edges, torch.randint(3, (size,), generator=first)))
    made = []
    for number, generator in enumerate(_generators(count, seed)):
        size, pattern, own = planted[number % patterns]
        around = _labels(communities, least, most, generator)
        edges = _block_edges(around, inside, across, generator)
        n = len(around)
        joins = torch.nonzero(torch.rand(n, size, generator=generator) < pattern_across).T
        joins = joins + torch.tensor([[0], [n]])
        edges = torch.cat([edges, pattern + n, joins, joins.flip(0)], 1)
        features = torch.cat([torch.randint(3, (n,), generator=generator), own])
        labels = torch.cat([torch.zeros(n, dtype=torch.int64), torch.ones(size, dtype=torch.int64)])
        made.append(_shuffled(edges, features, labels, generator))
    return made


def _check(count: int, communities: int, least: int, most: int, **probabilities: float | int) -> None:
    for name, value in {"count": count, "communities": communities, "least": least, "most": most}.items():
        check_count(name, value)
    if least > most:
        raise ArgumentError("least", expected=f"no more than most, {most}", got=least)
    for name, chance in probabilities.items():
        if not isinstance(chance, float | int) or not 0 <= chance <= 1:
            raise ArgumentError(name, expected="a probability", got=repr(chance))


def _generators(count: int, seed: Seed) -> Iterator[torch.Generator]:
    """One source for each graph, so that a longer list begins with the shorter one."""
    seeds = generator_of(seed)
    for _ in range(count):
        yield torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=seeds)))


def _labels(communities: int, least: int, most: int, generator: torch.Generator) -> Tensor:
    sizes = torch.randint(least, most + 1, (communities,), generator=generator)
    return torch.arange(communities).repeat_interleave(sizes)


def _block_edges(labels: Tensor, inside: float, across: float, generator: torch.Generator) -> Tensor:
    """Independent edges, in both directions."""
    pairs = torch.triu_indices(len(labels), len(labels), 1)
    same = labels[pairs[0]] == labels[pairs[1]]
    drawn = pairs[:, torch.rand(pairs.shape[1], generator=generator) < torch.where(same, inside, across)]
    return torch.cat([drawn, drawn.flip(0)], 1)


def _shuffled(edges: Tensor, features: Tensor, labels: Tensor, generator: torch.Generator) -> LabelledGraph:
    """The nodes in random order."""
    order = torch.randperm(len(labels), generator=generator)
    place = order.argsort()
    return LabelledGraph(place[edges], features[order], labels[order])
