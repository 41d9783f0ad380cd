"""Sets of geometries in the field's own files: three ``.npy`` arrays, in the units that their authors chose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from haar.data.molecules.ab_initio import BOHR
from haar.data.molecules.molecules import Molecules
from haar.errors import ArgumentError, DataError
from haar.received import read_array

ENERGY_UNITS = {"hartree": 1.0, "ev": 1.0 / 27.211386245988, "kcal/mol": 1.0 / 627.5094740631}
LENGTH_UNITS = {"angstrom": 1.0, "bohr": BOHR}

_NAMES = ("Energy", "Forces", "Positions")
_LONGEST, _SHORTEST = 6.0, 0.35


def read_npy_set(
    folder: str | Path,
    species: Sequence[str],
    *,
    energy: str = "hartree",
    length: str = "angstrom",
    centre: int = 0,
) -> Molecules:
    """Read ``Energy.npy``, ``Forces.npy`` and ``Positions.npy``, the form of the water set of Le et al.

    That set is Zenodo 2634098: 850 geometries of H2O, energies in Hartree, positions in Angstrom.

    Args:
        folder: Where they lie; file names may begin with anything that ends in these words.
        species: Chemical symbols in the order of the file.
        energy: Unit of energies: ``hartree``, ``ev`` or ``kcal/mol``.
        length: Unit of lengths: ``angstrom`` or ``bohr``; forces are in energy per length.
        centre: Which atom is the central one; it is put first.

    Raises:
        ArgumentError: If a unit is unknown, distances cannot be in that unit, or atoms coincide.
        DataError: If a file is missing, has another shape, or would have to be unpickled.
    """
    for name, value, known in (("energy", energy, ENERGY_UNITS), ("length", length, LENGTH_UNITS)):
        if value not in known:
            raise ArgumentError(name, expected=f"one of {', '.join(known)}", got=repr(value))
    if not 0 <= centre < len(species):
        raise ArgumentError("centre", expected=f"0 to {len(species) - 1}", got=centre)
    raw = {name: _read(Path(folder), name) for name in _NAMES}
    count = raw["Energy"].numel()
    for name in ("Forces", "Positions"):
        if tuple(raw[name].shape) != (count, len(species), 3):
            raise DataError(
                f"{folder}: {name} has shape {tuple(raw[name].shape)}, expected ({count}, {len(species)}, 3) for "
                f"{', '.join(species)}"
            )
    e, a = ENERGY_UNITS[energy], LENGTH_UNITS[length]
    order = [centre, *(k for k in range(len(species)) if k != centre)]
    positions = a * raw["Positions"][:, order]
    made = Molecules(
        tuple(species[k] for k in order),
        positions - positions[:, :1],
        e * raw["Energy"].flatten(),
        e / a * raw["Forces"][:, order],
        f"{Path(folder).name}, read as {energy} and {length}",
    )
    made.check_alike()
    check_lengths(made.active, length)
    return made


def check_lengths(active: Tensor, unit: str) -> None:
    """Refuse bonds that no molecule has: lengths are in another unit than was said.

    Args:
        active: Vectors from the central atom, in Angstrom by that unit.
        unit: Unit that the lengths are said to be in.

    Raises:
        ArgumentError: With the median length.

    Example:
        >>> check_lengths(torch.tensor([[[0.0, 0.0, 1.0]]]), "angstrom")
    """
    middle = float(active.norm(dim=-1).median())
    if not _SHORTEST <= middle <= _LONGEST:
        other = ", ".join(name for name in LENGTH_UNITS if name != unit)
        raise ArgumentError(
            "length",
            expected=f"bonds of {_SHORTEST:g} to {_LONGEST:g} Angstrom",
            got=f"a median of {middle:.3g} read as {unit}",
            way_out=f"is the unit {other}, or nanometres?",
        )


def _read(folder: Path, name: str) -> Tensor:
    found = sorted(folder.glob(f"*{name}*.npy"))
    if len(found) != 1:
        raise DataError(f"{folder}: {len(found)} files named *{name}*.npy, expected one")
    array = read_array(found[0])
    if array.dtype.kind not in "fiu":
        raise DataError(f"{found[0]}: not an array of numbers ({array.dtype})")
    if not np.isfinite(array).all():
        raise DataError(f"{found[0]}: has NaN or infinity")
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))
