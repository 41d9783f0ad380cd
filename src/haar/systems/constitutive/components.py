"""Files of strains and stresses: CSV and NPZ with named components, measured curves, units, paths."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import DataError, ShapeError
from haar.files import atomic_path
from haar.systems.constitutive.column_names import (
    UNITS,  # noqa: F401 (where it was first)
    Component,
    components_of,
    is_component,
)
from haar.systems.constitutive.notation import (
    FileNotation,
    Notation,
    components_to_mandel,
    mandel_to_components,
    named_notation,
)

#: Strains beyond this are percents that were taken for strains.
LARGEST_STRAIN = 3.0


@dataclass(frozen=True)
class Measured:
    """Strains and stresses in Mandel's coordinates.

    Attributes:
        strain: One row a sample, or (paths, steps, n) where the file has a column ``path``.
        stress: Their stresses, in pascals where units were given, else as they stand.
        notation: How the file wrote them.
        raw: Both as they were written, in the notation's order, before any conversion (units apart).
    """

    strain: Float[Tensor, "*rows n"]
    stress: Float[Tensor, "*rows n"]
    notation: FileNotation
    raw: tuple[Tensor, Tensor]

    @property
    def dim(self) -> int:
        """2 or 3."""
        return 2 if self.strain.shape[-1] == 3 else 3


def read_components(path: Path, *, notation: str | None = None) -> Measured:
    """Read strains and stresses.

    Columns (CSV) or arrays (NPZ) are named by component: ``e11 ... e12`` or ``eps_xx``, ``gamma_xy`` (engineering
    shear), ``s11`` or ``sigma_xx``, with a unit in brackets (``s11 [MPa]``); a column ``path`` numbers strain paths.
    Numbered ones (``e1 ... e6``, ``stress_4``) stand in the order that `notation` says, and are refused without it.
    Or an NPZ holds ``strain`` and ``stress``: symmetric tensors on the last two axes, or components on the last axis in
    the order that `notation` says.

    Args:
        path: A .csv or .npz file.
        notation: See `named_notation`. Named components need it for their shear alone; without it, and without
            ``gamma`` in a name, the file is refused: nobody can tell twice a shear from a shear.

    Raises:
        DataError: In one line, if something is missing, not finite, in percent, or not said.
    """
    told, path = None if notation is None else named_notation(notation), Path(path)
    if path.suffix == ".npz":
        columns = _arrays(path)
        if {"strain", "stress"} <= set(columns):
            return _unnamed(path, columns, told)
    elif path.suffix == ".csv":
        columns = _csv(path)
    else:
        raise DataError(f"{path}: expected a .csv or .npz file, got {path.suffix or 'no ending'}")
    return _named(path, columns, told)


def write_components(
    path: Path, strain: Float[Tensor, "rows n"], stress: Float[Tensor, "rows n"], notation: str = "voigt"
) -> None:
    """Write strains and stresses in Mandel's coordinates as a CSV file with named components.

    Args:
        path: A .csv file.
        strain: One row a sample.
        stress: Their stresses.
        notation: Order, and shear of strain; an engineering one is named gamma.
    """
    told, path = named_notation(notation), Path(path)
    strain, stress = torch.as_tensor(strain), torch.as_tensor(stress)
    if strain.ndim != 2 or strain.shape != stress.shape:
        got = tuple(stress.shape)
        raise ShapeError("stress", expected=f"one row for each strain, {tuple(strain.shape)}", got=got)
    dim = 2 if strain.shape[-1] == 3 else 3
    head = [
        _column("gamma" if told.strain.shear == "engineering" and i != j else "e", i, j)
        for i, j in told.strain.pairs(dim)
    ]
    head += [_column("s", i, j) for i, j in told.stress.pairs(dim)]
    rows = torch.cat([mandel_to_components(strain, told.strain), mandel_to_components(stress, told.stress)], -1)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows([[repr(v) for v in row] for row in rows.tolist()])


def _column(prefix: str, i: int, j: int) -> str:
    return f"{prefix}{i + 1}{j + 1}"


def _csv(path: Path) -> dict[str, np.ndarray]:
    head, rows = _rows(path)
    double = next((name for name in head if head.count(name) > 1), None)
    if double is not None:
        raise DataError(f"{path}: two columns are called {double}")
    read = {name: _numbers(path, name, [row[k] for row in rows]) for k, name in enumerate(head)}
    return {name: values for name, values in read.items() if values is not None}


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header, and rows as long as it is."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
        first = text.partition("\n")[0]
        mark = next((mark for mark in ",;\t" if mark in first), ",")
        rows = [row for row in csv.reader(text.splitlines(), delimiter=mark) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if len(rows) < 2:
        raise DataError(f"{path}: expected a header and rows, got {len(rows)} line{'s' if len(rows) != 1 else ''}")
    head = [name.strip() for name in rows[0]]
    uneven = next((k for k, row in enumerate(rows) if len(row) != len(head)), None)
    if uneven is not None:
        raise DataError(f"{path}: line {uneven + 1} has {len(rows[uneven])} fields, the header {len(head)}")
    return head, rows[1:]


def _numbers(path: Path, name: str, words: list[str]) -> np.ndarray | None:
    """A column's numbers; None for a column of something else that nobody asks for."""
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        if is_component(name) or name.lower() == "path":
            raise DataError(f"{path}: column {name} holds what is no number ({error})") from error
        return None


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name], dtype=np.float64) for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, TypeError) as error:
        raise DataError(f"{path}: cannot be read as numbers ({error})") from error


def _unnamed(path: Path, arrays: Mapping[str, np.ndarray], told: FileNotation | None) -> Measured:
    tensors = [_symmetric(path, name, arrays[name]) for name in ("strain", "stress")]
    if tensors[0] is not None and tensors[1] is not None:
        written = FileNotation(Notation("voigt", "tensor"), Notation("voigt", "tensor"))
        return _measured(path, tensors[0], tensors[1], written)
    if told is None:
        raise DataError(f"{path}: components are not named; say --notation (voigt, mandel, abaqus-tensor, ...)")
    strain, stress = (torch.from_numpy(arrays[name].copy()) for name in ("strain", "stress"))
    if strain.shape != stress.shape or strain.ndim < 2 or strain.shape[-1] not in (3, 6):
        got = f"{tuple(strain.shape)} and {tuple(stress.shape)}"
        raise DataError(f"{path}: expected strain and stress of one shape (..., 3 or 6), got {got}")
    return _measured(path, strain, stress, told)


def _symmetric(path: Path, name: str, values: np.ndarray) -> Tensor | None:
    """Components of symmetric 2 x 2 or 3 x 3 tensors on the last axes; None of what is none.

    Raises:
        DataError: Of 2 x 2 matrices that are not symmetric, which nothing else is.
    """
    if values.ndim < 3 or values.shape[-1] not in (2, 3) or values.shape[-2] != values.shape[-1]:
        return None
    if not np.allclose(values, np.swapaxes(values, -1, -2), rtol=1e-6, atol=1e-9 * float(np.abs(values).max())):
        if values.shape[-1] == 2:
            raise DataError(f"{path}: {name}: expected symmetric tensors, got matrices that are not")
        return None
    pairs = Notation("voigt", "tensor").pairs(values.shape[-1])
    return torch.from_numpy(np.stack([values[..., i, j] for i, j in pairs], -1))


def _named(path: Path, columns: Mapping[str, np.ndarray], told: FileNotation | None) -> Measured:
    said, numbered = components_of(path, list(columns), told)
    found = _gathered(path, columns, said)
    _check_alike(path, found, said)
    dim = _complete(path, found, list(columns))
    doubled = {one.engineering for one in said.values() if one.kind == "strain" and one.pair[0] != one.pair[1]}
    if len(doubled) > 1:
        raise DataError(f"{path}: some shear strains are called gamma (engineering) and some not; write all one way")
    shear = {"strain": _shear(path, doubled.pop(), told), "stress": "tensor" if told is None else told.stress.shear}
    strain_in, stress_in = (_written_in(kind, shear[kind], numbered, told) for kind in ("strain", "stress"))
    strain, stress = (
        torch.from_numpy(np.stack([found[kind][pair] for pair in written.pairs(dim)], -1))
        for kind, written in (("strain", strain_in), ("stress", stress_in))
    )
    numbers = next((values for name, values in columns.items() if name.lower() == "path"), None)
    if numbers is not None:
        strain, stress = (_in_paths(path, one, numbers) for one in (strain, stress))
    return _measured(path, strain, stress, FileNotation(strain_in, stress_in))


def _written_in(kind: str, shear: str, numbered: frozenset[str], told: FileNotation | None) -> Notation:
    """Of named components any order; numbers stand in the file's own, in which a wrong one can be told."""
    if kind not in numbered or told is None:
        return Notation("voigt", shear)
    return Notation((told.strain if kind == "strain" else told.stress).order, shear)


def _gathered(
    path: Path, columns: Mapping[str, np.ndarray], said: Mapping[str, Component]
) -> dict[str, dict[tuple[int, ...], np.ndarray]]:
    """Strains and stresses by component, in their units."""
    found: dict[str, dict[tuple[int, ...], np.ndarray]] = {"strain": {}, "stress": {}}
    for name, one in said.items():
        if one.pair in found[one.kind]:
            raise DataError(f"{path}: {one.kind} {one.pair[0] + 1}{one.pair[1] + 1} stands there twice")
        found[one.kind][one.pair] = columns[name] * one.factor
    return found


def _check_alike(
    path: Path, found: Mapping[str, Mapping[tuple[int, ...], np.ndarray]], said: Mapping[str, Component]
) -> None:
    """Refuse components of which some have a unit and some not, or of several lengths."""
    for kind in found:
        if len({one.has_unit for one in said.values() if one.kind == kind}) > 1:
            raise DataError(f"{path}: some columns of {kind} have a unit and some not; write it for all of them")
    shapes = {values.shape for parts in found.values() for values in parts.values()}
    if len(shapes) > 1 or () in shapes:
        raise DataError(f"{path}: expected components of one length, got {sorted(shapes)}")


def _complete(path: Path, found: Mapping[str, Mapping[tuple[int, ...], np.ndarray]], columns: Sequence[str]) -> int:
    """2 for components of the plane, 3 if a third axis is named; all of them are there."""
    dim = 3 if any(2 in pair for each in found.values() for pair in each) else 2
    order = Notation().pairs(dim)
    for kind, parts in found.items():
        missing = [f"{i + 1}{j + 1}" for i, j in order if (i, j) not in parts]
        if missing:
            others = [name for name in columns if not is_component(name)]
            beside = f" (not understood: {', '.join(others[:4])})" if others else ""
            known = "columns are named such as e11, gamma12, s23"
            raise DataError(f"{path}: no {kind} {', '.join(missing)}; {known}{beside}")
    return dim


def _shear(path: Path, engineering: bool, told: FileNotation | None) -> str:  # noqa: FBT001 (a fact of the file)
    """What stands for a shear strain: by name, or as it is told."""
    if engineering:
        if told is not None and told.strain.shear != "engineering":
            raise DataError(
                f"{path}: shear strains are called gamma (engineering), --notation says {told.strain.shear}"
            )
        return "engineering"
    if told is None:
        raise DataError(
            f"{path}: nothing says whether shear strains are tensor or engineering; name them gamma12, or say "
            "--notation voigt (engineering), voigt-tensor or mandel"
        )
    return told.strain.shear


def _in_paths(path: Path, values: Tensor, numbers: np.ndarray) -> Tensor:
    """Rows as paths of equal length, in the file's order."""
    changes = np.flatnonzero(np.diff(numbers)) + 1
    starts, ends = [0, *changes], [*changes, len(numbers)]
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    if len({int(numbers[k]) for k in starts}) != len(starts):
        raise DataError(f"{path}: rows of one path do not stand together")
    if len(set(lengths)) > 1:
        k = next(k for k, n in enumerate(lengths) if n != lengths[0])
        number = int(numbers[starts[k]])
        raise DataError(
            f"{path}: path {number} has {lengths[k]} increments, the first {lengths[0]}: an incomplete path"
        )
    paths: Tensor = values.unflatten(0, (len(lengths), lengths[0]))
    return paths


def _measured(path: Path, strain: Tensor, stress: Tensor, notation: FileNotation) -> Measured:
    if not strain.numel():
        raise DataError(f"{path}: expected at least one sample, got none")
    for name, values in (("strain", strain), ("stress", stress)):
        bad = ~values.isfinite()
        if bool(bad.any()):
            row = int(bad.reshape(-1, bad.shape[-1]).any(-1).nonzero()[0])
            raise DataError(f"{path}: {name} of row {row + 1} is NaN or infinite ({int(bad.sum())} numbers are)")
    largest = float(strain.abs().max())
    if largest > LARGEST_STRAIN:
        raise DataError(f"{path}: strains up to {largest:.3g}: percent, or microstrain? say so in the header: e11 [%]")
    if largest == 0 or float(stress.abs().max()) == 0:
        raise DataError(f"{path}: all {'strains' if largest == 0 else 'stresses'} are zero")
    x, y = components_to_mandel(strain, notation.strain), components_to_mandel(stress, notation.stress)
    return Measured(x, y, notation, (strain, stress))


def check_cycles(strain: Float[Tensor, "paths steps n"], *, tolerance: float = 1e-6) -> None:
    """Refuse strain paths that do not come back to where they began.

    Args:
        strain: Paths, first and last increment included.
        tolerance: Over the path's largest strain.

    Raises:
        DataError: Naming the first one that is open.
    """
    if strain.ndim != 3:
        raise DataError(f"strain: expected paths [paths, steps, components], got {tuple(strain.shape)}")
    gap = (strain[:, -1] - strain[:, 0]).norm(dim=-1) / strain.norm(dim=-1).amax(-1).clamp(min=1e-300)
    if bool((gap > tolerance).any()):
        k = int((gap > tolerance).nonzero()[0])
        raise DataError(f"strain: expected closed cycles, got path {k} that ends {float(gap[k]):.1%} of its size away")


def names(dim: int, order: Sequence[tuple[int, int]] | None = None) -> list[str]:
    """Names of the components, such as 11, 22, 12."""
    return [f"{i + 1}{j + 1}" for i, j in order or Notation().pairs(dim)]
