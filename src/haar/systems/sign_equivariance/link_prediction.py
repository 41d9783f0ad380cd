"""Link prediction in nearly symmetric graphs: two copies of a random graph and a few random edges."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from haar.data.graphs import TwoCopies, two_copies
from haar.data.spectra import laplacian_eigs
from haar.nn.spectral import inner_score
from haar.systems.experiment import Parts
from haar.systems.sign_equivariance.link_networks import LinkInput, LinkNetwork
from haar.systems.sign_equivariance.options import Links
from haar.systems.sign_equivariance.pair_sampling import EdgeSplit, both_ways, random_pairs, split_edges
from haar.systems.sign_equivariance.ranking import area_under_curve
from haar.systems.sign_equivariance.training import Training, best_rate, descend, parameters
from haar.training import Plan

KINDS = {"ER": "erdos_renyi", "BA": "barabasi_albert"}
#: An area under the curve, or a share of pairs, from which nothing was learned.
CHANCE = 0.51


def measure_links(config: Links, seed: int, kept: Parts) -> dict[str, Any]:
    """Areas under the curve of all networks, in both scalings of the eigenvectors, beside what needs no training.

    Args:
        config: Sizes, rates and networks.
        seed: Seed of the graph, the split, the initial weights and the negatives.
        kept: Keeps what was measured.

    Returns:
        ``<graph>``: ``untrained`` (area by name), ``ceiling`` (closed form), ``unit`` and ``sqrt_n`` (by network).
    """
    return {name: _measure_graph(name, config, seed, kept) for name in config.networks}


def _measure_graph(name: str, config: Links, seed: int, kept: Parts) -> dict[str, Any]:
    graph = two_copies(
        config.nodes,
        kind=KINDS[name],
        probability=config.probability,
        attach=config.attach,
        added=config.added,
        seed=seed,
    )
    split = split_edges(graph.edges, graph.nodes, torch.Generator().manual_seed(seed))
    edges = both_ways(split.train)
    found: dict[str, Any] = {}
    spectrum = laplacian_eigs(edges, config.k, nodes=graph.nodes, scale="unit", unhealthy="quiet")
    values = spectrum.eigenvalues.float().unsqueeze(0)
    found["untrained"] = kept.keep(
        f"links-{name}-untrained", lambda: _untrained(graph, split, spectrum.vectors, spectrum.health.smallest_gap)
    )
    for scale, kinds in config.networks[name].items():
        v = spectrum.vectors.float() * (1 if scale == "unit" else math.sqrt(graph.nodes))
        given = LinkInput(v, edges, values)
        found[scale] = {
            kind: kept.keep(f"links-{name}-{scale}-{kind}", partial(_train, kind, given, split, config, seed))
            for kind in kinds
        }
    return found


def _train(kind: str, given: LinkInput, split: EdgeSplit, config: Links, seed: int) -> dict[str, Any]:
    return best_rate(
        config.rates,
        lambda rate: fit_links(kind, given, split, epochs=config.epochs, learning_rate=rate, seed=seed),
        chance=CHANCE,
    )


def fit_links(
    kind: str, given: LinkInput, split: EdgeSplit, *, epochs: int, learning_rate: float, seed: int
) -> tuple[Training, dict[str, Any]]:
    """Train one network on the training edges and as many random pairs; its test area at its best validation area."""
    network = LinkNetwork(kind, given.v.shape[-1], seed=seed)
    count = split.train.shape[1]
    labels = torch.cat([torch.ones(count), torch.zeros(count)])

    def loss(_: int, generator: torch.Generator) -> Tensor:
        z = network(given.with_signals(kind, generator))
        pairs = torch.cat([split.train, random_pairs(len(z), count, generator)], 1)
        return functional.binary_cross_entropy_with_logits(network.score(z, pairs), labels)

    seen = given.with_signals(kind, torch.Generator().manual_seed(seed))

    def observe() -> dict[str, float]:
        z = network(seen)
        return {
            part: area_under_curve(*(network.score(z, pairs) for pairs in getattr(split, part)))
            for part in ("validation", "test")
        }

    run = descend(network, loss, Plan(steps=epochs, learning_rate=learning_rate, every=1), seed=seed, observe=observe)
    best = run.best or {"validation": math.nan, "test": math.nan}
    return run, {"validation": best["validation"], "auc": best["test"], "parameters": parameters(network)}


def _untrained(graph: TwoCopies, split: EdgeSplit, v: Tensor, gap: float) -> dict[str, Any]:
    """Areas of scores that are not trained, two of which are told the copies; and the closed form of the best."""
    degree = torch.bincount(both_ways(split.train)[0], minlength=graph.nodes).double()
    copy = 1.0 - 2 * graph.copy.double()
    scores = {
        "dot": lambda p: inner_score(v[p[0]], v[p[1]]),
        "Fiedler product": lambda p: v[p[0], 0] * v[p[1], 0],
        "degree product": lambda p: degree[p[0]] * degree[p[1]],
        "same copy (oracle)": lambda p: copy[p[0]] * copy[p[1]],
        "degrees and copy (oracle)": lambda p: degree[p[0]] * degree[p[1]] * (1 + 1e3 * copy[p[0]] * copy[p[1]]),
    }
    areas = {name: area_under_curve(*(score(pairs) for pairs in split.test)) for name, score in scores.items()}
    return {"auc": areas, "ceiling": same_copy_ceiling(graph), "smallest_gap": gap}


def same_copy_ceiling(graph: TwoCopies) -> float:
    """1/2 + (p - q) / 2 with p and q the shares of edges and of non-edges inside a copy.

    Told the copies, nothing else tells edges of an Erdos-Renyi graph from non-edges.

    Example:
        >>> 0.5 < same_copy_ceiling(two_copies(60, probability=0.1, added=10)) < 1
        True
    """
    inside = int((graph.copy[graph.edges[0]] == graph.copy[graph.edges[1]]).sum())
    edges, half = graph.edges.shape[1], graph.nodes // 2
    pairs_inside, pairs = half * (half - 1), graph.nodes * (graph.nodes - 1) // 2
    return 0.5 + (inside / edges - (pairs_inside - inside) / (pairs - edges)) / 2
