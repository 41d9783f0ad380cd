"""The positions of a molecule in one piece, wherever the periodic cell that it was computed in has cut it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, require


def whole_molecule(atoms: Any, first: int, argument: str = "atoms") -> Float[Tensor, "atoms 3"]:
    """Positions relative to one atom, in Angstrom: along periodic directions those of the nearest images.

    Args:
        atoms: An ``ase.Atoms``.
        first: Number of that atom.
        argument: What the caller calls them.

    Raises:
        ArgumentError: If a position is not finite, a periodic direction has no length, or the molecule is not smaller
            than half the cell, so that nobody can tell which images belong together.
    """
    positions, cell, periodic = atoms.get_positions(), np.asarray(atoms.get_cell()), atoms.get_pbc()
    if not np.isfinite(positions).all():
        raise ArgumentError(argument, expected="finite positions", got="NaN or infinity")
    vectors = positions - positions[first]
    if periodic.any():
        vectors = _nearest(vectors, cell, periodic, argument)
    return torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float64))


def _nearest(vectors: np.ndarray, cell: np.ndarray, periodic: np.ndarray, argument: str) -> np.ndarray:
    sides = cell[periodic]
    if not np.isfinite(cell).all() or np.linalg.matrix_rank(sides) < len(sides):
        raise ArgumentError(
            argument,
            expected="a cell with a length along every periodic direction",
            got=f"{cell.tolist()}",
            way_out="set the cell, or set_pbc(False)",
        )
    complete = require("ase.geometry", "chemistry").complete_cell(np.where(periodic[:, None], cell, 0.0))
    reduced = require("ase.geometry.minkowski_reduction", "chemistry").minkowski_reduce(complete, pbc=periodic)[0]
    shortest = float(np.linalg.norm(reduced[periodic], axis=1).min())
    near, _ = require("ase.geometry", "chemistry").find_mic(vectors, complete, pbc=periodic)
    width = float(np.linalg.norm(near[:, None] - near, axis=-1).max())
    if not width < 0.5 * shortest:
        raise ArgumentError(
            argument,
            expected=f"a molecule smaller than half its cell, {0.5 * shortest:.3g} Angstrom",
            got=f"{width:.3g} Angstrom, which is not told from its images",
            way_out="give the molecule in one piece in free space: set_pbc(False)",
        )
    return np.asarray(near)
