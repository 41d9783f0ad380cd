"""Does symmetry help a learned metric? The hyperbolic disc from few lengths: plain, augmented, averaged after, within."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import haar
from haar.actions import Bilinear, Defining, Symmetry, Vector
from haar.geometry import MetricNet, isometry_defect, killing_fields
from haar.geometry.spaces import poincare_disc
from haar.groups import SO, cyclic
from haar.systems.neural_differential_manifold.lengths import Constant, fit, observe, relative_error
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
    rep = Defining(cyclic(_ROTATIONS))
    symmetry, turns = Symmetry(rep.group, Vector(rep), Bilinear(rep)), Defining(SO(2))
    matrices = rep.matrix(rep.group.elements()).double()
    found = []
    with watch.stage("a disc", 4 * len(observations)) as advance:
        for count in observations:
            generator = torch.Generator().manual_seed(10_000 * seed + count)
            seen = observe(poincare_disc, _disc(count, _SEEN, generator), generator, size=_SIZE, noise=_NOISE)
            looked = _disc(_LOOKED, _LOOKED_AT, generator)
            looked = torch.einsum("gij,nj->gni", matrices, looked).flatten(0, 1)  # whole orbits

            def fitted(metric: Any, *, turned: bool = False, seen: Any = seen) -> Any:
                def move(generator: torch.Generator) -> Tensor:
                    return matrices[torch.randint(len(matrices), (), generator=generator)]

                fit(metric, seen, steps, seed, move=move if turned else None)
                advance()
                return metric

            plain = fitted(MetricNet(2, hidden, seed=seed, dtype=torch.float64))
            metrics = {
                CONSTANT: fitted(Constant(2)),
                PLAIN: plain,
                AUGMENTED: fitted(MetricNet(2, hidden, seed=seed, dtype=torch.float64), turned=True),
                AFTER: haar.average(plain, symmetry),
                WITHIN: fitted(haar.average(MetricNet(2, hidden, seed=seed, dtype=torch.float64), symmetry)),
            }
            row: dict[str, Any] = {"observations": count, "errors": {}, "defects": {}, "rates": {}}
            for name, metric in metrics.items():
                row["errors"][name] = relative_error(metric, poincare_disc, looked)
                row["defects"][name] = isometry_defect(metric, turns, looked[:64], seed=seed).total
                row["rates"][name] = killing_fields(metric, looked[: 8 * _ROTATIONS], "rotations").rates.tolist()[0]
            found.append(row)
    return found
