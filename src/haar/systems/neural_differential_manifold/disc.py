"""Does symmetry help a learned metric? The disc from few lengths: plain, augmented, averaged after, averaged within."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions import Bilinear, Defining, Representation, Symmetry, Vector
from haar.average import average
from haar.geometry import MetricNet, isometry_defect, killing_fields
from haar.geometry.spaces import poincare_disc
from haar.groups import SO, cyclic
from haar.systems.neural_differential_manifold.lengths import (
    Constant,
    Lengths,
    Scaled,
    fit,
    observe,
    observed_scale,
    relative_error,
)
from haar.watch import Watch

CONSTANT, PLAIN, AUGMENTED, AFTER, WITHIN = "constant", "plain", "augmented", "averaged after", "averaged within"
_SIZE, _NOISE, _SEEN, _LOOKED_AT, _LOOKED = 0.05, 0.6, 0.7, 0.65, 500
_ROTATIONS = 8


def _disc(count: int, radius: float, generator: torch.Generator) -> Tensor:
    """Random points of a disc."""
    u = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    distance, angle = radius * u[:, 0].sqrt(), 2 * torch.pi * u[:, 1]
    return torch.stack([distance * angle.cos(), distance * angle.sin()], -1)


def learn_disc(
    observations: tuple[int, ...], steps: int, hidden: tuple[int, ...], seed: int, watch: Watch
) -> list[dict[str, Any]]:
    """For every number of observations, the relative errors of a metric learned in five ways."""
    found = []
    with watch.stage("a disc", 4 * len(observations)) as advance:
        for count in observations:
            generator = torch.Generator().manual_seed(10_000 * seed + count)
            seen = observe(poincare_disc, _disc(count, _SEEN, generator), generator, size=_SIZE, noise=_NOISE)
            metrics = _learned(seen, steps, hidden, seed, advance)
            found.append({"observations": count, **_measured(metrics, _disc(_LOOKED, _LOOKED_AT, generator), seed)})
    return found


def _rotations() -> Representation:
    return Defining(cyclic(_ROTATIONS))


def _learned(
    seen: Lengths, steps: int, hidden: tuple[int, ...], seed: int, advance: Callable[[], None]
) -> dict[str, nn.Module]:
    """Metrics learned from the same lengths, with the same first weights and batches."""
    rep = _rotations()
    symmetry, matrices = Symmetry(rep.group, Vector(rep), Bilinear(rep)), rep.matrix(rep.group.elements()).double()

    def move(generator: torch.Generator) -> Tensor:
        return matrices[torch.randint(len(matrices), (), generator=generator)]

    scale = observed_scale(seen)

    def start() -> nn.Module:
        return Scaled(MetricNet(2, hidden, seed=seed, dtype=torch.float64), scale)

    metrics: dict[str, nn.Module] = {CONSTANT: Scaled(Constant(2), scale), PLAIN: start(), AUGMENTED: start()}
    metrics[WITHIN] = average(start(), symmetry)
    for name, metric in metrics.items():
        fit(metric, seen, steps, seed, move=move if name == AUGMENTED else None)
        advance()
    return {**metrics, AFTER: average(metrics[PLAIN], symmetry)}


def _measured(metrics: Mapping[str, nn.Module], points: Tensor, seed: int) -> dict[str, Any]:
    """Errors on whole orbits, defects under every rotation, and the rate of the rotation among all."""
    matrices = _rotations().matrix(_rotations().group.elements()).double()
    looked = torch.einsum("gij,nj->ngi", matrices, points).flatten(0, 1)
    few = looked[: 8 * _ROTATIONS]
    found: dict[str, Any] = {"errors": {}, "defects": {}, "rates": {}}
    for name, metric in metrics.items():
        found["errors"][name] = relative_error(metric, poincare_disc, looked)
        found["defects"][name] = isometry_defect(metric, Defining(SO(2)), few, seed=seed).total
        found["rates"][name] = float(killing_fields(metric, few, "rotations").rates[0])
    return found
