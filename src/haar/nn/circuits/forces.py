"""Forces: minus the slope of any model of energies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.nn.circuits.symmetries import molecular_symmetry


def energy_and_forces(
    model: Callable[..., Any], x: Float[Tensor, "batch atoms 3"], *, create_graph: bool = False
) -> tuple[Float[Tensor, " batch"], Float[Tensor, "batch atoms 3"]]:
    """Energies and F = -dE/dx by automatic differentiation.

    Args:
        model: From (batch, atoms, 3) to (batch,), each sample by itself.
        x: Positions to evaluate at, (batch, atoms, 3).
        create_graph: Whether the forces enter a loss (double backward).

    Example:
        >>> x = torch.ones(1, 1, 3, dtype=torch.float64)
        >>> energy_and_forces(lambda y: y.square().sum((1, 2)), x)[1].round().int().tolist()
        [[[-2, -2, -2]]]
    """
    with torch.enable_grad():
        leaf = x if x.requires_grad else x.detach().requires_grad_()
        energy = model(leaf)
        (slope,) = torch.autograd.grad(energy.sum(), leaf, create_graph=create_graph)
    return (energy, -slope) if create_graph else (energy.detach(), -slope.detach())


class WithForces(nn.Module):
    """Energies and forces as a module, so that verbs can audit and average both.

    Args:
        model: From (batch, atoms, 3) to (batch,).
        atoms: Number of atoms around the central one.
        parity: Whether its symmetry claims O(3).

    Example:
        >>> from haar.nn.circuits import GraphCircuit
        >>> both = WithForces(GraphCircuit(2), atoms=2, parity=True)
        >>> [tuple(y.shape) for y in both(torch.randn(5, 2, 3, dtype=torch.float64))]
        [(5,), (5, 2, 3)]
    """

    def __init__(self, model: nn.Module, *, atoms: int, parity: bool = False) -> None:
        super().__init__()
        self.model = model
        self.symmetry = molecular_symmetry(atoms, parity=parity, forces=True)

    def forward(self, x: Float[Tensor, "batch atoms 3"]) -> tuple[Tensor, Tensor]:
        """Energies and forces."""
        return energy_and_forces(self.model, x, create_graph=self.training)
