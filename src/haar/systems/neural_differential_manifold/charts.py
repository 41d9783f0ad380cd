"""One step of optimisation in two charts: natural gradients agree up to the square of the step, plain ones do not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.geometry import CouplingChart, natural_gradient, pulled_back
from haar.geometry.derivatives import Field
from haar.geometry.spaces import flat

_STEPS = (2e-3, 1e-3)
_SCALE = 0.3


def _given(z: Tensor) -> Tensor:
    """A smooth metric that is far from constant."""
    a = torch.stack([1 + 0.5 * z[:, 0].sin(), 0.3 * z[:, 1], 0.2 * z[:, 0] * z[:, 1], 1.2 + 0.4 * z[:, 1].cos()], -1)
    a = a.unflatten(-1, (2, 2))
    g: Tensor = a @ a.mT + 0.1 * torch.eye(2, dtype=z.dtype)
    return g


def _loss(z: Tensor) -> Tensor:
    return (z[:, 0] - 0.7).square() + 0.5 * (z[:, 1] + z[:, 0] * 0.3).square() + 0.2 * (2 * z[:, 0] + z[:, 1]).sin()


def random_chart(seed: int) -> CouplingChart:
    """A chart that bends and couples its coordinates."""
    chart = CouplingChart(2, hidden=16, seed=seed).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in chart.parameters():
            parameter.add_(_SCALE * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return chart


def compare(count: int, seed: int) -> list[dict[str, Any]]:
    """For random charts: the gap between one step in either, and how it falls when the step is halved."""
    return [_one(seed * 1000 + k) for k in range(count)]


def _one(seed: int) -> dict[str, Any]:
    chart = random_chart(seed)
    x = torch.rand(1, 2, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64) - 0.5
    with torch.no_grad():
        z = chart(x)
        natural = _gaps(chart, x, z, lambda points: pulled_back(_given, chart, points), _given)
        plain = _gaps(chart, x, z, flat, flat)
    return {
        "natural": natural[0] / natural[1],
        "plain": plain[0] / plain[1],
        "gaps": {"natural": natural, "plain": plain},
    }


def _gaps(chart: CouplingChart, x: Tensor, z: Tensor, here: Field, there: Field) -> list[float]:
    """Distances between a step in x, mapped, and the same step in z."""
    along_x = natural_gradient(lambda points: _loss(chart(points)), x, here)
    along_z = natural_gradient(_loss, z, there)
    return [float((chart(x - eta * along_x) - (z - eta * along_z)).norm()) for eta in _STEPS]
