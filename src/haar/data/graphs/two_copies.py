"""Graphs made of two copies of one random graph: nearly symmetric, or exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from haar.errors import ArgumentError, check_count
from haar.seeding import Seed, generator_of


@dataclass(frozen=True)
class TwoCopies:
    """A graph of two copies; node u of the first copy is node u + n of the second.

    Attributes:
        edges: Every edge once, ``(2, e)``, the smaller node first.
        nodes: Number of nodes, 2 n.
        copy: 0 or 1 for every node.
    """

    edges: Int[Tensor, "2 e"]
    nodes: int
    copy: Int[Tensor, " n"]

    @property
    def both_directions(self) -> Int[Tensor, "2 two_e"]:
        """Every edge in both directions, as networks want them."""
        return torch.cat([self.edges, self.edges.flip(0)], 1)


@dataclass(frozen=True)
class TwinTask:
    """A graph with an exact symmetry that exchanges its copies, and pairs that only the copy tells apart.

    Attributes:
        graph: The training graph; exchanging u and u + n maps it onto itself.
        positive: Held-out pairs (u, w) of the first copy, ``(2, p)``: edges of the original graph.
        negative: The twins (u, w + n).
    """

    graph: TwoCopies
    positive: Int[Tensor, "2 p"]
    negative: Int[Tensor, "2 p"]


def random_graph(
    nodes: int, *, kind: str = "erdos_renyi", probability: float = 0.05, attach: int = 20, generator: torch.Generator
) -> Int[Tensor, "2 e"]:
    """The edges of a random graph, each once.

    Args:
        nodes: Number of nodes.
        kind: ``"erdos_renyi"``: every pair is an edge with `probability`; ``"barabasi_albert"``: every new node is
            joined to `attach` old ones, drawn in proportion to their degrees.
        probability: Probability of an edge, for ``"erdos_renyi"``.
        attach: Edges of a new node, for ``"barabasi_albert"``.
        generator: Source of the graph.

    Raises:
        ArgumentError: If the kind is unknown or numbers do not fit.

    Example:
        >>> random_graph(9, kind="barabasi_albert", attach=2, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 14])
    """
    check_count("nodes", nodes, least=2)
    if kind == "erdos_renyi":
        if not 0 <= probability <= 1:
            raise ArgumentError("probability", expected="a number from 0 to 1", got=probability)
        pairs = torch.triu_indices(nodes, nodes, 1)
        return pairs[:, torch.rand(pairs.shape[1], generator=generator) < probability]
    if kind != "barabasi_albert":
        raise ArgumentError("kind", expected="'erdos_renyi' or 'barabasi_albert'", got=repr(kind))
    check_count("attach", attach)
    if attach >= nodes:
        raise ArgumentError("attach", expected=f"1 to {nodes - 1}", got=attach)
    # A node stands in `ends` as often as it has edges; the first new node is joined to the first `attach` nodes.
    ends: list[int] = []
    edges: list[tuple[int, int]] = []
    targets = list(range(attach))
    for new in range(attach, nodes):
        edges += [(old, new) for old in targets]
        ends += targets + [new] * attach
        drawn: set[int] = set()
        while len(drawn) < attach:
            places = torch.randint(len(ends), (attach - len(drawn),), generator=generator).tolist()
            drawn |= {ends[place] for place in places}
        targets = sorted(drawn)
    return torch.tensor(edges).T


def two_copies(
    nodes: int = 1000,
    *,
    kind: str = "erdos_renyi",
    probability: float = 0.05,
    attach: int = 20,
    added: int = 1000,
    seed: Seed = 0,
) -> TwoCopies:
    """Two copies of a random graph, and edges between uniformly drawn nodes; loops and repetitions are dropped.

    Source: Lim et al. arXiv 2312.02339, released code.

    Args:
        nodes: Nodes of each copy.
        kind: Law of the graph, see `random_graph`.
        probability: Probability of an edge, see `random_graph`.
        attach: Edges of a new node, see `random_graph`.
        added: Number of edges drawn between nodes of either copy.
        seed: Seed of the graph and of the added edges.

    Raises:
        ArgumentError: If the kind is unknown or numbers do not fit.

    Example:
        >>> two_copies(20, probability=0.2, added=5).nodes
        40
    """
    check_count("added", added, least=0)
    generator = generator_of(seed)
    edges = random_graph(nodes, kind=kind, probability=probability, attach=attach, generator=generator)
    drawn = torch.randint(2 * nodes, (2, added), generator=generator)
    return _assembled(torch.cat([edges, edges + nodes, drawn], 1), nodes)


def twin_task(
    nodes: int = 100, *, probability: float = 0.12, held_out: float = 0.2, crossings: int = 30, seed: Seed = 0
) -> TwinTask:
    """The task on which sign-invariant features provably tie.

    A part of the edges of a random graph is held out; the rest stands in both copies, and edges between the copies are
    added in pairs {(a, b'), (b, a')}. The exchange of u and u' is an exact automorphism, so that features which
    do not see signs give u' the features of u, and the pairs (u, w) and (u, w') one score.

    Source: ours, after the two copies of arXiv 2312.02339.

    Args:
        nodes: Nodes of each copy.
        probability: Probability of an edge.
        held_out: Share of the edges that are tested.
        crossings: Edges between the copies, drawn in pairs (a = b gives one).
        seed: Seed of the graph, the split and the crossings.

    Raises:
        ArgumentError: If a share is not between 0 and 1, or numbers do not fit.

    Example:
        >>> task = twin_task(20, probability=0.3, crossings=4)
        >>> bool((task.negative[1] == task.positive[1] + 20).all())
        True
    """
    check_count("crossings", crossings, least=2)
    if not 0 < held_out < 1:
        raise ArgumentError("held_out", expected="a share between 0 and 1", got=held_out)
    generator = generator_of(seed)
    edges = random_graph(nodes, probability=probability, generator=generator)
    order = torch.randperm(edges.shape[1], generator=generator)
    tested, kept = edges[:, order[: round(held_out * len(order))]], edges[:, order[round(held_out * len(order)) :]]
    a, b = torch.randint(nodes, (2, crossings // 2), generator=generator)
    cross = torch.cat([torch.stack([a, b + nodes]), torch.stack([b, a + nodes])], 1)
    graph = _assembled(torch.cat([kept, kept + nodes, cross], 1), nodes)
    return TwinTask(graph, tested, tested + torch.tensor([[0], [nodes]]))


def _assembled(edges: Tensor, nodes: int) -> TwoCopies:
    """Every edge once, without loops, the smaller node first."""
    ordered = edges.sort(0).values
    ordered = ordered[:, ordered[0] != ordered[1]]
    return TwoCopies(ordered.unique(dim=1), 2 * nodes, torch.arange(2).repeat_interleave(nodes))
