"""Digits at a high sparsity: every regime on the same first weights and the same batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from haar.compress import Gradual, Regime, Revival, Rigl, Set, Static, sparsify
from haar.data.digits import handwritten_digits
from haar.dynamics import Plasticity
from haar.systems.dynamic_sparse_training.options import Digits
from haar.training import Plan, Run, draw, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]
_LEARNED = 1200


def regimes(options: Digits, sparsity: float) -> dict[str, Regime]:
    """The regimes that are compared, by name.

    Args:
        options: The preset.
        sparsity: Share of the weights that are inactive.
    """
    return {
        "RigL": Rigl(sparsity, every=options.every, alpha=options.alpha),
        "SET": Set(sparsity, every=options.every, alpha=options.alpha),
        "revival": Revival(sparsity),
        "gradual pruning": Gradual(sparsity, every=options.every),
        "static": Static(sparsity),
    }


def perceptron(width: int) -> nn.Sequential:
    """Two hidden layers of ReLU units; none for a width of 0."""
    if not width:
        return nn.Sequential(nn.Linear(64, 10))
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))


def trained(
    options: Digits, regime: Regime | None, *, width: int, learning_rate: float, seed: int, watch: Watch = Unwatched()
) -> Json:
    """A network that was trained under a regime, and what became of it.

    Args:
        options: The preset.
        regime: None for a dense one.
        width: Hidden units of both layers.
        learning_rate: Of Adam.
        seed: Decides its first weights and its batches.
        watch: Told of every step.
    """
    x, y = handwritten_digits()
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, 0))
        model = perceptron(width)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(_LEARNED, options.batch_size, generator)
        return nn.functional.cross_entropy(model(x[rows]), y[rows])

    run = Run(model.parameters(), loss, Plan(steps=options.steps, learning_rate=learning_rate), seed=seed)
    sparse = None if regime is None else sparsify(model, regime, run.optimizer, steps=options.steps, seed=seed)
    run.train(watch)
    with torch.no_grad():
        right = float((model(x[_LEARNED:]).argmax(1) == y[_LEARNED:]).double().mean())
    weights = [p for p in model.parameters() if p.ndim > 1]
    found: Json = {"accuracy": right, "active": sum(int((p != 0).sum()) for p in weights)}
    if sparse is not None:
        layers = sparse.report().layers
        seen = sum(one.explored * one.entries for one in layers)
        found["explored"] = seen / sum(one.entries for one in layers)
    if width:
        reading = Plasticity(model).update(x[_LEARNED:])
        found |= {number: reading[f"3/{number}"] for number in ("dormant ratio", "stable rank", "effective rank")}
    return found


def digits(options: Digits, seed: int, watch: Watch) -> Json:
    """All networks of a seed, regime by regime.

    Args:
        options: The preset.
        seed: Of networks ``seed networks``, ``seed networks + 1``, ...
        watch: Told of the training.
    """
    at, low = regimes(options, options.sparsity), regimes(options, options.lower)
    wide, rate, tuned = options.width, options.learning_rate, options.tuned_rate
    kinds: dict[str, tuple[Regime | None, int, float]] = {"dense": (None, wide, rate)}
    kinds |= {name: (regime, wide, rate) for name, regime in at.items()}
    kinds |= {f"{name}, lower": (low[name], wide, rate) for name in ("RigL", "static")}
    kinds |= {"dense, tuned": (None, wide, tuned)}
    kinds |= {f"{name}, tuned": (at[name], wide, tuned) for name in ("RigL", "static")}
    kinds |= {"narrow": (None, options.narrow, tuned), "linear": (None, 0, options.linear_rate)}
    seeds = [seed * options.networks + k for k in range(options.networks)]
    found: Json = {}
    for name, (regime, width, rate) in kinds.items():
        each = [trained(options, regime, width=width, learning_rate=rate, seed=one, watch=watch) for one in seeds]
        found[name] = {key: [one[key] for one in each] for key in each[0]}
    labels = handwritten_digits()[1]
    often = int(labels[:_LEARNED].mode().values)
    found["most frequent"] = float((labels[_LEARNED:] == often).double().mean())
    return found
