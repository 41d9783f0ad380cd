"""Clouds of points from a file: an array of NumPy, or anything that ASE reads."""

from __future__ import annotations

import itertools
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from haar.errors import ArgumentError, DataError, require
from haar.received import check_file, read_array

_LONGEST = 100  # characters of a line that holds one number


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
    molecules = _molecules(path, most)
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


def _molecules(path: Path, most: int | None) -> list[Any]:
    """What ASE reads."""
    read = require("ase.io", "chemistry").iread
    frames_first = path.suffix.lower() in (".xyz", ".extxyz")
    if frames_first:
        _check_frames(path, most)
    elif "@" in str(path):  # it would be taken for the number of a frame
        raise ArgumentError("FILE", expected="a name without @", got=repr(path.name), way_out="rename it")
    try:
        with path.open(encoding="utf-8") if frames_first else nullcontext(path) as source:
            frames = read(source, index=":", format="extxyz" if frames_first else None)
            molecules = list(itertools.islice(frames, most))
    except Exception as error:
        brief = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: no molecules that ASE could read ({type(error).__name__}: {brief})") from error
    if not molecules:
        raise DataError(f"{path}: no molecules")
    return molecules


def _check_frames(path: Path, most: int | None) -> None:
    """Refuse an .xyz file whose first lines promise more atoms than it has lines for.

    Raises:
        DataError: Naming the frame.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for frame in itertools.count():
                head = lines.readline(_LONGEST).strip()
                if not head or not re.fullmatch("[0-9]{1,18}", head) or frame == most:
                    return  # what else is wrong with it is the reader's to say
                found = sum(1 for _ in itertools.islice(lines, int(head) + 1)) - 1
                if found < int(head):
                    raise DataError(f"{path}: frame {frame} promises {head} atoms, and holds {max(found, 0)}")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as text: {error}") from error
