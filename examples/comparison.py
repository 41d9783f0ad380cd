"""Train an equivariant network and plain ones on the same samples, and compare them.

The examples beside this file share it; it knows nothing of any group.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.nn import EquivariantModule


@dataclass(frozen=True)
class Comparison:
    """Errors on held-out samples, as shares of the targets' variance: 1 is predicting their mean.

    Attributes:
        equivariant: Error of the equivariant network.
        plain: Error of a plain network of like parameter count.
        augmented: The same, trained on samples that random elements have moved.
        wide: Error of a plain network of many more parameters, trained on moved samples too.
        parameters: Parameters of the equivariant, the plain and the wide network.
    """

    equivariant: float
    plain: float
    augmented: float
    wide: float
    parameters: tuple[int, int, int]

    def __str__(self) -> str:
        own, other, most = self.parameters
        return (
            f"error {self.equivariant:.4f} with {own} parameters; plain {self.plain:.4f} with {other}, "
            f"{self.augmented:.4f} with augmentation; wide plain {self.wide:.4f} with {most} and augmentation"
        )


def compare(
    network: EquivariantModule,
    plain: nn.Module,
    wide: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    steps: int,
    batch_size: int = 32,
    learning_rate: float = 1e-2,
) -> Comparison:
    """Train all for the same number of steps on the same samples.

    Args:
        network: The equivariant network; trained in place, like all. Its symmetry moves samples for the others.
        plain: A plain network of like parameter count.
        wide: A plain network of many more parameters; it learns at a third of the rate.
        train: Inputs and targets.
        test: Held-out inputs and targets.
        steps: Steps of Adam with a cosine schedule.
        batch_size: Samples a step.
        learning_rate: First learning rate.
    """
    symmetry, augmented = network.symmetry, copy.deepcopy(plain)
    fit(network, *train, steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    fit(plain, *train, steps=steps, batch_size=batch_size, learning_rate=learning_rate)
    fit(augmented, *train, steps=steps, batch_size=batch_size, learning_rate=learning_rate, augment=symmetry)
    fit(wide, *train, steps=steps, batch_size=batch_size, learning_rate=learning_rate / 3, augment=symmetry)
    errors = [error(model, *test) for model in (network, plain, augmented, wide)]
    return Comparison(*errors, parameters=(size(network), size(plain), size(wide)))


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    augment: Symmetry | None = None,
) -> None:
    """Adam on the mean squared error; with `augment` every sample is moved by a random element first."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.randint(len(x), (batch_size,), generator=generator)
        inputs, targets = x[rows], y[rows]
        if augment is not None:
            g = augment.group.sample(batch_size, generator)
            (inputs,), targets = augment.act_inputs(g, (inputs,)), augment.act_outputs(g, targets)
        optimiser.zero_grad()
        nn.functional.mse_loss(model(inputs), targets).backward()
        optimiser.step()
        schedule.step()


def error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Mean squared error over the variance of the targets."""
    with torch.no_grad():
        return float((model(x) - y).square().mean() / (y - y.mean(0)).square().mean())


def size(model: nn.Module) -> int:
    """Number of parameters."""
    return sum(p.numel() for p in model.parameters())


def perceptron(inputs: int, width: int, outputs: int, activation: Callable[[], nn.Module] = nn.SiLU) -> nn.Sequential:
    """A plain network with two hidden layers."""
    first, second, last = nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, outputs)
    return nn.Sequential(first, activation(), second, activation(), last)
