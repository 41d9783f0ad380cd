"""Energies of clouds of charges: a network that neither turns (SO(3)) nor relabels (S_n) the points.

The energy of n equal charges depends on their distances alone. The product of the two groups acts on the coordinates
(n, 3); the network makes, for every pair of points, the invariant products of their coordinates, and goes on with
features on pairs.
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare, perceptron
from torch import Tensor, nn

import haar
from haar.actions.representation import Defining, Trivial, tensor_power
from haar.groups import SO, product, symmetric
from haar.nn import Linear, Pointwise, Sequential, TensorSquare
from haar.testing import assert_equivariant

POINTS = 5


def charges(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random clouds (count, 3 n) and their softened Coulomb energies (count, 1)."""
    x = torch.randn(count, POINTS, 3, generator=generator)
    distance = (x[:, :, None] - x[:, None]).square().sum(-1)
    first, second = torch.triu_indices(POINTS, POINTS, 1)
    return x.flatten(1), (distance[:, first, second] + 0.5).rsqrt().sum(1, keepdim=True)


def invariant_network(width: int) -> Sequential:
    """Coordinates, then pairs, then one number."""
    group = product(SO(3), symmetric(POINTS))
    vectors, points = (Defining(factor).pull_back(group, k) for k, factor in enumerate(group.factors))
    pairs = width * tensor_power(points, 2)
    return Sequential(
        TensorSquare(points @ vectors, pairs),
        Pointwise(pairs, nn.functional.silu),
        Linear(pairs, pairs),
        Pointwise(pairs, nn.functional.silu),
        Linear(pairs, Trivial(group)),
    )


def main(steps: int = 600) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = charges(500, generator), charges(500, generator)
    network = invariant_network(8)
    plain, wide = perceptron(3 * POINTS, 25, 1), perceptron(3 * POINTS, 256, 1)
    found = compare(network, plain, wide, train, test, steps=steps)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x.double())
    print(haar.audit(network, network.symmetry, (x[:32].double(), y[:32].double())).summary)
    return found


if __name__ == "__main__":
    main()
