"""Link prediction on graphs that were never seen, with signs drawn anew for each."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from haar.data.graphs import two_copies
from haar.data.spectra import laplacian_eigs
from haar.nn.spectral import canonical_signs, flip_signs
from haar.systems.experiment import Parts
from haar.systems.sign_equivariance.link_networks import LinkInput, LinkNetwork
from haar.systems.sign_equivariance.link_prediction import CHANCE
from haar.systems.sign_equivariance.options import Inductive
from haar.systems.sign_equivariance.pair_sampling import EdgeSplit, both_ways, random_pairs, split_edges
from haar.systems.sign_equivariance.ranking import area_under_curve
from haar.systems.sign_equivariance.training import Training, best_rate, descend, parameters
from haar.training import Plan

#: Edges of each graph that are held out, for validation and for the test together.
HELD_OUT = 0.1


class Graphs:
    """Several graphs of two copies side by side, each with its own split of edges and its own signs."""

    def __init__(self, count: int, config: Inductive, seed: int) -> None:
        nodes = 2 * config.nodes
        generator = torch.Generator().manual_seed(seed)
        self.splits: list[EdgeSplit] = []
        vectors, canonical, values, edges, copies = [], [], [], [], []
        for number in range(count):
            graph = two_copies(
                config.nodes,
                probability=config.probability,
                added=config.added,
                seed=int(torch.randint(2**31, (), generator=generator)),
            )
            split = split_edges(graph.edges, nodes, generator, share=HELD_OUT)
            spectrum = laplacian_eigs(both_ways(split.train), config.k, nodes=nodes, unhealthy="quiet")
            vectors.append(flip_signs(spectrum.vectors, generator=generator))
            canonical.append(canonical_signs(spectrum.vectors)[0])
            values.append(spectrum.eigenvalues)
            edges.append(both_ways(split.train) + number * nodes)
            copies.append(1.0 - 2 * graph.copy)
            self.splits.append(split)
        self.nodes, self.copies = nodes, torch.cat(copies)
        self.given = LinkInput(
            torch.cat(vectors).float(), torch.cat(edges, 1), torch.stack(values).float(), graphs=count
        )
        self.canonical = replace(self.given, v=torch.cat(canonical).float())
        self.train = torch.cat([split.train + n * nodes for n, split in enumerate(self.splits)], 1)

    def areas(self, score: Any) -> list[float]:
        """Of every graph the area under the curve of a score of pairs, on all held-out edges."""
        found = []
        for number, split in enumerate(self.splits):
            held = [
                torch.cat(parts, 1) + number * self.nodes for parts in zip(split.validation, split.test, strict=True)
            ]
            found.append(area_under_curve(score(held[0]), score(held[1])))
        return found


def measure_inductive(config: Inductive, seed: int, kept: Parts) -> dict[str, Any]:
    """Areas on new graphs.

    Args:
        config: Sizes, rates and networks.
        seed: Seed of graphs and networks.
        kept: Keeps what was measured.

    Returns:
        ``networks`` by name, with ``units``, the area of every test graph; ``untrained`` areas and
        ``untrained_units`` by name.
    """
    sizes = (config.train, config.validation, config.test)
    parts = [Graphs(size, config, 3 * seed + n) for n, size in enumerate(sizes)]
    networks = {
        kind: kept.keep(f"inductive-{kind}", partial(_train, kind, parts, config, seed)) for kind in config.networks
    }
    v, copies = parts[2].given.v, parts[2].copies
    units = {
        "same copy (oracle)": parts[2].areas(lambda p: copies[p[0]] * copies[p[1]]),
        "Fiedler product": parts[2].areas(lambda p: v[p[0], 0] * v[p[1], 0]),
        "dot": parts[2].areas(lambda p: (v[p[0]] * v[p[1]]).sum(-1)),
    }
    untrained = {name: fmean(areas) for name, areas in units.items()}
    return {"networks": networks, "untrained": untrained, "untrained_units": units}


def _train(kind: str, parts: list[Graphs], config: Inductive, seed: int) -> dict[str, Any]:
    return best_rate(config.rates, lambda rate: fit_graphs(kind, parts, config.epochs, rate, seed), chance=CHANCE)


def fit_graphs(
    kind: str, parts: list[Graphs], epochs: int, learning_rate: float, seed: int
) -> tuple[Training, dict[str, Any]]:
    """Train one network on some graphs, take it where it is best on others, and test it on the rest."""
    train, validation, test = parts
    network = LinkNetwork(kind, train.given.v.shape[-1], seed=seed)
    count = train.train.shape[1]
    labels = torch.cat([torch.ones(count), torch.zeros(count)])

    def seen(graphs: Graphs) -> LinkInput:
        return graphs.canonical if kind == "canonical" else graphs.given

    def loss(_: int, generator: torch.Generator) -> Tensor:
        given = seen(train)
        if kind == "flips":
            given = replace(given, v=flip_signs(given.v, cloud=given.cloud, generator=generator))
        z = network(given.with_signals(kind, generator))
        pairs = torch.cat([train.train, random_pairs(len(z), count, generator, graphs=given.graphs)], 1)
        return functional.binary_cross_entropy_with_logits(network.score(z, pairs), labels)

    def observe() -> dict[str, Any]:
        areas = []
        for graphs in (validation, test):
            z = network(seen(graphs).with_signals(kind, torch.Generator().manual_seed(seed)))
            areas.append(graphs.areas(lambda p, z=z: network.score(z, p)))
        return {"validation": fmean(areas[0]), "test": fmean(areas[1]), "units": areas[1]}

    run = descend(network, loss, Plan(steps=epochs, learning_rate=learning_rate, every=5), seed=seed, observe=observe)
    best = run.best or {"validation": math.nan, "test": math.nan, "units": []}
    told = {"validation": best["validation"], "auc": best["test"], "units": best["units"]}
    return run, {**told, "parameters": parameters(network)}
