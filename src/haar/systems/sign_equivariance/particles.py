"""Charged particles in d dimensions: error, equivariance and cost of every way to turn with the cloud."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.audit.particle_data import audit_particles
from haar.data.particles import charged_particles
from haar.errors import HaarWarning
from haar.groups import O
from haar.systems.experiment import Parts
from haar.systems.sign_equivariance.options import Costs, Particles, Trajectories
from haar.systems.sign_equivariance.particle_networks import Mover
from haar.systems.sign_equivariance.training import Training, best_rate, descend, parameters
from haar.training import Epochs, Plan

#: Frames of 100 steps from what is seen to what is predicted: one unit of time.
HORIZON = 10
#: Relative gap of principal variances from which single precision is enough.
CLEAR_GAP = 1e-2
#: The frame that networks see in the usual task.
USUAL_FRAME = 30


@dataclass(frozen=True)
class States:
    """States and positions one unit of time later, float32."""

    x: Float[Tensor, "sample n d"]
    v: Float[Tensor, "sample n d"]
    q: Float[Tensor, "sample n"]
    target: Float[Tensor, "sample n d"]

    def rows(self, rows: Tensor | slice) -> States:
        """Some of them."""
        return States(self.x[rows], self.v[rows], self.q[rows], self.target[rows])

    def turned(self, q: Float[Tensor, "*sample d d"]) -> States:
        """All of them turned."""
        return States(self.x @ q, self.v @ q, self.q, self.target @ q)


def states(count: int, d: int, *, clip: str, seed: int, usual: bool = False) -> States:
    """Simulated pairs: from the start, or from frame 30 to frame 40 as in the usual task."""
    if usual:
        run = charged_particles(count, dim=d, frames=USUAL_FRAME + HORIZON + 1, clip=clip, seed=seed)
        return States(*(part.float() for part in run.pairs(USUAL_FRAME, USUAL_FRAME + HORIZON)))
    run = charged_particles(count, dim=d, frames=HORIZON, clip=clip, start=True, seed=seed)
    return States(*(part.float() for part in run.pairs(0, HORIZON)))


def measure_particles(config: Particles, seed: int, kept: Parts) -> dict[str, Any]:
    """Errors of all networks in all dimensions, what needs no training, the data's own floor, and costs.

    Args:
        config: Sizes, rates and networks.
        seed: Seed of the data, the initial weights and the order of batches.
        kept: Keeps what was measured.

    Returns:
        ``<d>``: ``networks``, ``untrained``; ``floor`` by law; ``costs`` by dimension; ``usual``: ``networks``,
        ``untrained``, ``floor``.
    """
    found: dict[str, Any] = {"dimensions": {}, "floor": {}}
    for dimension, kinds in config.networks.items():
        found["dimensions"][dimension] = _compare(config, kinds, int(dimension), seed, kept)
    for clip in ("component", "norm"):
        found["floor"][clip] = kept.keep(f"particles-floor-{clip}", partial(_floor, clip, config.floor, seed))
    found["costs"] = {
        str(d): kept.keep(f"particles-cost-{d}", partial(frame_costs, d, config.costs)) for d in config.costs.dims
    }
    if config.usual is not None:
        usual = config.usual
        found["usual"] = _compare(usual, usual.networks, 3, seed, kept, usual=True)
        found["usual"]["floor"] = kept.keep(
            "particles-usual-floor", partial(_floor, usual.clip, usual.floor, seed, first=USUAL_FRAME)
        )
    return found


def _compare(
    config: Trajectories, kinds: Sequence[str], d: int, seed: int, kept: Parts, *, usual: bool = False
) -> dict[str, Any]:
    """All networks on the same trajectories, and what needs no training."""
    sizes = [config.train, config.validation, config.test]
    parts = [states(n, d, clip=config.clip, seed=10 * seed + part, usual=usual) for part, n in enumerate(sizes)]
    test = parts[2]
    units = {"static": _errors(test.x, test.target), "linear": _errors(test.x + test.v * 1.0, test.target)}
    untrained = {name: fmean(errors) for name, errors in units.items()}
    name = "usual" if usual else str(d)
    networks = {
        kind: kept.keep(f"particles-{name}-{kind}", partial(_train, kind, parts, config, seed, untrained["linear"]))
        for kind in kinds
    }
    return {"networks": networks, "untrained": untrained, "untrained_units": units}


def _errors(prediction: Tensor, target: Tensor) -> list[float]:
    """Of every trajectory the mean squared error per coordinate, to the digits that single precision has."""
    return [float(f"{each:.6g}") for each in (prediction - target).square().mean((-1, -2)).tolist()]


def _floor(clip: str, samples: int, seed: int, *, first: int = 0) -> dict[str, Any]:
    """The orbit variance of the dynamics over the horizon."""
    data = charged_particles(samples, frames=first + HORIZON, clip=clip, start=True, seed=seed)
    report = audit_particles(data, samples=samples, rotations=4, start=first, stop=first + HORIZON, seed=seed)
    floor = report.floor
    found = {"value": floor.value, "low": floor.low, "high": floor.high, "units": list(report.variances)}
    return {**found, "broken": report.broken, "found": report.clip}


def _train(kind: str, parts: list[States], config: Trajectories, seed: int, linear: float) -> dict[str, Any]:
    """No better than straight lines: nothing was learned."""
    return best_rate(config.rates, lambda rate: fit_mover(kind, parts, config, rate, seed), chance=-linear)


def fit_mover(
    kind: str, parts: list[States], config: Trajectories, learning_rate: float, seed: int
) -> tuple[Training, dict[str, Any]]:
    """Train one network; mean squared errors per coordinate."""
    train, validation, test = parts
    mover = Mover(kind, train.x.shape[-1], seed=seed)
    visits = Epochs(len(train.x), config.batch_size, seed=seed)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        part = train.rows(visits.rows(step))
        if kind == "augmented":
            part = part.turned(O(mover.d).sample(len(part.x), generator).float())
        value: Tensor = (mover(part.x, part.v, part.q) - part.target).square().mean()
        return value

    with warnings.catch_warnings():  # a few clouds of any random set have close eigenvalues; `unhealthy` counts them
        warnings.simplefilter("ignore", HaarWarning)
        epochs = config.long_epochs if kind.endswith("_long") else config.epochs
        plan = Plan(steps=epochs * visits.batches, learning_rate=learning_rate, schedule="cosine", clip=1.0)
        run = descend(mover, loss, plan, seed=seed)
        mover.eval()
        turn = O(mover.d).sample(1, torch.Generator().manual_seed(seed)).float()[0]
        with torch.no_grad():
            y, moved = (mover(part.x, part.v, part.q) for part in (test, test.turned(turn)))
            held = _errors(mover(validation.x, validation.v, validation.q), validation.target)
        apart = (moved - y @ turn).norm(dim=(-1, -2)) / (y - test.x).norm(dim=(-1, -2)).mean()
        bad, apart_where_clear = 0.0, apart
        if mover.frame is not None:
            health = mover.frame.health(test.x, test.v)
            bad, apart_where_clear = float(health.unhealthy.double().mean()), apart[health.smallest_gap > CLEAR_GAP]
    errors = _errors(y, test.target)
    clear = {"equivariance_error_clear": float(apart_where_clear.max())} if len(apart_where_clear) else {}
    return run, {
        "validation": -fmean(held),
        "mse": fmean(errors),
        "units": errors,
        "equivariance_error": float(apart.median()),
        "equivariance_error_99": float(apart.quantile(0.99)),
        **clear,
        "unhealthy": bad,
        "parameters": parameters(mover),
    }


def frame_costs(d: int, config: Costs) -> dict[str, float]:
    """Processor seconds of one step of training in mode sign and with an average over 2^d frames, in turn."""
    batch_size = config.batch_size
    data = _random_states(batch_size, d)
    movers = {kind: Mover(kind, d) for kind in ("none", "sign", "average")}
    times: dict[str, list[float]] = {kind: [] for kind in movers}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)
        for _ in range(config.repeats + 1):
            for kind, mover in movers.items():
                start = time.process_time()
                (mover(data.x, data.v, data.q) - data.target).square().mean().backward()
                times[kind].append(time.process_time() - start)
    return {kind: median(values[1:]) for kind, values in times.items()}


def _random_states(count: int, d: int) -> States:
    generator = torch.Generator().manual_seed(0)
    x, v = (torch.randn(count, 5, d, generator=generator) for _ in range(2))
    return States(x, v, torch.ones(count, 5), x)
