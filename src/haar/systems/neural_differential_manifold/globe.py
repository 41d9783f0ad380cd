"""A metric learned on the sphere, with and without a price on curvature."""

from __future__ import annotations

from typing import Any

import torch

from haar.geometry import MetricNet, scalar_curvature
from haar.geometry.spaces import sphere
from haar.systems.neural_differential_manifold.lengths import Constant, fit, observe, relative_error
from haar.watch import Watch

_OBSERVATIONS, _SIZE, _NOISE, _LOOKED = 1500, 0.1, 0.05, 400


def _angles(count: int, low: float, high: float, across: float, generator: torch.Generator) -> torch.Tensor:
    """Random angles of a patch: theta between two, phi on both sides of zero."""
    u = torch.rand(count, 2, generator=generator, dtype=torch.float64)
    return torch.stack([low + (high - low) * u[:, 0], across * (2 * u[:, 1] - 1)], -1)


def learn_globe(
    penalties: tuple[float, ...], steps: int, hidden: tuple[int, ...], seed: int, watch: Watch
) -> dict[str, Any]:
    """For every weight of the penalty: error of the metric, and scalar curvature where it was seen well."""
    generator = torch.Generator().manual_seed(seed)
    seen = observe(sphere, _angles(_OBSERVATIONS, 0.5, 2.6, 1.0, generator), generator, size=_SIZE, noise=_NOISE)
    inner = _angles(_LOOKED, 0.8, 2.3, 0.8, generator)
    found: dict[str, Any] = {"true": 2.0, "learned": []}
    flat = Constant(2)
    with watch.stage("a sphere", len(penalties) + 1) as advance:
        fit(flat, seen, steps, seed)
        found["constant"] = {"error": relative_error(flat, sphere, inner)}
        advance()
        for penalty in penalties:
            metric = MetricNet(2, hidden, seed=seed, dtype=torch.float64)
            fit(metric, seen, steps, seed, penalty=penalty)
            with torch.no_grad():
                curvature = scalar_curvature(metric, inner)
            row = {"penalty": penalty, "error": relative_error(metric, sphere, inner)}
            row |= {"curvature": float(curvature.mean()), "spread": float(curvature.std())}
            row |= {"size": float(curvature.abs().mean())}
            found["learned"].append(row)
            advance()
    return found
