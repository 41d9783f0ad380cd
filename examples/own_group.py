"""A network for a group that no catalogue has: that of pyrite crystals, from three generator matrices.

Pyrite's cubes are striped: a quarter turn does not map a crystal to itself, but mirrors and the exchange
x -> y -> z -> x do. An energy of this symmetry may tell x^4 y^2 from x^2 y^4, which the full symmetry of the cube
forbids. The network learns its gradient as a function of direction.
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare, perceptron
from torch import Tensor, nn

import haar
from haar.actions.representation import Defining, Regular
from haar.groups import from_matrices, octahedral
from haar.intertwiners import invariant_polynomials
from haar.nn import Linear, Pointwise, Sequential
from haar.testing import assert_equivariant

CYCLE = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
MIRROR = torch.diag(torch.tensor([-1.0, 1, 1]))
INVERSION = -torch.eye(3)


def fields(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Directions (count, 3) and gradients of 4 (x^4 y^2 + y^4 z^2 + z^4 x^2) + x^2 y^2 + y^2 z^2 + z^2 x^2."""
    v = nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1).requires_grad_()
    squares, following = v**2, v.roll(-1, 1) ** 2
    energy = 4 * (squares**2 * following).sum() + (squares * following).sum()
    return v.detach(), torch.autograd.grad(energy, v)[0]


def equivariant_network(generators: list[Tensor], copies: int) -> Sequential:
    """Ten lines from matrices to a network: lift vectors to features of regular type, and come back."""
    group = from_matrices(generators, "pyrite")
    vector, hidden = Defining(group), copies * Regular(group)
    return Sequential(
        Linear(vector, hidden, gain=2**0.5),
        Pointwise(hidden),
        Linear(hidden, hidden, gain=2**0.5),
        Pointwise(hidden),
        Linear(hidden, vector),
    )


def main(steps: int = 400) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = fields(100, generator), fields(500, generator)
    network = equivariant_network([CYCLE, MIRROR, INVERSION], 4)
    group, cube = network.symmetry.group, octahedral(full=True)
    print(f"invariant polynomials of degree 0 to 6: {group.name}, order {group.order}, has", end=" ")
    print(f"{invariant_polynomials(Defining(group), 6)}, the cube {invariant_polynomials(Defining(cube), 6)}")

    plain, wide = (perceptron(3, width, 3, nn.ReLU) for width in (17, 256))
    found = compare(network, plain, wide, train, test, steps=steps)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x.double())
    print(haar.audit(network, network.symmetry, (x[:64].double(), y[:64].double())).summary)
    return found


if __name__ == "__main__":
    main()
