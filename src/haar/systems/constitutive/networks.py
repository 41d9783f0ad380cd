"""Plain networks and classical laws that the symmetric ones are compared with, and the scale that all of them share."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import from_mandel, mandel_rotation, to_mandel
from haar.statistics import least_squares


class Scaled(nn.Module):
    """A law in units of its data: strain over one number, stress times another, which commutes with every rotation.

    Args:
        body: The law in these units.
        strain: Strains whose root mean square is the unit.
        stress: Stresses whose root mean square is the unit.
    """

    def __init__(self, body: nn.Module, strain: Tensor, stress: Tensor) -> None:
        super().__init__()
        self.body = body
        self.strain_unit: Tensor
        self.stress_unit: Tensor
        self.register_buffer("strain_unit", strain.square().mean().sqrt())
        self.register_buffer("stress_unit", stress.square().mean().sqrt())

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        out: Tensor = self.body(strain / self.strain_unit) * self.stress_unit
        return out


class Perceptron(nn.Module):
    """Two hidden layers on Mandel's coordinates.

    Args:
        n: Coordinates.
        width: Hidden units.
        generator: Source of the weights.
    """

    def __init__(self, n: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        sizes = (n, width, width, n)
        self.layers = nn.Sequential()
        for k, (before, after) in enumerate(itertools.pairwise(sizes)):
            self.layers.append(_dense(before, after, generator, gain=2**0.5 if k < 2 else 1.0))
            if k < 2:
                self.layers.append(nn.SiLU())

    def forward(self, x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        out: Tensor = self.layers(x)
        return out


class PlainGRU(nn.Module):
    """A gated recurrent network on Mandel's coordinates.

    Args:
        n: Coordinates.
        width: Hidden units.
        generator: Source of the weights.
    """

    def __init__(self, n: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.gru = nn.GRU(n, width, batch_first=True, dtype=torch.float64)
        self.out = _dense(width, n, generator)
        with torch.no_grad():
            for p in self.gru.parameters():
                p.copy_((2 * torch.rand(p.shape, dtype=torch.float64, generator=generator) - 1) / width**0.5)

    def forward(self, path: Float[Tensor, "batch steps n"]) -> Float[Tensor, "batch steps n"]:
        """Stresses."""
        out: Tensor = self.out(self.gru(path)[0])
        return out


class TensorBasis(nn.Module):
    """The classical network of isotropic laws: numbers of the invariants of E times 1, E and E^2.

    Args:
        width: Hidden units.
        generator: Source of the weights.
        strain: Strains whose invariants have mean 0 and spread 1 for the network.

    Source: Rivlin and Ericksen 1955; Ling, Kurzawski and Templeton 2016.
    """

    def __init__(self, width: int, generator: torch.Generator, strain: Float[Tensor, "batch n"]) -> None:
        super().__init__()
        invariants = self._invariants(from_mandel(strain))
        self.middle: Tensor
        self.spread: Tensor
        self.register_buffer("middle", invariants.mean(0))
        self.register_buffer("spread", invariants.std(0))
        self.layers = nn.Sequential(
            _dense(3, width, generator, gain=2**0.5),
            nn.SiLU(),
            _dense(width, width, generator, gain=2**0.5),
            nn.SiLU(),
            _dense(width, 3, generator),
        )

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        E = from_mandel(strain)
        square = E @ E
        a = self.layers((self._invariants(E) - self.middle) / self.spread)[..., None, None]
        eye = torch.eye(E.shape[-1], dtype=E.dtype)
        return to_mandel(a[..., 0, :, :] * eye + a[..., 1, :, :] * E + a[..., 2, :, :] * square)

    @staticmethod
    def _invariants(E: Tensor) -> Tensor:
        square = E @ E
        return torch.stack([_trace(E), _trace(square), _trace(square @ E)], -1)


class Zero(nn.Module):
    """No stress at all: the trivial answer."""

    def forward(self, strain: Tensor) -> Tensor:
        """Zeros."""
        return torch.zeros_like(strain)


class LinearLaw(nn.Module):
    """Hooke's law: the matrix of least squares among those of a basis.

    Args:
        basis: Matrices that commute with the material's group.
        strain: Strains, or paths of them.
        stress: Their stresses.
    """

    def __init__(self, basis: Float[Tensor, "k n n"], strain: Tensor, stress: Tensor) -> None:
        super().__init__()
        design = torch.einsum("kij,bj->bik", basis, strain.reshape(-1, strain.shape[-1])).flatten(0, 1)
        found = least_squares(design, stress.reshape(-1, 1)).flatten()
        self.matrix: Tensor
        self.register_buffer("matrix", torch.einsum("k,kij->ij", found, basis))

    def forward(self, strain: Tensor) -> Tensor:
        """Stress."""
        stress: Tensor = strain @ self.matrix.mT
        return stress


class LearnedAxes(nn.Module):
    """A law in axes that are learned too: R f(R^T x), in the plane one angle, in space a quaternion.

    Args:
        law: Takes Mandel's coordinates.
        dim: 2 or 3.
        generator: Source of the first axes.

    Attributes:
        axes: The angle in radians, or the quaternion.

    Source: Garanger, Kraus and Rimoli, arXiv 2312.13511, the rotator of input and output.
    """

    def __init__(self, law: nn.Module, dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.law = law
        start = torch.randn(4 if dim == 3 else 1, dtype=torch.float64, generator=generator)
        self.axes = nn.Parameter(start)

    def frame(self) -> Float[Tensor, "d d"]:
        """The rotation R."""
        if len(self.axes) == 1:
            c, s = self.axes.cos(), self.axes.sin()
            return torch.cat([torch.stack([c, -s], -1), torch.stack([s, c], -1)])
        w, x, y, z = self.axes / self.axes.norm()
        rows = [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)]),
            torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)]),
            torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]),
        ]
        return torch.stack(rows)

    def forward(self, strain: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
        """Stress."""
        R = mandel_rotation(self.frame())
        out: Tensor = self.law(strain @ R) @ R.mT
        return out


def _trace(A: Tensor) -> Tensor:
    return A.diagonal(dim1=-2, dim2=-1).sum(-1)


def _dense(before: int, after: int, generator: torch.Generator, gain: float = 1.0) -> nn.Linear:
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, before, after, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(after, before, dtype=torch.float64, generator=generator) * gain / before**0.5)
        layer.bias.zero_()
    return layer
