"""Clouds of points from a file: an array of NumPy, or anything that ASE reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from haar.data.molecules.structures import read_frames
from haar.errors import ArgumentError
from haar.received import check_file, read_array


def read_clouds(path: Path, *, most: int | None = None) -> tuple[list[Tensor], list[str], list[Tensor] | None]:
    """Positions ``(n, d)`` of every cloud, their names, and atomic numbers where there are atoms.

    Args:
        path: ``.npy`` with ``(n, d)`` or ``(clouds, n, d)``; else a file of molecules, such as ``.xyz``.
        most: Read so many clouds at most.

    Raises:
        DataError: If the file is missing, damaged, or holds no clouds.
        ArgumentError: If the array has another shape or is too coarse, or coordinates are missing or not finite.
    """
    check_file(path)
    if path.suffix == ".npy":
        kept = _arrays(path, most)
        return kept, [str(number) for number in range(len(kept))], None
    molecules = read_frames(path, most)
    for number, molecule in enumerate(molecules):
        positions = molecule.get_positions()
        if len(positions) == 0 or not np.isfinite(positions).all():
            got = "NaN or infinity" if len(positions) else "none"
            raise ArgumentError("FILE", expected="atoms with finite coordinates", got=f"{got} in frame {number}")
    clouds_of = [torch.tensor(molecule.get_positions(), dtype=torch.float64) for molecule in molecules]
    # Principal axes are those of the atoms that the file holds: of another cell of the crystal they are others.
    names = [
        f"{number} {molecule.get_chemical_formula()}{', one cell' if molecule.pbc.any() else ''}"
        for number, molecule in enumerate(molecules)
    ]
    marks = [torch.tensor(molecule.get_atomic_numbers(), dtype=torch.float64) / 10 for molecule in molecules]
    return clouds_of, names, marks


def _arrays(path: Path, most: int | None) -> list[Tensor]:
    """Clouds of an array."""
    array = read_array(path)
    if array.ndim not in (2, 3) or array.dtype.kind not in "fiu" or 0 in array.shape:
        raise ArgumentError(
            "FILE", expected="numbers (n, d) or (clouds, n, d)", got=f"{array.dtype} {tuple(array.shape)}"
        )
    if array.dtype == np.float16:
        raise ArgumentError(
            "FILE",
            expected="float32 or float64",
            got="float16",
            way_out="principal axes of rounded points are not those of the points: write them with more digits",
        )
    if not np.isfinite(array).all():
        raise ArgumentError("FILE", expected="finite coordinates", got="NaN or infinity")
    # In the byte order of this machine, and in a kind that torch has.
    array = array.astype(np.float32 if array.dtype.itemsize == 4 and array.dtype.kind == "f" else np.float64)
    clouds = torch.from_numpy(np.ascontiguousarray(array)).reshape(-1, *array.shape[-2:])
    return list(clouds[:most])
