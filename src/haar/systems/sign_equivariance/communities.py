"""CLUSTER: which community does a node belong to, one node of each being named; PATTERN: is it planted?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from haar.data.graphs import LabelledGraph, cluster_graphs, pattern_graphs
from haar.data.spectra import laplacian_eigs
from haar.nn.spectral import canonical_signs, flip_signs
from haar.systems.experiment import Parts
from haar.systems.sign_equivariance.community_networks import SIGNALS, CommunityNetwork
from haar.systems.sign_equivariance.options import Communities, Patterns
from haar.systems.sign_equivariance.training import Training, best_rate, descend, parameters
from haar.training import Epochs, Plan

COMMUNITIES = 6
#: What chance adds to the recall of who has learned nothing, on a hundred graphs.
LUCK = 0.03
#: Values of the node feature of PATTERN.
VALUES = 3


@dataclass(frozen=True)
class Batch:
    """Graphs of like size, padded.

    Attributes:
        v: Eigenvectors in columns, times sqrt(n).
        canonical: The same with signs by the rule of `canonical_signs`.
        eigenvalues: Eigenvalues of the columns.
        adjacency: Ones and zeros.
        features: Numbers of named nodes, else 0.
        labels: Numbers of the communities, from 0; -1 for padding.
    """

    v: Float[Tensor, "batch n k"]
    canonical: Float[Tensor, "batch n k"]
    eigenvalues: Float[Tensor, "batch k"]
    adjacency: Float[Tensor, "batch n n"]
    features: Int[Tensor, "batch n"]
    labels: Int[Tensor, "batch n"]

    @property
    def mask(self) -> Bool[Tensor, "batch n"]:
        """Which rows hold a node."""
        return self.labels >= 0


def batches(graphs: Sequence[LabelledGraph], k: int, size: int) -> list[Batch]:
    """Graphs in batches of like size, so that little is padded."""
    ordered = sorted(graphs, key=lambda graph: len(graph.labels))
    return [_padded(ordered[start : start + size], k) for start in range(0, len(ordered), size)]


def _padded(graphs: Sequence[LabelledGraph], k: int) -> Batch:
    most = max(len(graph.labels) for graph in graphs)
    v, canonical = torch.zeros(2, len(graphs), most, k)
    values, adjacency = torch.zeros(len(graphs), k), torch.zeros(len(graphs), most, most)
    features = torch.zeros(len(graphs), most, dtype=torch.int64)
    labels = torch.full((len(graphs), most), -1)
    for row, graph in enumerate(graphs):
        n = len(graph.labels)
        spectrum = laplacian_eigs(graph.edges, k, nodes=n, unhealthy="quiet")
        v[row, :n] = spectrum.vectors.float()
        canonical[row, :n] = canonical_signs(spectrum.vectors)[0].float()
        values[row] = spectrum.eigenvalues.float()
        adjacency[row, graph.edges[0], graph.edges[1]] = 1
        features[row, :n], labels[row, :n] = graph.features, graph.labels
    return Batch(v, canonical, values, adjacency, features, labels)


def measure_communities(config: Communities, seed: int, kept: Parts) -> dict[str, Any]:
    """Class-weighted accuracies.

    Args:
        config: Sizes, rates and networks.
        seed: Seed of graphs and networks.
        kept: Keeps what was measured.

    Returns:
        ``networks`` by name, with ``units`` (of every test graph its part of the accuracy, which is their mean);
        ``untrained`` accuracies and ``untrained_units`` by name.
    """
    sizes = [config.train, config.validation, config.test]
    parts = [
        batches(cluster_graphs(size, seed=3 * seed + n), config.k, config.batch_size) for n, size in enumerate(sizes)
    ]
    networks = _networks("communities", parts, config, seed, kept, classes=COMMUNITIES)
    return {"networks": networks, **_untrained("nearest named node", parts[2], nearest_named, COMMUNITIES)}


def measure_patterns(config: Patterns, seed: int, kept: Parts) -> dict[str, Any]:
    """Class-weighted accuracies; parts hide the same planted graphs.

    Args:
        config: Sizes, rates, networks, and the number of planted graphs.
        seed: Seed of graphs and networks.
        kept: Keeps what was measured.

    Returns:
        As `measure_communities`; what is not trained has a threshold from the training graphs.
    """
    sizes = [config.train, config.validation, config.test]
    graphs = pattern_graphs(sum(sizes), patterns=config.patterns, seed=seed)
    ends = [0, sizes[0], sizes[0] + sizes[1], sum(sizes)]
    parts = [batches(graphs[a:b], config.k, config.batch_size) for a, b in pairwise(ends)]
    networks = _networks("patterns", parts, config, seed, kept, classes=2, values=VALUES)
    rule = partial(many_neighbours, degree_threshold(parts[0]))
    return {"networks": networks, **_untrained("degree above one threshold", parts[2], rule, 2)}


def _untrained(name: str, test: Sequence[Batch], scores: Any, classes: int) -> dict[str, Any]:
    units = recalls(test, scores, classes)
    return {"untrained": {name: fmean(units)}, "untrained_units": {name: units}}


def relative_degree(batch: Batch) -> Float[Tensor, "batch n"]:
    """Neighbours of every node, by the number of nodes of its graph."""
    return batch.adjacency.sum(-1) / batch.mask.sum(-1, keepdim=True)


def many_neighbours(threshold: float, batch: Batch) -> Float[Tensor, "batch n 2"]:
    """Planted is who has more neighbours than a share of all nodes."""
    return functional.one_hot((relative_degree(batch) > threshold).long(), 2).float()


def degree_threshold(parts: Sequence[Batch]) -> float:
    """The share of neighbours that tells planted nodes best in some graphs."""
    return max((n / 200 for n in range(200)), key=lambda t: recall(parts, partial(many_neighbours, t), 2))


def _networks(
    name: str, parts: list[list[Batch]], config: Communities, seed: int, kept: Parts, **task: int
) -> dict[str, Any]:
    return {
        kind: kept.keep(f"{name}-{kind}", partial(_train, kind, parts, config, seed, task)) for kind in config.networks
    }


def nearest_named(batch: Batch) -> Float[Tensor, "batch n communities"]:
    """No training: the cosine with each named node in the first five eigenvectors, weighted by (1 - lambda)^2."""
    w = batch.v[..., :5] * (1 - batch.eigenvalues[:, None, :5]).square()
    w = w / w.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    named = functional.one_hot(batch.features, COMMUNITIES + 1)[..., 1:].to(w.dtype).transpose(-1, -2)
    cosines: Tensor = w @ (named @ w).transpose(-1, -2)
    return cosines


def recall(parts: Sequence[Batch], scores: Any, classes: int) -> float:
    """The mean over classes of the share of their nodes that are told right."""
    return fmean(recalls(parts, scores, classes))


def recalls(parts: Sequence[Batch], scores: Any, classes: int) -> list[float]:
    """What every graph adds to the recall: their mean is the mean over classes of the share that is told right."""
    right, count = [], []
    for batch in parts:
        members = functional.one_hot(batch.labels.clamp(min=0), classes) * batch.mask.unsqueeze(-1)
        told = functional.one_hot(scores(batch).argmax(-1), classes)
        right.append((members * told).sum(-2))
        count.append(members.sum(-2))
    counts = torch.cat(count).double()
    each = torch.cat(right) / counts.mean(0).clamp(min=1 / len(counts))
    return [float(unit) for unit in each.mean(-1)]


def _train(
    kind: str, parts: list[list[Batch]], config: Communities, seed: int, task: Mapping[str, int]
) -> dict[str, Any]:
    chance = 1 / task["classes"] + LUCK
    return best_rate(config.rates, lambda rate: fit_nodes(kind, parts, config, rate, seed, **task), chance=chance)


def fit_nodes(
    kind: str,
    parts: list[list[Batch]],
    config: Communities,
    learning_rate: float,
    seed: int,
    *,
    classes: int,
    values: int | None = None,
) -> tuple[Training, dict[str, Any]]:
    """Train one network; its recall on the test graphs, and the share of answers that a change of signs changes.

    All classes weigh alike in the loss, as they do in the accuracy.
    """
    train, validation, test = parts
    network = CommunityNetwork(kind, config.k, communities=classes, values=values, seed=seed)
    counts = torch.stack([torch.bincount(b.labels[b.mask], minlength=classes) for b in train]).sum(0)
    weights = counts.sum() / (classes * counts.clamp(min=1))
    visits = Epochs(len(train), 1, seed=seed)

    def says(batch: Batch, v: Tensor, source: torch.Generator | None = None) -> Tensor:
        given = {"adjacency": batch.adjacency, "eigenvalues": batch.eigenvalues, "mask": batch.mask}
        if kind == "pearl":  # outside of training the same signals every time
            source = torch.Generator().manual_seed(seed) if source is None else source
            given["signals"] = torch.randn(*v.shape[:-1], SIGNALS, generator=source)
        y: Tensor = network(v, batch.features, **given)
        return y

    def loss(step: int, generator: torch.Generator) -> Tensor:
        batch = train[int(visits.rows(step))]
        v = flip_signs(batch.v, generator=generator) if kind == "flips" else _columns(kind, batch)
        return functional.cross_entropy(
            says(batch, v, generator).flatten(0, 1), batch.labels.flatten(), weight=weights, ignore_index=-1
        )

    plan = Plan(steps=config.epochs * len(train), learning_rate=learning_rate, schedule="cosine", clip=1.0)
    run = descend(network, loss, plan, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        validated, tested = (
            recalls(part, lambda b: says(b, _columns(kind, b)), classes) for part in (validation, test)
        )
        changed: list[float] = []
        for batch in test:
            flipped = replace(batch, v=flip_signs(batch.v, generator=generator))
            if kind == "canonical":
                flipped = replace(flipped, canonical=_by_rule(flipped))
            before, after = (says(b, _columns(kind, b)).argmax(-1) for b in (batch, flipped))
            changed += (((before != after) & batch.mask).sum(-1) / batch.mask.sum(-1)).tolist()
    measures = {"validation": fmean(validated), "accuracy": fmean(tested), "changed": fmean(changed)}
    return run, {**measures, "units": tested, "changed_units": changed, "parameters": parameters(network)}


def _by_rule(batch: Batch) -> Tensor:
    """Every graph's eigenvectors with the signs of the rule, which is in float64."""
    chosen = torch.zeros_like(batch.v)
    for row, n in enumerate(batch.mask.sum(-1).tolist()):
        chosen[row, :n] = canonical_signs(batch.v[row, :n].double())[0].float()
    return chosen


def _columns(kind: str, batch: Batch) -> Tensor:
    return batch.canonical if kind == "canonical" else batch.v
