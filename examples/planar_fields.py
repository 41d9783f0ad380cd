"""The acceleration of a flow on a square grid: a D4 network of group convolutions.

From a pressure p and a velocity u the network predicts -(u . grad) u - grad p on a periodic grid. The law commutes with
quarter turns and mirrors, which turn the components of u as well; the features are of regular type, one channel for
every element of D4, so that ReLU may act on each of them.
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare
from torch import Tensor, nn

import haar
from haar.actions.representation import Regular, Space, Trivial
from haar.groups import dihedral
from haar.nn import Conv, Pointwise, Sequential
from haar.testing import assert_equivariant

CELLS = 16


def slope(f: Tensor, axis: int) -> Tensor:
    """Central difference along an axis of a periodic grid."""
    return (f.roll(-1, axis) - f.roll(1, axis)) / 2


def flows(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Smooth random fields (count, 3, x, y) and accelerations (count, 2, x, y)."""
    wave = torch.fft.fftfreq(CELLS, 1 / CELLS)
    keep = torch.exp(-(wave[:, None] ** 2 + wave**2) / 8)
    noise = torch.randn(count, 3, CELLS, CELLS, generator=generator)
    fields = torch.fft.ifft2(torch.fft.fft2(noise) * keep).real
    fields = fields / fields.std()
    p, u = fields[:, :1], fields[:, 1:]
    gradient = torch.cat([slope(p, -2), slope(p, -1)], 1)
    return fields, -(u[:, :1] * slope(u, -2) + u[:, 1:] * slope(u, -1)) - gradient


def equivariant_network(copies: int) -> Sequential:
    """From scalar and vector to regular features, and back to a vector."""
    D4 = dihedral(4)
    hidden = copies * Regular(D4)

    def conv(rep_in: haar.Representation, rep_out: haar.Representation) -> Conv:
        return Conv(rep_in, rep_out, 3, padding="same", padding_mode="circular", gain=2**0.5)

    return Sequential(
        conv(Trivial(D4) + Space(D4), hidden),
        Pointwise(hidden, channels="first"),
        conv(hidden, hidden),
        Pointwise(hidden, channels="first"),
        conv(hidden, Space(D4)),
    )


def plain_network(width: int) -> nn.Sequential:
    """The same with plain channels."""

    def conv(before: int, after: int) -> nn.Conv2d:
        return nn.Conv2d(before, after, 3, padding=1, padding_mode="circular")

    return nn.Sequential(conv(3, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, 2))


def main(steps: int = 300) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = flows(16, generator), flows(64, generator)
    network = equivariant_network(4)
    found = compare(network, plain_network(10), plain_network(32), train, test, steps=steps, batch_size=8)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x.double())
    print(haar.audit(network, network.symmetry, (x[:32].double(), y[:32].double())).summary)
    return found


if __name__ == "__main__":
    main()
