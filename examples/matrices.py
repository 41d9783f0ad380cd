"""Matrices whose rows and columns have no order: an S_n x S_m network learns Sinkhorn's scaling.

Scaling the rows and columns of a positive matrix in turn makes the sums of all rows equal, and those of all columns.
Exchanging rows or columns of the input exchanges those of the output. The product of two symmetric groups acts on the
n m entries; what commutes with it are four maps: the entry itself, the sum of its row, of its column, and of all
(Hartford et al., ICML 2018).
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare, perceptron
from torch import Tensor

import haar
from haar.actions.representation import Defining
from haar.groups import product, symmetric
from haar.intertwiners import intertwiners
from haar.nn import Linear, Pointwise, Sequential
from haar.testing import assert_equivariant

ROWS, COLUMNS = 8, 5


def scalings(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Logarithms of random matrices (count, n m), and by how much Sinkhorn's scaling changes them."""
    x = torch.randn(count, ROWS, COLUMNS, generator=generator)
    y = 2 * x
    for _ in range(50):
        y = y - y.logsumexp(2, keepdim=True)
        y = y - y.logsumexp(1, keepdim=True)
    return x.flatten(1), (y - 2 * x).flatten(1)


def equivariant_network(copies: int) -> Sequential:
    """Features are copies of the matrix; ReLU acts on every entry."""
    group = product(symmetric(ROWS), symmetric(COLUMNS))
    rows, columns = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    matrix = rows @ columns
    hidden = copies * matrix
    print(f"{intertwiners(matrix, matrix).dim} maps from matrices to matrices commute with {group.name}")
    return Sequential(
        Linear(matrix, hidden, gain=2**0.5),
        Pointwise(hidden),
        Linear(hidden, hidden, gain=2**0.5),
        Pointwise(hidden),
        Linear(hidden, matrix),
    )


def main(steps: int = 300) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = scalings(100, generator), scalings(500, generator)
    network = equivariant_network(12)
    plain, wide = (perceptron(ROWS * COLUMNS, width, ROWS * COLUMNS) for width in (8, 256))
    found = compare(network, plain, wide, train, test, steps=steps)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x.double())
    print(haar.audit(network, network.symmetry, (x[:64].double(), y[:64].double())).summary)
    return found


if __name__ == "__main__":
    main()
