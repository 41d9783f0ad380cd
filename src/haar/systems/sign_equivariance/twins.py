"""The twin task: an exact automorphism under which sign-invariant networks must tie."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from haar.data.graphs import TwinTask, twin_task
from haar.data.spectra import laplacian_eigs
from haar.systems.experiment import Parts
from haar.systems.sign_equivariance.link_networks import LinkInput, LinkNetwork
from haar.systems.sign_equivariance.link_prediction import CHANCE
from haar.systems.sign_equivariance.options import Twins
from haar.systems.sign_equivariance.pair_sampling import random_pairs
from haar.systems.sign_equivariance.ranking import paired_accuracy
from haar.systems.sign_equivariance.training import Training, best_rate, descend, parameters
from haar.training import Plan


def measure_twins(config: Twins, seed: int, kept: Parts) -> dict[str, Any]:
    """Paired accuracies of all networks, in float64.

    A network tells the edge (u, w) from its twin (u, w') or it does not; ties count one half. Half of the held-out
    edges choose the learning rate, the other half is reported.

    Args:
        config: Sizes, rates and networks.
        seed: Seed of the graph, the initial weights and the negatives.
        kept: Keeps what was measured.

    Returns:
        ``networks`` by name, ``untrained`` accuracies, ``smallest_gap`` of the spectrum.
    """
    task = twin_task(config.nodes, probability=config.probability, crossings=config.crossings, seed=seed)
    spectrum = laplacian_eigs(task.graph.both_directions, config.k, nodes=task.graph.nodes, unhealthy="quiet")
    given = LinkInput(spectrum.vectors, task.graph.both_directions, spectrum.eigenvalues.unsqueeze(0))
    networks = {
        kind: kept.keep(f"twins-{kind}", partial(_train, kind, given, task, config, seed)) for kind in config.networks
    }
    v = spectrum.vectors
    scores = {
        "dot": lambda p: (v[p[0]] * v[p[1]]).sum(-1),
        "diffusion": lambda p: (v[p[0]] * v[p[1]] * (1 - spectrum.eigenvalues).square()).sum(-1),
    }
    untrained = {name: paired_accuracy(score(task.positive), score(task.negative))[0] for name, score in scores.items()}
    return {"networks": networks, "untrained": untrained, "smallest_gap": spectrum.health.smallest_gap}


def _train(kind: str, given: LinkInput, task: TwinTask, config: Twins, seed: int) -> dict[str, Any]:
    return best_rate(
        config.rates,
        lambda rate: fit_twins(kind, given, task, epochs=config.epochs, learning_rate=rate, seed=seed),
        chance=CHANCE,
    )


def fit_twins(
    kind: str, given: LinkInput, task: TwinTask, *, epochs: int, learning_rate: float, seed: int
) -> tuple[Training, dict[str, Any]]:
    """Train one network on the edges of the training graph."""
    network = LinkNetwork(kind, given.v.shape[-1], seed=seed, dtype=torch.float64)
    edges = task.graph.edges
    labels = torch.cat([torch.ones(edges.shape[1]), torch.zeros(edges.shape[1])]).double()

    def loss(_: int, generator: torch.Generator) -> Tensor:
        z = network(given.with_signals(kind, generator))
        pairs = torch.cat([edges, random_pairs(len(z), edges.shape[1], generator)], 1)
        return functional.binary_cross_entropy_with_logits(network.score(z, pairs), labels)

    run = descend(network, loss, Plan(steps=epochs, learning_rate=learning_rate, clip=1.0), seed=seed)
    with torch.no_grad():
        z = network(given.with_signals(kind, torch.Generator().manual_seed(seed)))
        positive, negative = network.score(z, task.positive), network.score(z, task.negative)
    accuracy, apart = paired_accuracy(positive[::2], negative[::2])
    return run, {
        "validation": paired_accuracy(positive[1::2], negative[1::2])[0],
        "accuracy": accuracy,
        "apart": apart / max(1.0, float(positive.abs().max())),
        "parameters": parameters(network),
    }
