"""Functions whose numbers and words are put on the edges of what they allow: what is refused, and what they give."""

from __future__ import annotations

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from contract_data import GENERATORS
from contract_rooms import METRICS, SMALL, two
from contract_verbs import F64, ROTATED, TURNED, Marked, mse, plain
from torch import Tensor, nn

import haar
import haar.align
import haar.audit
import haar.data.generators as runs
import haar.data.graphs
import haar.data.metrics
import haar.data.molecules
import haar.data.particles
import haar.data.solvers
import haar.data.spectra
import haar.data.well
import haar.dynamics
import haar.geometry
import haar.saddle
import haar.statistics
import haar.sweeps
import haar.training
from haar.data.monthly import transformed
from haar.tracing.windows import exact_padding

X = torch.randn(24, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
WHOLE = (-1, 0, 1, 2, 3)
REAL = (-1.0, 0.0, 0.25, 1.0, 1.5, math.inf, math.nan)


def edges(value: Any) -> list[Any]:
    """Values around those that are allowed, by the kind of one that is."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [one for one in WHOLE if one != value]
    if isinstance(value, float):
        return [one for one in REAL if one != value]
    if isinstance(value, str):
        return ["another", ""]
    if isinstance(value, tuple) and len(value) > 1 and all(isinstance(one, (int, float)) for one in value):
        low, *_, high = value
        return [
            value[::-1],
            (low,) * len(value),
            value[:-1],
            (*value, high),
            (0 * low, *value[1:]),
            (*value[:-1], -high),
        ]
    return []


def cases(call: Callable[..., Any], given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The call itself, and with one value on an edge at a time."""
    yield "as it is", given
    known = inspect.signature(call).parameters
    allowed = {name: one.default for name, one in known.items() if one.default is not one.empty} | given
    for name, value in allowed.items():
        for edge in edges(value):
            yield f"{name}={edge}", given | {name: edge}


def answer(call: Callable[..., Any], given: dict[str, Any], told: Callable[[Any], Any]) -> Any:
    """What a call gives, or what it says where it refuses."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        try:
            return told(call(**given))
        except haar.HaarError as error:
            return f"refused: {error}"


def _net(**options: Any) -> Any:
    return haar.geometry.MetricNet(**options)(X[:3].repeat(1, 2)[:, : options.get("dim", 2)].float())


def _chart(**options: Any) -> Any:
    return haar.geometry.CouplingChart(**options)(torch.ones(2, options["dim"]))


def _metered(kind: Any, *given: Any, **options: Any) -> Any:
    return kind(**options).update(*given)


def _game(**options: Any) -> Any:
    players = [nn.Linear(2, 1, dtype=F64) for _ in range(2)]
    for player in players:
        nn.init.constant_(player.weight, 0.5)
    made = [torch.optim.SGD(one.parameters(), lr=0.1) for one in players]
    game = haar.saddle.Saddle(
        *players, lambda f, u, x: (f(x) * u(x)).mean() - u(x).square().mean(), optimizers=made, **options
    )
    game.step(X)
    return [game.step(X), players]


def _run(**options: Any) -> Any:
    model = plain()

    def loss(_: int, generator: torch.Generator) -> Tensor:
        return mse(model(X + torch.rand(1, generator=generator, dtype=F64)), X)

    plan = haar.training.Plan(steps=3, learning_rate=0.1)
    return haar.training.Run(model.parameters(), loss, plan, **options).train()


def _generated(make: Callable[..., Any], **options: Any) -> Any:
    return next(iter(make(**options).batches(1)))


def _numbers(make: Any) -> dict[str, Any]:
    """The options of a generator that are numbers and words, at their defaults."""
    common = set(inspect.signature(runs.Generator).parameters) - {"time_step", "seed"}
    known = inspect.signature(make).parameters
    return {name: one.default for name, one in known.items() if name not in common and edges(one.default)}


def _sloped() -> nn.Parameter:
    made = nn.Parameter(X.clone())
    made.grad = X.cos()
    return made


def _grid() -> Any:
    return haar.data.solvers.PeriodicGrid((8, 8), (0.25, 0.25))


def _ramp() -> Tensor:
    return torch.linspace(0.1, 0.9, 128, dtype=F64).reshape(1, 8, 8, 2).sin()


def _spectrum(found: Any) -> Any:
    return [found.eigenvalues, found.vectors.abs(), found.health.to_dict()]


def _measured(samples: Any) -> Any:
    metric = haar.audit.defect_metric(Marked(), TURNED, samples=samples)
    metric.update(X)
    return metric.compute()


SMALLEST = {"resolution": (8, 8), "n_trajectories": 1, "n_steps": 2, "save_every": 1, "burn_in": 0}
ONE = (torch.tensor([[0.6, 1.1]], dtype=F64), torch.tensor([[0.9, 0.8]], dtype=F64))
SURFACE = METRICS["of a surface"]
EDGES_OF = haar.data.graphs.random_graph(8, probability=0.5, generator=torch.Generator().manual_seed(2))
MEDIUM = torch.ones(1, 8, 8, dtype=F64)

#: The call, and arguments that are right.
EDGED: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "MetricNet": (_net, {"dim": 2, "hidden": (4,), "rank": 1, "floor": 1e-4, "seed": 0}),
    "CouplingChart": (_chart, {"dim": 2, "blocks": 2, "hidden": 4, "seed": 0}),
    "geodesic": (haar.geometry.geodesic, {"metric": SURFACE, "z": ONE[0], "velocity": ONE[1], "steps": 4}),
    "geodesic_between": (haar.geometry.geodesic_between, {"metric": SURFACE, "z": ONE[0], "end": ONE[1], "steps": 4}),
    "killing_fields": (
        lambda tolerance, motions: haar.geometry.killing_fields(SURFACE, X, motions, tolerance=tolerance).number,
        {"tolerance": 0.3, "motions": "affine"},
    ),
    "geometric_penalty": (haar.geometry.geometric_penalty, {"metric": SURFACE, "z": X, "volume": 1.0}),
    "Fisher": (lambda distribution: haar.geometry.Fisher(lambda z: z, distribution)(X), {"distribution": "bernoulli"}),
    "dormant_ratio": (haar.dynamics.dormant_ratio, {"features": X, "tau": 0.1}),
    "effective_rank": (haar.dynamics.effective_rank, {"features": X, "share": 0.99}),
    "GradientSignal": (
        lambda window: _metered(haar.dynamics.GradientSignal, parameters=[_sloped()], window=window),
        {"window": 8},
    ),
    "BatchSignal": (
        lambda parts, elements: _metered(
            haar.dynamics.BatchSignal, X, X, model=plain(), loss=mse, parts=parts, symmetry=TURNED, elements=elements
        ),
        {"parts": 4, "elements": 4},
    ),
    "Plasticity": (lambda tau: _metered(haar.dynamics.Plasticity, X, model=plain(), tau=tau), {"tau": 0.1}),
    "Averaging": (haar.saddle.Averaging, {"every": 2, "share": 0.5}),
    "Ball": (haar.saddle.Ball, {"radius": 0.5}),
    "Saddle": (_game, {"mode": "simultaneous", "dual_steps": 1, "clip": 2.0}),
    "critical_rates": (haar.saddle.critical_rates, {"steps": 100, "augmentation": 1.0}),
    "check_order": (haar.saddle.check_order, {"order": "simultaneous"}),
    "Plan": (
        lambda **given: (plan := haar.training.Plan(**given)) and [plan.facts(), plan.factor(2), plan.due(2)],
        {"steps": 5, "learning_rate": 0.1, "batch_size": 4, "schedule": "cosine", "optimizer": "sgd",
         "weight_decay": 0.5, "clip": 0.5, "every": 4},
    ),
    "steps of a plan": (
        lambda step: [haar.training.Plan(steps=10, schedule="steps").factor(k) for k in range(step)],
        {"step": 10},
    ),
    "Run": (_run, {"seed": 0, "not_finite": "raise"}),
    "Epochs": (
        lambda samples, batch_size, step, seed: haar.training.Epochs(samples, batch_size, seed=seed).rows(step),
        {"samples": 5, "batch_size": 4, "step": 5, "seed": 6},
    ),
    **{
        f"runs of {name}": (functools.partial(_generated, make), SMALLEST | _numbers(make))
        for name, make in GENERATORS.items()
    },
    "Medium": (runs.Medium, {}),
    "Sound": (runs.Sound, {}),
    "Spots": (runs.Spots, {}),
    "cluster_graphs": (haar.data.graphs.cluster_graphs, {"count": 1, "communities": 3, "least": 4, "most": 5}),
    "pattern_graphs": (
        haar.data.graphs.pattern_graphs,
        {"count": 1, "patterns": 4, "communities": 3, "least": 4, "most": 5},
    ),
    "random_graph": (
        lambda **given: haar.data.graphs.random_graph(**given, generator=torch.Generator().manual_seed(0)),
        {"nodes": 9, "kind": "barabasi_albert", "attach": 2},
    ),
    "random_graph, of edges": (
        lambda **given: haar.data.graphs.random_graph(**given, generator=torch.Generator().manual_seed(0)),
        {"nodes": 9, "probability": 0.2},
    ),
    "two_copies": (haar.data.graphs.two_copies, {"nodes": 12, "probability": 0.3, "added": 4, "attach": 2}),
    "twin_task": (haar.data.graphs.twin_task, {"nodes": 12, "probability": 0.3, "held_out": 0.3, "crossings": 4}),
    "charged_particles": (
        haar.data.particles.charged_particles,
        {"samples": 1, "particles": 3, "frames": 3, "save_every": 4, "dt": 0.01, "limit": 5.0},
    ),
    "laplacian_eigs": (
        lambda **given: _spectrum(haar.data.spectra.laplacian_eigs(EDGES_OF, nodes=8, unhealthy="ignore", **given)),
        {"k": 4, "normalization": "symmetric", "drop": "trivial", "scale": "sqrt_n", "tolerance": 1e-8},
    ),
    "energy_spectrum": (
        lambda dim, length: haar.data.metrics.energy_spectrum(X.reshape(6, 8), dim=dim, lengths=[length] * dim),
        {"dim": 2, "length": 0.5},
    ),
    "pooled_errors": (
        haar.data.metrics.pooled_errors,
        {"prediction": X.reshape(2, 3, 8) * 1.1, "truth": X.reshape(2, 3, 8), "dim": 1, "below": 0.5},
    ),
    "near_constant": (haar.data.metrics.near_constant, {"truth": X.reshape(2, 3, 8), "dim": 1, "below": 0.5}),
    "StepRange": (haar.data.metrics.StepRange, {"first": 2, "last": 5}),
    "Acoustics": (
        lambda **given: haar.data.solvers.Acoustics(MEDIUM, MEDIUM, **given).evolve(MEDIUM * X[0, 0], _ramp(), 2),
        {"spacing": (0.1, 0.2), "time_step": 0.05, "sponge": 2, "absorption": 0.001},
    ),
    "GrayScott": (
        lambda **given: haar.data.solvers.GrayScott(_grid(), **given).evolve(_ramp().movedim(-1, 1), 2),
        {"feed": 0.03, "kill": 0.06, "diffusion": (2e-5, 1e-5), "time_step": 0.5, "order": 2},
    ),
    "NavierStokes": (
        lambda **given: haar.data.solvers.NavierStokes(_grid(), **given).evolve(_ramp(), _ramp()[..., 0], 2),
        {"viscosity": 0.1, "diffusivity": 0.1, "time_step": 0.1, "order": 2},
    ),
    "RayleighBenard": (
        lambda **given: haar.data.solvers.RayleighBenard(**given).evolve(_ramp()[..., 0], 0 * _ramp(), 2),
        {"shape": (8, 8), "lengths": (2.0, 1.0), "rayleigh": 1e4, "prandtl": 1.0, "time_step": 0.05},
    ),
    "PeriodicGrid": (haar.data.solvers.PeriodicGrid, {"shape": (8, 6), "lengths": (1.0, 2.0)}),
    **{
        f"Axis.{kind}": (getattr(haar.data.well.Axis, kind), {"name": "x", "size": 4, "length": 2.0, "start": 0.5})
        for kind in ("cells", "nodes", "periodic_nodes", "chebyshev")
    },
    "Learning": (haar.align.Learning, {}),
    "align": (
        lambda **given: haar.align.align(*two("perceptron"), **given, example=X),
        {"how": "weights", "sides": "one", "sweeps": 3, "symmetry": "auto"},
    ),
    "barrier": (
        lambda points: haar.align.barrier(*two("perceptron"), nn.MSELoss(), [(X, X)], points=points),
        {"points": 5},
    ),
    "merge": (
        lambda share, rounds, heads: haar.align.merging(
            [SMALL["perceptron"]().double(), *two("perceptron")],
            shares=[share, 1.0, 2.0], rounds=rounds, heads=heads, example=X,
        ),
        {"share": 0.5, "rounds": 2, "heads": "factors"},
    ),
    "audit": (
        lambda **given: haar.audit.audit(Marked(), TURNED, (X, X.flip(-1)), **given),
        {"batch_size": 8, "max_samples": 20, "micro_batch": 1, "significance": 0.05, "shard": "data"},
    ),
    "dynamics_defects": (
        lambda **given: haar.audit.dynamics_defects(Marked(), TURNED, X[:4], **given), {"batch_size": 4}
    ),
    "lie_defects": (
        lambda **given: haar.audit.lie_defects(Marked(), ROTATED, X, **given),
        {"batch_size": 8, "max_samples": 20},
    ),
    "defect_metric": (_measured, {"samples": 10}),
    "median_interval": (haar.statistics.median_interval, {"values": [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0], "level": 0.9}),
    "exact_padding": (exact_padding, {"kernel": 3, "stride": 2, "padding": 1, "dilation": 1}),
    "exact_padding, the same": (exact_padding, {"kernel": 3, "stride": 2, "padding": "same", "dilation": 2}),
    "cosine": (lambda end: haar.training.cosine(2, 5, end), {"end": 0.1}),
    "ascend": (
        lambda rate, equality: haar.saddle.ascend(X[0], X[1], rate, equality=equality),
        {"rate": 0.5, "equality": True},
    ),
    "Multipliers": (haar.saddle.Multipliers, {"count": 2, "equality": True}),
    "transformed": (lambda code: np.nan_to_num(transformed(X[:, 0].numpy(), code), nan=9.0), {"code": 1}),
    "find_scan": (lambda name: haar.data.molecules.find_scan(name).positions(2), {"name": "h2o"}),
    "known_data_set": (haar.data.well.known_data_set, {"name": "gray_scott_reaction_diffusion"}),
    "workers": (haar.sweeps.Workers.parse, {"words": "local:2"}),
}  # fmt: skip
