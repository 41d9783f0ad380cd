"""Stress of a fibre-reinforced material: an SO(3) network from a tensor and a vector to a tensor.

Strain (a symmetric tensor) and fibre direction (a vector) go in, stress comes out; turning the specimen turns all.
Symmetric tensors have six components, the square root of 2 before those off the diagonal (Mandel's notation), in which
rotations are orthogonal matrices. Products of features are the nonlinearity: every way in which SO(3) lets two features
make a third, with a learned coefficient.
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare, perceptron
from torch import Tensor, nn

import haar
from haar.actions.representation import Defining, Trivial, symmetric_power
from haar.groups import SO
from haar.nn import Gated, Linear, Sequential, TensorSquare
from haar.testing import assert_equivariant


def mandel(tensor: Tensor) -> Tensor:
    """Symmetric tensors (*, 3, 3) as xx, xy, xz, yy, yz, zz with the root of 2 off the diagonal."""
    row, column = torch.triu_indices(3, 3)
    return tensor[..., row, column] * torch.where(row == column, 1.0, 2**0.5)


def specimens(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Strains and fibres (count, 9), stresses (count, 6): isotropic matrix, fibres that stiffen as they stretch."""
    strain = 0.3 * torch.randn(count, 3, 3, generator=generator)
    strain = (strain + strain.mT) / 2
    fibre = nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1)
    stretch = torch.einsum("ni,nij,nj->n", fibre, strain, fibre)
    trace = strain.diagonal(dim1=1, dim2=2).sum(1)
    along = fibre[:, :, None] * fibre[:, None]
    tension = 2 * (torch.exp(2 * stretch) - 1)
    stress = 0.5 * trace[:, None, None] * torch.eye(3) + strain + tension[:, None, None] * along
    return torch.cat([mandel(strain), fibre], 1), mandel(stress)


def equivariant_network(copies: int) -> Sequential:
    """Two rounds of products and gates on scalars, vectors and symmetric tensors."""
    space = SO(3)
    vector = Defining(space)
    tensor = symmetric_power(vector, 2)
    hidden = 2 * copies * Trivial(space) + copies * vector + copies * tensor
    first, second = Gated(hidden), Gated(hidden)
    start = Trivial(space) + vector + tensor  # with a constant, products contain what went in
    return Sequential(
        Linear(tensor + vector, start),
        TensorSquare(start, first.rep_in),
        first,
        TensorSquare(hidden, second.rep_in),
        second,
        Linear(hidden, tensor),
    )


def main(steps: int = 400) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = specimens(200, generator), specimens(500, generator)
    network = equivariant_network(3)
    found = compare(network, perceptron(9, 39, 6), perceptron(9, 256, 6), train, test, steps=steps)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x.double())
    print(haar.audit(network, network.symmetry, (x[:32].double(), y[:32].double())).summary)
    return found


if __name__ == "__main__":
    main()
