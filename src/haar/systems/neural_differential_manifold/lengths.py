"""Observed lengths of displacements, and how a metric is fitted to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.geometry import geometric_penalty
from haar.geometry.derivatives import Field
from haar.training import Plan, Run, draw

#: Learning rate and batch of every metric alike.
RATE, BATCH = 3e-3, 128
#: Points a step at which curvature is taken.
_CURVED = 16


class Lengths(NamedTuple):
    """Displacements at points, and the logarithm of their squared length as it was observed.

    Attributes:
        z: Where they begin, ``(n, d)``.
        dz: The displacements.
        observed: Logarithms of squared lengths, with noise.
    """

    z: Tensor
    dz: Tensor
    observed: Tensor


def observe(metric: Field, z: Tensor, generator: torch.Generator, *, size: float, noise: float) -> Lengths:
    """Random displacements and their lengths in a metric, with noise in the logarithm of the squared length."""
    dz = size * torch.randn(z.shape, generator=generator, dtype=z.dtype)
    noisy = noise * torch.randn(len(z), generator=generator, dtype=z.dtype)
    return Lengths(z, dz, log_length(metric, z, dz) + noisy)


def log_length(metric: Field, z: Tensor, dz: Tensor) -> Tensor:
    """The logarithm of the squared length."""
    return torch.einsum("nij,ni,nj->n", metric(z), dz, dz).log()


class Constant(nn.Module):
    """The metric that is the same everywhere: what a field has to beat."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.eye(dim, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        """The metric at points."""
        return (self.factor @ self.factor.mT).expand(len(z), -1, -1)


class Scaled(nn.Module):
    """A metric times a number: so that training begins at lengths of the observed size, as with normalised targets."""

    def __init__(self, metric: nn.Module, factor: float) -> None:
        super().__init__()
        self.metric, self.factor = metric, factor

    def forward(self, z: Tensor) -> Tensor:
        """The metric at points."""
        g: Tensor = self.factor * self.metric(z)
        return g


def observed_scale(seen: Lengths) -> float:
    """The factor of the Euclidean metric that fits the lengths best."""
    return float((seen.observed - seen.dz.square().sum(-1).log()).mean().exp())


def fit(
    metric: nn.Module,
    seen: Lengths,
    steps: int,
    seed: int,
    *,
    penalty: float = 0.0,
    move: Callable[[torch.Generator], Tensor] | None = None,
) -> None:
    """Fit a metric to observed lengths, by Adam with a rate that falls along a line.

    Args:
        metric: What is fitted, in place.
        seen: What was observed.
        steps: Steps.
        seed: Of batches and motions.
        penalty: Weight of the mean squared scalar curvature.
        move: A random matrix by which all points and displacements of a step are moved: augmentation.

    Raises:
        ArgumentError: If nothing was observed.
    """
    if not len(seen.z):
        raise ArgumentError("seen", expected="observed displacements", got="none")

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(seen.z), BATCH, generator)
        z, dz = seen.z[rows], seen.dz[rows]
        if move is not None:
            matrix = move(generator)
            z, dz = z @ matrix.mT, dz @ matrix.mT
        found = (log_length(metric, z, dz) - seen.observed[rows]).square().mean()
        return found + penalty * geometric_penalty(metric, z[:_CURVED], volume=0.0) if penalty else found

    plan = Plan(steps=steps, learning_rate=RATE, schedule=lambda step, total: 1 - step / total)
    Run(metric.parameters(), loss, plan, seed=seed).train()


def relative_error(metric: Field, truth: Field, z: Tensor) -> float:
    """Root of the mean squared Frobenius distance between two metrics, relative to the second."""
    with torch.no_grad():
        expected = truth(z)
        squares = (metric(z) - expected).square().sum((-2, -1)).mean() / expected.square().sum((-2, -1)).mean()
    return float(squares.sqrt())
