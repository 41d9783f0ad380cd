"""Errors of a potential in chemists' units, and how much of each symmetry it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions import Defining
from haar.data.molecules import Molecules
from haar.groups import SO, symmetric
from haar.nn.circuits.forces import energy_and_forces
from haar.probing import ForwardOnly

KCAL_PER_MILLIHARTREE = 0.6275094740631
"""One milli-Hartree in kcal/mol."""


@dataclass(frozen=True)
class Errors:
    """Errors on one set.

    Attributes:
        rmse: Of energies, in mHa.
        mae: Of energies, in mHa.
        mae_kcal: The same in kcal/mol.
        force_rmse: Of forces on the active atoms, in mHa/Angstrom.
        force_mae: The same, mean absolute.
        r2: Of energies: 1 - mean squared error / variance.
    """

    rmse: float
    mae: float
    mae_kcal: float
    force_rmse: float
    force_mae: float
    r2: float

    def to_dict(self) -> dict[str, float]:
        """Plain JSON."""
        return asdict(self)


def errors(model: Callable[..., Any], data: Molecules) -> Errors:
    """Energy and force errors of a model in Hartree.

    Args:
        model: From (batch, atoms, 3) to energies in Hartree.
        data: What to compare with.

    Example:
        >>> lih = Molecules.shipped("lih")
        >>> errors(lambda x: lih.energy + 0 * x.sum((1, 2)), lih).rmse
        0.0
    """
    energy, forces = energy_and_forces(model, data.active)
    wrong, push = 1e3 * (energy - data.energy), 1e3 * (forces - data.active_forces)
    spread = 1e6 * data.energy.var(correction=0)
    mae = float(wrong.abs().mean())
    return Errors(
        rmse=float(wrong.square().mean().sqrt()),
        mae=mae,
        mae_kcal=mae * KCAL_PER_MILLIHARTREE,
        force_rmse=float(push.square().mean().sqrt()),
        force_mae=float(push.abs().mean()),
        r2=float(1 - wrong.square().mean() / spread),
    )


def apart(model: Callable[..., Any], data: Molecules) -> list[float]:
    """By how much the energy of every molecule is wrong, in mHa to six digits.

    Args:
        model: From (batch, atoms, 3) to energies in Hartree.
        data: What to compare with.

    Example:
        >>> lih = Molecules.shipped("lih")[:2]
        >>> apart(lambda x: lih.energy + 1e-3, lih)
        [1.0, 1.0]
    """
    with torch.no_grad():
        wrong = 1e3 * (model(data.active) - data.energy)
    return [float(f"{one:.6g}") for one in wrong.tolist()]


def symmetry_errors(
    model: Callable[..., Any], x: Float[Tensor, "batch atoms 3"], *, seed: int = 0
) -> Mapping[str, float]:
    """Root mean squares of f(g x) - f(x) for random rotations, all exchanges, and x -> -x; and of the torque.

    Args:
        model: From (batch, atoms, 3) to (batch,).
        x: Positions to evaluate at, (batch, atoms, 3).
        seed: Seed of the rotations.

    Returns:
        ``rotation``, ``permutation``, ``parity`` in the units of the model, ``torque`` too: sum of x_i x F_i, the
        infinitesimal rotation error, of any model by one backward pass.
    """
    source = torch.Generator().manual_seed(seed)
    run = ForwardOnly(model)
    here = run(x)
    turn = SO(3).sample(len(x), source)
    rotated = run(torch.einsum("nij,naj->nai", turn, x)) - here
    group = symmetric(x.shape[1])
    orders = Defining(group).signed_permutation(group.elements())[0] if x.shape[1] > 1 else torch.zeros(1, 1).long()
    exchanged = torch.stack([run(x[:, order]) - here for order in orders])
    mirrored = run(-x) - here
    _, forces = energy_and_forces(model, x)
    torque = torch.linalg.cross(x, forces).sum(1)
    named = {"rotation": rotated, "permutation": exchanged, "parity": mirrored, "torque": torque}
    return {name: float(value.square().mean().sqrt()) for name, value in named.items()}
