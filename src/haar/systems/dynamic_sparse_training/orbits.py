"""Layers that commute with turns of a ring, sparse: masks on orbits keep what masks on entries break."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Symmetry, Vector
from haar.actions.representation import Regular, Representation
from haar.compress import Regime, Rigl, Set, Static, sparsify
from haar.groups import cyclic
from haar.intertwiners import intertwiners
from haar.systems.dynamic_sparse_training.options import Orbits
from haar.testing import equivariance_error
from haar.training import Plan, Run, seed_of
from haar.watch import Unwatched, Watch

Json = dict[str, Any]
_DECAY, _BATCH = 0.1, 32


def regimes(options: Orbits) -> dict[str, Regime]:
    """The regimes that are compared, by name."""
    every, sparsity = options.every, options.sparsity
    return {"static": Static(sparsity), "SET": Set(sparsity, every=every), "RigL": Rigl(sparsity, every=every)}


def network(rep: Representation, seed: int) -> nn.Sequential:
    """Two linear layers that commute with the group, in torch's own layers, with tanh between them.

    Args:
        rep: Copies of a regular representation, in and out.
        seed: Of the weights.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(seed, 0))
        made = [nn.Linear(rep.dim, rep.dim, bias=False).double() for _ in range(2)]
    space = intertwiners(rep, rep)
    with torch.no_grad():
        for layer in made:
            projected = space.project(layer.weight)
            layer.weight.copy_(projected * (layer.weight.norm() / projected.norm()))
    return nn.Sequential(made[0], nn.Tanh(), made[1])


def trained(
    options: Orbits, rep: Representation, regime: Regime | None, *, orbits: bool, seed: int, watch: Watch = Unwatched()
) -> Json:
    """A network under a regime: its equivariance error at every step, and what it has learned of a network like it.

    Args:
        options: The preset.
        rep: The representation of the layers.
        regime: None for a dense network.
        orbits: Whether masks are on orbits, and weights held to them; else entries are masked and trained one by one.
        seed: Of everything random.
        watch: Told of every step.
    """
    source = torch.Generator().manual_seed(seed_of(seed, 1))
    x = torch.randn(options.samples + options.test, rep.dim, dtype=torch.float64, generator=source)
    with torch.no_grad():
        y = network(rep, seed + 7919)(x)  # the teacher, of other weights
        spread = float(y.var())
        noisy = y + options.noise * spread**0.5 * torch.randn(y.shape, dtype=torch.float64, generator=source)
    model, symmetry = network(rep, seed), Symmetry(rep.group, Vector(rep), Vector(rep))

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = torch.randint(options.samples, (_BATCH,), generator=generator)
        error: Tensor = (model(x[rows]) - noisy[rows]).square().mean()
        return error

    plan = Plan(
        steps=options.steps, learning_rate=options.learning_rate, optimizer="adamw", weight_decay=_DECAY,
        schedule="cosine",
    )  # fmt: skip
    run = Run(model.parameters(), loss, plan, seed=seed)
    layers = {"0": (rep, rep), "2": (rep, rep)} if orbits else None
    sparse = sparsify(
        model, Static(0.0) if regime is None else regime, run.optimizer, steps=options.steps, symmetry=layers, seed=seed
    )
    worst = equivariance_error(model, symmetry, x[:8]).relative
    for step in run.steps(watch):
        if (step + 1) % options.every == 0 or step + 1 == options.steps:
            worst = max(worst, equivariance_error(model, symmetry, x[:8]).relative)
    with torch.no_grad():
        error = float((model(x[options.samples :]) - y[options.samples :]).square().mean()) / spread
    return {"defect": worst, "error": error, "density": 1 - sparse.report().sparsity}


def orbits(options: Orbits, seed: int, watch: Watch) -> Json:
    """All networks of a seed.

    Args:
        options: The preset.
        seed: Of everything random.
        watch: Told of the training.
    """
    rep = options.copies * Regular(cyclic(options.order))
    kinds = {"orbits": True, "entries": False}
    return {
        kind: {
            name: trained(options, rep, regime, orbits=tied, seed=seed, watch=watch)
            for name, regime in {"dense": None, **regimes(options)}.items()
        }
        for kind, tied in kinds.items()
    }
