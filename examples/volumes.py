"""The force on charges in a volume: an O_h network with scalar and vector features.

From a charge density rho and a potential phi on a periodic cube the network predicts the mean force density
-rho grad phi, one vector for each volume. All 48 rotations and reflections of the cube turn that vector. The features
are scalars and vectors; a vector may not pass a ReLU, and is multiplied by a gate, a function of an extra scalar.
"""

from __future__ import annotations

import torch
from comparison import Comparison, compare
from torch import Tensor, nn

import haar
from haar.actions.representation import Space, Trivial
from haar.groups import octahedral
from haar.nn import Conv, Gated, GlobalPool, Sequential
from haar.testing import assert_equivariant

CELLS = 6


def volumes(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Smooth random fields (count, 2, x, y, z) and mean forces (count, 3)."""
    wave = torch.fft.fftfreq(CELLS, 1 / CELLS)
    keep = torch.exp(-(wave[:, None, None] ** 2 + wave[:, None] ** 2 + wave**2) / 3)
    noise = torch.randn(count, 2, *[CELLS] * 3, generator=generator)
    fields = torch.fft.ifftn(torch.fft.fftn(noise, dim=(2, 3, 4)) * keep, dim=(2, 3, 4)).real
    fields = fields / fields.std()
    rho, phi = fields[:, 0], fields[:, 1]
    force = [-(rho * (phi.roll(-1, axis) - phi.roll(1, axis)) / 2).mean((1, 2, 3)) for axis in (1, 2, 3)]
    return fields, 10 * torch.stack(force, 1)


def equivariant_network(copies: int) -> Sequential:
    """Two gated convolutions, a vector field, its mean."""
    cube = octahedral(full=True)
    hidden = copies * Trivial(cube) + copies * Space(cube)
    first, second = (Gated(hidden, channels="first") for _ in range(2))

    def conv(rep_in: haar.Representation, rep_out: haar.Representation) -> Conv:
        return Conv(rep_in, rep_out, 3, padding="same", padding_mode="circular")

    return Sequential(
        conv(Trivial(cube, 2), first.rep_in),
        first,
        conv(hidden, second.rep_in),
        second,
        conv(hidden, Space(cube)),
        GlobalPool(Space(cube)),
    )


def plain_network(width: int) -> nn.Sequential:
    """The same with plain channels."""

    def conv(before: int, after: int) -> nn.Conv3d:
        return nn.Conv3d(before, after, 3, padding=1, padding_mode="circular")

    return nn.Sequential(
        conv(2, width), nn.SiLU(), conv(width, width), nn.SiLU(), conv(width, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten()
    )


def main(steps: int = 100) -> Comparison:
    """Train, compare, confirm."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    train, test = volumes(64, generator), volumes(128, generator)
    network = equivariant_network(4)
    found = compare(network, plain_network(3), plain_network(20), train, test, steps=steps, batch_size=8)
    print(found)

    network, (x, y) = network.double(), test
    assert_equivariant(network, network.symmetry, x[:8].double())
    print(haar.audit(network, network.symmetry, (x[:8].double(), y[:8].double())).summary)
    return found


if __name__ == "__main__":
    main()
