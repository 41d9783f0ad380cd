"""Many networks in one: each learns from a data set of its own, and no one's step depends on another's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.saddle import FunctionAverage, Saddle, play
from haar.systems.structural_equations.neural import Training
from haar.systems.structural_equations.synthetic import Sets
from haar.training import seed_of


class StackedPerceptron(nn.Module):
    """As many networks as there are data sets, with ReLU between their layers.

    Args:
        count: How many.
        sizes: Of their layers, from inputs to outputs.
        start: Of the weights: torch's default, or He's normal law with biases at 0.
        seed: Of the weights.
    """

    def __init__(self, count: int, sizes: Sequence[int], start: str, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            bound = 1 / math.sqrt(inputs)
            if start == "He":
                weight = torch.randn(count, inputs, outputs, generator=generator) * math.sqrt(2) * bound
                bias = torch.zeros(count, 1, outputs)
            else:
                weight = (2 * torch.rand(count, inputs, outputs, generator=generator) - 1) * bound
                bias = (2 * torch.rand(count, 1, outputs, generator=generator) - 1) * bound
            self.weights.append(weight)
            self.biases.append(bias)

    def forward(self, x: Float[Tensor, "rows count inputs"]) -> Float[Tensor, "rows count outputs"]:
        """Each network's answers to its own rows."""
        x = x.transpose(0, 1)
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x.relu() if place else x, weight)
        return x.transpose(0, 1)


def summed_moment(ridge: float) -> Callable[[Any, Any, Any], Tensor]:
    """The objective of all networks together: the sum of theirs.

    Args:
        ridge: The price of E[f^2].
    """

    def objective(primal: Any, dual: Any, batch: Any) -> Tensor:
        x, y, z = batch
        fitted, answered = primal(x), dual(z)
        each = (fitted - y) * answered - answered.square() / 2 + ridge / 2 * fitted.square()
        return each.mean(0).sum()  # type: ignore[no-any-return]

    return objective


def _rows(data: Sets, batch_size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A batch for every network, drawn with replacement from its own set."""
    count, sets, _ = data.x.shape
    rows = torch.randint(count, (batch_size, sets, 1), generator=generator)
    x, y, z = (torch.gather(table, 0, rows.expand(-1, -1, table.shape[-1])) for table in (data.x, data.y, data.z))
    return x, y, z


def played(data: Sets, players: tuple[nn.Module, nn.Module], how: Training, ridge: float, seed: int) -> Saddle:
    """The games of all data sets, in one.

    Args:
        data: A set for every network.
        players: The primal and the dual.
        how: How it is played.
        ridge: The price of E[f^2].
        seed: Of the batches.
    """
    game = how.game(*players, summed_moment(ridge))

    def batch(step: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        del step
        return _rows(data, how.batch_size, generator)

    return play(game, batch, how.steps, seed=seed)


def regressed(data: Sets, network: nn.Module, how: Training, seed: int) -> FunctionAverage:
    """The regressions of all data sets, by as many steps on as many rows, averaged as the game is.

    Args:
        data: A set for every network.
        network: What is trained.
        how: How the game is played.
        seed: Of the batches.
    """

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        x, y, _ = _rows(data, how.batch_size, generator)
        lost: Tensor = (network(x) - y).square().mean(0).sum()
        return lost

    return how.regression(network, loss, seed_of(seed, 7))


def asked(network: nn.Module, data: Sets) -> Float[Tensor, "points sets 1"]:
    """What every network answers where the truth is known."""
    with torch.no_grad():
        answer: Tensor = network(data.at[:, None].expand(-1, data.x.shape[1], -1))
    return answer
