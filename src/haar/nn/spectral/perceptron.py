"""The plain network inside every gate: it sees invariants only, so that it may be anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn

from haar.constants import HostBuilt, target_device
from haar.errors import ArgumentError, check_count
from haar.nn.drawn import draw_by_size, linear_of


class Perceptron(HostBuilt, nn.Sequential):
    """Linear layers with an activation between them; torch's own initial law for linear layers.

    Args:
        sizes: Features before and after every linear layer.
        activation: Makes the module between two linear layers.
        generator: Source of the initial weights; by default torch's.
        dtype: Precision of the parameters.

    Raises:
        ArgumentError: If there are fewer than two sizes, or one is not positive.

    Example:
        >>> Perceptron((3, 16, 2))(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Callable[[], nn.Module] = nn.SiLU,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if len(sizes) < 2:
            raise ArgumentError("sizes", expected="two or more positive numbers of features", got=tuple(sizes))
        for size in sizes:
            check_count("sizes", size)
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(sizes)):
            layers += [activation().to(target_device())] if number else []
            layers.append(linear(before, after, generator=generator, dtype=dtype))
        super().__init__(*layers)


def linear(
    before: int,
    after: int,
    *,
    bias: bool = True,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Linear:
    """A linear layer whose initial weights, uniform within 1 / sqrt(before), come from a generator.

    Example:
        >>> linear(4, 2, bias=False).weight.abs().max() <= 0.5
        tensor(True)
    """
    return linear_of(nn.Linear, before, after, bias=bias, generator=generator, dtype=dtype)


def uniform(*shape: int, generator: torch.Generator | None = None, dtype: torch.dtype | None = None) -> nn.Parameter:
    """A parameter uniform within 1 / sqrt of its last size."""
    values = nn.Parameter(torch.empty(shape, dtype=dtype))
    draw_by_size(values, generator=generator)
    return values
