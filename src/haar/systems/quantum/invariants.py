"""Classical models: the mean energy, sets of distances (the fair baseline), and raw coordinates (which is not)."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float, Real
from torch import Tensor, nn

from haar.constants import TINY_SINGLE
from haar.errors import ArgumentError
from haar.nn.circuits.circuit import normal
from haar.nn.circuits.given import given
from haar.nn.circuits.symmetries import molecular_symmetry, no_symmetry


class MeanEnergy(nn.Module):
    """The trivial baseline: one number for every molecule, the mean energy of the training set (`set_level`).

    Args:
        atoms: Number m of atoms around the central one.
        seed: Taken as all models take one; nothing is drawn.

    Example:
        >>> MeanEnergy(3).parameter_count
        1
    """

    def __init__(self, atoms: int, *, seed: int = 0) -> None:
        super().__init__()
        del seed
        if atoms < 1:
            raise ArgumentError("atoms", expected="at least 1", got=atoms)
        self.atoms = atoms
        self.level = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.symmetry = molecular_symmetry(atoms, parity=True)

    @property
    def parameter_count(self) -> int:
        """The level."""
        return 1

    @torch.no_grad()
    def set_level(self, energy: Float[Tensor, " n"]) -> None:
        """Take the mean of scaled training energies."""
        self.level.copy_(energy.mean())

    def forward(self, x: Real[Tensor, "batch atoms 3"]) -> Float[Tensor, " batch"]:
        """Scaled energies."""
        x = given(x, self, (self.atoms, 3))
        energy: Tensor = self.level + 0.0 * x.sum((1, 2))  # no force, but one that can be asked for
        return energy


class DistanceSets(nn.Module):
    """Model E: rho(sum of phi(r_i), sum of psi(r_ij, r_i + r_j, r_i r_j)), invariant under O(3) x S_m.

    Distances are standardised by the training set (`standardise`); without that it learns far worse.

    Args:
        atoms: Number m of atoms around the central one.
        hidden: Width of all layers.
        seed: Seed of the first parameters.

    Example:
        >>> DistanceSets(3).parameter_count
        1185
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, atoms: int, *, hidden: int = 16, seed: int = 0) -> None:
        super().__init__()
        if atoms < 1 or hidden < 1:
            raise ArgumentError("atoms, hidden", expected="at least 1", got=f"{atoms}, {hidden}")
        self.atoms = atoms
        source = torch.Generator().manual_seed(seed)
        self.phi = _network([1, hidden, hidden], source)
        self.psi = _network([3, hidden, hidden], source) if atoms > 1 else None
        self.rho = _network([hidden * (2 if atoms > 1 else 1), hidden, 1], source)
        self.register_buffer("mean", torch.zeros(4, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(4, dtype=torch.float64))
        self.symmetry = molecular_symmetry(atoms, parity=True)

    @property
    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(int(p.numel()) for p in self.parameters())

    @torch.no_grad()
    def standardise(self, x: Float[Tensor, "batch atoms 3"]) -> None:
        """Take means and standard deviations of the distances from training inputs."""
        single, pair = self._distances(x)
        self.mean[0], self.scale[0] = single.mean(), single.std()
        if pair is not None:
            self.mean[1:], self.scale[1:] = pair.mean((0, 1)), pair.flatten(0, 1).std(0)

    def forward(self, x: Real[Tensor, "batch atoms 3"]) -> Float[Tensor, " batch"]:
        """Scaled energies."""
        x = given(x, self, (self.atoms, 3))
        single, pair = self._distances(x)
        parts = [self.phi((single[..., None] - self.mean[:1]) / self.scale[:1]).sum(1)]
        if pair is not None and self.psi is not None:
            parts.append(self.psi((pair - self.mean[1:]) / self.scale[1:]).sum(1))
        energy: Tensor = self.rho(torch.cat(parts, -1))
        return energy[:, 0]

    def _distances(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        r = (x.square().sum(-1) + TINY_SINGLE).sqrt()
        if self.atoms == 1:
            return r, None
        i, j = torch.triu_indices(self.atoms, self.atoms, 1, device=x.device)
        apart = ((x[:, i] - x[:, j]).square().sum(-1) + TINY_SINGLE).sqrt()
        return r, torch.stack([apart, r[:, i] + r[:, j], r[:, i] * r[:, j]], -1)


class CoordinateNetwork(nn.Module):
    """A perceptron on raw coordinates: classical, and without any symmetry.

    Args:
        atoms: Number m of atoms around the central one.
        hidden: Width of both layers.
        seed: Seed of the first parameters.

    Example:
        >>> CoordinateNetwork(3).parameter_count, CoordinateNetwork(1).parameter_count
        (865, 721)
    """

    def __init__(self, atoms: int, *, hidden: int = 24, seed: int = 0) -> None:
        super().__init__()
        if atoms < 1 or hidden < 1:
            raise ArgumentError("atoms, hidden", expected="at least 1", got=f"{atoms}, {hidden}")
        self.atoms = atoms
        self.net = _network([3 * atoms, hidden, hidden, 1], torch.Generator().manual_seed(seed))
        self.symmetry = no_symmetry()

    @property
    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(int(p.numel()) for p in self.parameters())

    def forward(self, x: Real[Tensor, "batch atoms 3"]) -> Float[Tensor, " batch"]:
        """Scaled energies."""
        x = given(x, self, (self.atoms, 3))
        energy: Tensor = self.net(x.flatten(1))
        return energy[:, 0]


def _network(sizes: list[int], source: torch.Generator) -> nn.Sequential:
    """Linear layers with SiLU between them, weights N(0, 1 / fan_in)."""
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layer = nn.utils.skip_init(nn.Linear, before, after, dtype=torch.float64)
        layer.weight.data.copy_(normal(after, before, generator=source) / before**0.5)
        layer.bias.data.zero_()
        parts += [layer, nn.SiLU()]
    return nn.Sequential(*parts[:-1])
