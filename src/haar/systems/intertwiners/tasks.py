"""Two tasks with an exact symmetry, and for each an equivariant network and plain ones of equal width and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from haar.actions.representation import Defining, Regular, Representation, Space, Trivial
from haar.groups import dihedral, product, symmetric
from haar.nn import Conv, Linear, Pointwise, Sequential

_ROWS, _COLUMNS, _CELLS = 6, 4, 12


@dataclass(frozen=True)
class Task:
    """Samples and networks.

    Attributes:
        samples: Draws inputs and targets.
        equivariant: Makes the equivariant network.
        plain: Makes plain networks, by name: of equal width, and of about as many parameters.
        batch_size: Samples a step.
    """

    samples: Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
    equivariant: Callable[[torch.Generator], Sequential]
    plain: Mapping[str, Callable[[], nn.Module]]
    batch_size: int


def balanced(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logarithms of random positive matrices (count, n m), and the change that Sinkhorn's scaling makes of them."""
    x = torch.randn(count, _ROWS, _COLUMNS, generator=generator)
    y = 2 * x
    for _ in range(40):
        y = y - y.logsumexp(2, keepdim=True)
        y = y - y.logsumexp(1, keepdim=True)
    return x.flatten(1), (y - 2 * x).flatten(1)


def flows(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Smooth periodic pressures and velocities (count, 3, x, y), and accelerations -(u . grad) u - grad p."""
    wave = torch.fft.fftfreq(_CELLS, 1 / _CELLS)
    keep = torch.exp(-(wave[:, None] ** 2 + wave**2) / 8)
    noise = torch.randn(count, 3, _CELLS, _CELLS, generator=generator)
    fields = torch.fft.ifft2(torch.fft.fft2(noise) * keep).real * 4
    p, u = fields[:, :1], fields[:, 1:]
    pressure = torch.cat([_slope(p, -2), _slope(p, -1)], 1)
    return fields, -(u[:, :1] * _slope(u, -2) + u[:, 1:] * _slope(u, -1)) - pressure


def _slope(f: Tensor, axis: int) -> Tensor:
    return (f.roll(-1, axis) - f.roll(1, axis)) / 2


def matrix_network(generator: torch.Generator, copies: int = 8) -> Sequential:
    """S_n x S_m acts on rows and columns; features are copies of the matrix."""
    group = product(symmetric(_ROWS), symmetric(_COLUMNS))
    rows, columns = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    matrix = rows @ columns
    hidden = copies * matrix
    return Sequential(
        Linear(matrix, hidden, gain=2**0.5, generator=generator),
        Pointwise(hidden),
        Linear(hidden, hidden, gain=2**0.5, generator=generator),
        Pointwise(hidden),
        Linear(hidden, matrix, generator=generator),
    )


def field_network(generator: torch.Generator, copies: int = 3) -> Sequential:
    """A scalar and a vector to regular features of D4, and back to a vector."""
    D4 = dihedral(4)
    hidden = copies * Regular(D4)

    def conv(rep_in: Representation, rep_out: Representation) -> Conv:
        return Conv(rep_in, rep_out, 3, padding="same", padding_mode="circular", gain=2**0.5, generator=generator)

    return Sequential(
        conv(Trivial(D4) + Space(D4), hidden),
        Pointwise(hidden, channels="first"),
        conv(hidden, hidden),
        Pointwise(hidden, channels="first"),
        conv(hidden, Space(D4)),
    )


def perceptron(width: int) -> nn.Sequential:
    """Two hidden layers on the entries of the matrix."""
    n = _ROWS * _COLUMNS
    return nn.Sequential(
        nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, n)
    )  # fmt: skip


def plain_convolutions(width: int) -> nn.Sequential:
    """The field network with plain channels."""

    def conv(before: int, after: int) -> nn.Conv2d:
        return nn.Conv2d(before, after, 3, padding=1, padding_mode="circular")

    return nn.Sequential(conv(3, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, 2))


EQUAL_WIDTH, EQUAL_SIZE = "plain, equal width", "plain, equal parameters"

TASKS: Mapping[str, Task] = {
    "matrices, S6 x S4": Task(
        balanced,
        matrix_network,
        {EQUAL_WIDTH: lambda: perceptron(8 * _ROWS * _COLUMNS), EQUAL_SIZE: lambda: perceptron(6)},
        32,
    ),
    "flows, D4": Task(
        flows,
        field_network,
        {EQUAL_WIDTH: lambda: plain_convolutions(24), EQUAL_SIZE: lambda: plain_convolutions(7)},
        8,
    ),
}
"""By name."""
