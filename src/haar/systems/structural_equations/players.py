"""The two networks: what sees columns in the user's units, averages over a group, and is played with."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions import Symmetry
from haar.average import average
from haar.errors import ArgumentError


class Standardised(nn.Module):
    """A network of columns in the user's units, which it standardises first.

    Args:
        network: Of standardised columns.
        values: Columns whose means and deviations are taken.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, values: Float[np.ndarray, "rows columns"]) -> None:
        super().__init__()
        self.network = network
        deviation = values.std(0)
        self.register_buffer("mean", torch.tensor(values.mean(0), dtype=torch.float32))
        scale = np.where(deviation > 0, deviation, 1.0)
        self.register_buffer("deviation", torch.tensor(scale, dtype=torch.float32))

    def forward(self, x: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows 1"]:
        """One number a row."""
        answer: Tensor = self.network((x - self.mean) / self.deviation)
        return answer


def perceptron(columns: int, hidden: Sequence[int]) -> nn.Sequential:
    """A network of columns with one output and ReLU between its layers."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(columns, width), nn.ReLU()]
        columns = width
    return nn.Sequential(*layers, nn.Linear(columns, 1))


def player(values: Float[np.ndarray, "rows columns"], hidden: Sequence[int], symmetry: Any, argument: str) -> nn.Module:
    """A network of columns in the user's units, invariant if it is told to be.

    Args:
        values: The columns.
        hidden: Widths of the hidden layers.
        symmetry: How a finite group moves the columns; the network is averaged over all its elements.
        argument: Name of the symmetry as the caller wrote it.

    Raises:
        ArgumentError: If the group is not finite, or acts on another number of columns.
    """
    made = Standardised(perceptron(values.shape[1], hidden), values)
    if symmetry is None:
        return made
    if not isinstance(symmetry, Symmetry):
        raise ArgumentError(argument, expected="a haar.Symmetry", got=type(symmetry).__name__)
    order: Any = getattr(symmetry.group, "order", None)
    if not isinstance(order, int):
        way_out = "average your own networks and give them as players="
        raise ArgumentError(argument, expected="a finite group", got=repr(symmetry.group), way_out=way_out)
    symmetry.check_inputs((torch.tensor(values[:1], dtype=torch.float32),))
    return average(made, symmetry, micro_batch=order)


def brought(players: Any, tables: Sequence[Float[np.ndarray, "rows columns"]]) -> tuple[nn.Module, nn.Module]:
    """Copies of two networks of the user's own, after each was asked for a number of every row of its columns.

    Args:
        players: The structural function and the instrument player.
        tables: The columns of each.

    Raises:
        ArgumentError: If they are no pair of modules, or one does not give one column in single precision.
    """
    given = list(players) if isinstance(players, Sequence) else [players]
    if len(given) != 2 or not all(isinstance(each, nn.Module) for each in given):
        got = ", ".join(type(each).__name__ for each in given)
        raise ArgumentError("players", expected="a pair of modules, f(x) and u(z)", got=got)
    for place, (each, values) in enumerate(zip(given, tables, strict=True)):
        rows = torch.tensor(values[:2], dtype=torch.float32)
        wanted = f"{rows.shape[1]} columns in single precision to one column"
        try:
            with torch.no_grad():
                answer = copy.deepcopy(each).eval()(rows)
        except (RuntimeError, TypeError, ValueError) as error:
            got = str(error).strip().split("\n")[0]
            raise ArgumentError(f"players[{place}]", expected=f"a network, {wanted}", got=got) from error
        told = f"{answer.dtype} {tuple(answer.shape)}" if isinstance(answer, Tensor) else type(answer).__name__
        if told != f"torch.float32 {(len(rows), 1)}":
            got = f"{told} of {len(rows)} rows"
            raise ArgumentError(f"players[{place}]", expected=f"a network, {wanted}", got=got)
    primal, dual = copy.deepcopy(given)
    return primal, dual
