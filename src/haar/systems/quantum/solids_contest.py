"""Solids told apart from a few points: a circuit of pairs of qubits, and classical networks of about its size."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.constants import TINY_SINGLE
from haar.errors import ArgumentError, check_count
from haar.nn.circuits.options import one_of
from haar.nn.circuits.pairs import PairCircuit
from haar.systems.quantum.solids import SOLIDS, solids
from haar.training import Plan, Run

CLASSES = len(SOLIDS)
_LOOKS = 40


class _Set(nn.Module):
    """Features of elements, through one small network, pooled by mean and maximum."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
        self.whole = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, CLASSES))

    def pooled(self, elements: Float[Tensor, "batch k features"]) -> Float[Tensor, "batch classes"]:
        found = self.one(elements)
        logits: Tensor = self.whole(torch.cat([found.mean(1), found.amax(1)], -1))
        return logits


class PointSet(_Set):
    """Raw coordinates, in any order: PointNet in small."""

    def forward(self, x: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.pooled(x)


class PairSet(_Set):
    """Distances of all pairs of points from one another and from the centre: invariant under O(3) x S_m."""

    def forward(self, x: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        i, j = torch.triu_indices(x.shape[1], x.shape[1], 1)
        r = (x.square().sum(-1) + TINY_SINGLE).sqrt()
        apart = ((x[:, i] - x[:, j]).square().sum(-1) + TINY_SINGLE).sqrt()
        return self.pooled(torch.stack([apart, r[:, i] + r[:, j], r[:, i] * r[:, j]], -1))


def _perceptron(points: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * points, 28), nn.SiLU(), nn.Linear(28, 28), nn.SiLU(), nn.Linear(28, CLASSES)
    )


CLASSIFIERS: Mapping[str, Callable[[int], nn.Module]] = {
    "HyQuRP": lambda points: PairCircuit(points, classes=CLASSES, seed=torch.initial_seed()),
    "MLP": _perceptron,
    "PointNet": lambda points: PointSet(3, 19),  # noqa: ARG005 - of any number of points
    "Distances": lambda points: PairSet(3, 19),  # noqa: ARG005 - of any number of points
    "Distances, long": lambda points: PairSet(3, 19),  # noqa: ARG005 - of any number of points
}
"""Who competes, each with about 1,400 parameters."""
#: Who takes so many times as many steps: the classical network, which then still takes far less time.
LONGER: Mapping[str, int] = {"Distances, long": 10}


def solids_contest(
    name: str,
    *,
    points: int = 4,
    train: int = 700,
    validation: int = 100,
    test: int = 200,
    steps: int = 1000,
    batch_size: int = 64,
    learning_rate: float = 0.01,
    seed: int = 0,
) -> dict[str, Any]:
    """Train one classifier by Adam on the cross-entropy, and keep the weights that are best on the validation set.

    Args:
        name: One of `CLASSIFIERS`.
        points: Number of points of a cloud.
        train: Clouds to learn from.
        validation: Clouds that choose the weights.
        test: Clouds that neither has seen.
        steps: Steps of training; `LONGER` says who takes more.
        batch_size: Clouds a step.
        learning_rate: It falls along a cosine.
        seed: Seed of clouds, parameters and batches.

    Returns:
        ``right``: for every test cloud 1 if its solid has the largest logit, else 0; ``train``: the share of training
        clouds told right; ``parameters``; ``seconds``.

    Raises:
        ArgumentError: If the name is unknown, or a number is out of range.

    Example:
        >>> found = solids_contest("Distances", train=20, validation=5, test=10, steps=2)
        >>> len(found["right"]), found["parameters"]
        (10, 1297)
    """
    one_of("name", name, tuple(CLASSIFIERS))
    for what, number in (("train", train), ("validation", validation), ("test", test)):
        check_count(what, number)
    if points < 2:
        raise ArgumentError("points", expected="at least 2", got=points)
    clouds, kinds = solids(train + validation + test, points, seed=seed)
    mixed = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(seed))
    known, asked, others = mixed.split([train, validation, test])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLASSIFIERS[name](points).double()
    best, kept = math.inf, copy.deepcopy(model.state_dict())

    def loss(_: int, generator: torch.Generator) -> Tensor:
        at = known[torch.randperm(train, generator=generator)[:batch_size]]
        value: Tensor = nn.functional.cross_entropy(model(clouds[at]), kinds[at])
        return value

    steps *= LONGER.get(name, 1)
    every = max(1, steps // _LOOKS)
    plan = Plan(steps=steps, learning_rate=learning_rate, schedule="cosine", every=every)
    begun = time.perf_counter()
    for step in Run(model.parameters(), loss, plan, seed=seed).steps():
        if plan.due(step):
            with torch.no_grad():
                here = float(nn.functional.cross_entropy(model(clouds[asked]), kinds[asked]))
            if here < best:
                best, kept = here, copy.deepcopy(model.state_dict())
    seconds = time.perf_counter() - begun
    model.load_state_dict(kept)
    with torch.no_grad():
        told = {what: model(clouds[at]).argmax(1) == kinds[at] for what, at in (("train", known), ("test", others))}
    return {
        "right": told["test"].int().tolist(),
        "train": float(told["train"].double().mean()),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": seconds,
    }
