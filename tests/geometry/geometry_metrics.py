"""Metrics that tests try things on: smooth, general, far from the identity."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from haar.geometry import MetricNet


def strong(dim: int, seed: int = 0, scale: float = 60.0) -> MetricNet:
    """A random metric that varies from point to point."""
    metric = MetricNet(dim, (16,), seed=seed, dtype=torch.float64)
    last = metric.net[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(scale)
    return metric


def wavy(z: Tensor) -> Tensor:
    """A metric in closed form with every entry moving, on any number of coordinates."""
    size = z.shape[-1]
    k = torch.arange(1, size + 1, dtype=z.dtype)
    a = torch.sin(z[:, :, None] * k + z[:, None, :].flip(-1))
    return a @ a.mT + 2 * torch.eye(size, dtype=z.dtype)


def points(count: int, dim: int, seed: int = 0, low: float = 0.3, high: float = 0.8) -> Tensor:
    """Random points of a box, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(count, dim, generator=generator, dtype=torch.float64)


def moved(chart: nn.Module, seed: int = 0) -> nn.Module:
    """A chart that is no longer the identity."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in chart.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return chart
