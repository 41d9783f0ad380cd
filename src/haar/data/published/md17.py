"""MD17: energies and forces along molecular dynamics, the old and the revised files."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.data.published.arrays import checked, first_of
from haar.received import Archive


@dataclass(frozen=True)
class MolecularDynamics:
    """Frames of one molecule.

    Attributes:
        numbers: Atomic numbers of the molecule's atoms.
        positions: Positions of all atoms in every frame, in angstrom.
        energies: In kcal/mol, as published.
        forces: In kcal/mol/angstrom: minus the gradient of the energy.
    """

    numbers: Int[Tensor, " atom"]
    positions: Float[Tensor, "frame atom 3"]
    energies: Float[Tensor, " frame"]
    forces: Float[Tensor, "frame atom 3"]

    def __len__(self) -> int:
        return len(self.positions)


def read_md17(
    path: str | os.PathLike[str], *, limit: int | None = None, dtype: torch.dtype = torch.float64
) -> MolecularDynamics:
    """Read one molecule's ``.npz``: entries ``z R E F``, or ``nuclear_charges coords energies forces`` (revised).

    Args:
        path: Path of the published ``.npz`` file.
        limit: Only so many of the first frames.
        dtype: Precision of the numbers. Total energies need float64.

    Raises:
        DataError: If it is missing or does not have that form.

    Source:
        Chmiela et al., Science Advances 3, e1603015 (2017); revised: Christensen and von Lilienfeld, arXiv 2007.09593.
    """
    archive = Archive(path)
    numbers = first_of(archive, ("z", "nuclear_charges"), what=str(path))
    positions, energies, forces = (
        np.atleast_1d(first_of(archive, names, what=str(path)))[:limit]
        for names in (("R", "coords"), ("E", "energies"), ("F", "forces"))
    )
    atoms = checked(numbers, (None,), what=f"{path}: z", dtype=torch.int64)
    frames = checked(positions, (None, len(atoms), 3), what=f"{path}: R", dtype=dtype)
    return MolecularDynamics(
        atoms,
        frames,
        checked(energies.reshape(-1), (len(frames),), what=f"{path}: E", dtype=dtype),
        checked(forces, tuple(frames.shape), what=f"{path}: F", dtype=dtype),
    )
