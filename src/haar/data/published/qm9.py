"""QM9: molecules and their twelve properties, from the files as they were published."""

from __future__ import annotations

import lzma
import math
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from scipy.constants import physical_constants
from torch import Tensor

from haar.errors import ArgumentError, DataError

_HARTREE = physical_constants["Hartree energy in eV"][0]  # eV
_ELEMENTS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
# The order of the second line of a file, after the tag, the index and the three rotational constants.
_ON_DISK = ("mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "U0", "U", "H", "G", "Cv")
_IN_HARTREE = frozenset({"homo", "lumo", "gap", "zpve", "U0", "U", "H", "G"})
QM9_TARGETS = _ON_DISK
_LONGEST = 1 << 20  # bytes of one molecule's file; the published ones have some 3000


@dataclass(frozen=True)
class Molecules:
    """Molecules of different sizes, padded to the largest.

    Attributes:
        numbers: Atomic numbers; 0 where there is no atom.
        positions: In angstrom; 0 where there is no atom.
        targets: One column a name of `names`.
        names: ``mu`` (debye), ``alpha`` (bohr^3), ``homo``, ``lumo``, ``gap``, ``zpve``, ``U0``, ``U``, ``H``, ``G``
            (eV), ``r2`` (bohr^2), ``Cv`` (cal/mol/K).
        indices: The data base's own numbers, from 1.
    """

    numbers: Int[Tensor, "molecule atom"]
    positions: Float[Tensor, "molecule atom 3"]
    targets: Float[Tensor, "molecule target"]
    names: tuple[str, ...]
    indices: Int[Tensor, " molecule"]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def atoms(self) -> Bool[Tensor, "molecule atom"]:
        """Where there is an atom."""
        return self.numbers > 0

    def target(self, name: str) -> Float[Tensor, " molecule"]:
        """One property of all molecules.

        Raises:
            ArgumentError: If there is no property of that name.
        """
        if name not in self.names:
            raise ArgumentError("name", expected=f"one of {', '.join(self.names)}", got=repr(name))
        return self.targets[:, self.names.index(name)]


def read_qm9(
    path: str | os.PathLike[str],
    *,
    exclude: Iterable[int] | str | os.PathLike[str] = (),
    limit: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> Molecules:
    """Read QM9's extended xyz files.

    Args:
        path: The archive (``dsgdb9nsd.xyz.tar.bz2``), which is not unpacked, or a folder of its ``.xyz`` files.
        exclude: Molecules to leave out: their numbers, or the published list of those that fail its consistency check
            (``uncharacterized.txt``).
        limit: Only so many, in the order of their numbers in a folder, of the archive otherwise.
        dtype: Precision of positions and targets. Total energies are thousands of eV: differences of them need float64.

    Raises:
        DataError: If there is no such file, or one does not have the published form.

    Source:
        Ramakrishnan et al., Scientific Data 1, 140022 (2014), table 2 and 3.
    """
    left_out = set(_excluded(exclude)) if isinstance(exclude, (str, os.PathLike)) else set(exclude)
    rows = []
    for name, text in _texts(Path(path)):
        row = _molecule(name, text)
        if row[0] not in left_out:
            rows.append(row)
            if limit is not None and len(rows) >= limit:
                break
    if not rows:
        raise DataError(f"{path}: no molecule found in it; expected files named dsgdb9nsd_000001.xyz and so on")
    size = max(len(numbers) for _, numbers, _, _ in rows)
    numbers = torch.zeros(len(rows), size, dtype=torch.int64)
    positions = torch.zeros(len(rows), size, 3, dtype=torch.float64)
    for place, (_, atoms, points, _) in enumerate(rows):
        numbers[place, : len(atoms)] = torch.tensor(atoms)
        positions[place, : len(atoms)] = torch.tensor(points, dtype=torch.float64)
    targets = torch.tensor([row[3] for row in rows], dtype=torch.float64)
    return Molecules(
        numbers, positions.to(dtype), targets.to(dtype), QM9_TARGETS, torch.tensor([row[0] for row in rows])
    )


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    try:
        if path.is_dir():
            for file in sorted(path.glob("*.xyz")):
                _check_size(str(file), file.stat().st_size)
                yield str(file), file.read_text(encoding="utf-8")
            return
        with tarfile.open(path) as archive:
            for member in archive:
                if not member.name.endswith(".xyz") or not member.isreg():
                    continue
                # Before it is unpacked: a small archive may say of a member that it is as long as it likes.
                _check_size(f"{path}: {member.name}", member.size)
                held = archive.extractfile(member)
                if held is not None:
                    yield f"{path}: {member.name}", held.read().decode()
    except (OSError, tarfile.TarError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: cannot be read as a folder or archive of .xyz files: {error}") from error


def _check_size(name: str, size: int) -> None:
    if size > _LONGEST:
        raise DataError(f"{name}: {size} bytes; a molecule of this set has at most {_LONGEST}")


def _molecule(name: str, text: str) -> tuple[int, list[int], list[list[float]], list[float]]:
    lines = text.splitlines()
    try:
        count, head = int(lines[0]), lines[1].split()
        tag, index, values = head[0], int(head[1]), _numbers(head[5:17])
        rows = [line.split() for line in lines[2 : 2 + count]]
        numbers = [_ELEMENTS[row[0]] for row in rows]
        points = [_numbers(row[1:4]) for row in rows]
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(f"{name}: not one of QM9's files: {error!r}") from error
    whole = len(values) == len(_ON_DISK) and len(rows) == count and all(len(point) == 3 for point in points)
    if tag != "gdb" or not whole:
        raise DataError(f"{name}: not one of QM9's files: cut short, or without its line of properties")
    if not all(map(math.isfinite, chain(values, *points))):
        raise DataError(f"{name}: not one of QM9's files: NaN or infinity among its numbers")
    scaled = [value * (_HARTREE if key in _IN_HARTREE else 1.0) for key, value in zip(_ON_DISK, values, strict=True)]
    return index, numbers, points, scaled


def _numbers(words: Iterable[str]) -> list[float]:
    return [float(word.replace("*^", "e")) for word in words]  # as the program that wrote them prints small numbers


def _excluded(path: str | os.PathLike[str]) -> list[int]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    # Nine digits at most: the numbers of molecules, not of a hostile line.
    return [int(words[0]) for line in lines if (words := line.split()) and re.fullmatch("[0-9]{1,9}", words[0])]
