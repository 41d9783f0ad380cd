"""Structures from files: whatever ASE reads, sets of NumPy arrays, graphs of PyTorch Geometric."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from haar.containers import named_parts
from haar.errors import ArgumentError, DataError, require
from haar.received import Archive, check_file

_LONGEST = 100  # characters of a line that holds one number
#: Names that sets of arrays and graphs have for one thing; the first is ASE's.
_NAMES = {
    "positions": ("positions", "pos", "R", "coords", "coordinates", "xyz"),
    "numbers": ("numbers", "z", "Z", "atomic_numbers", "nuclear_charges", "species", "charges"),
    "cell": ("cell", "cells", "lattice"),
    "pbc": ("pbc",),
    "energy": ("energy", "energies", "E", "y"),
    "forces": ("forces", "force", "F"),
}
_LABELS = ("energy", "forces")
_LARGEST_NUMBER = 118
#: Frames of a file that are looked through, to choose among.
_AT_ONCE = 4096


def read_structures(path: str | Path, *, most: int | None = None, argument: str = "FILE") -> list[Any]:
    """Structures as ``ase.Atoms``, with energies and forces where the file has them.

    Args:
        path: ``.npz`` with positions ``R`` or ``positions`` ``(n, atoms, 3)`` and atomic numbers ``z`` or ``numbers``
            ``(atoms,)``, as rMD17 has them, in Angstrom and eV; ``.pt`` with graphs of PyTorch Geometric that have
            ``pos`` and ``z``, of tensors alone; else any file that ASE reads, such as ``.xyz`` and ``.extxyz``.
        most: Read so many at most, spread evenly; of a file that ASE reads, among its first 4096.
        argument: What the caller calls the file, for messages.

    Raises:
        DataError: If the file is missing, damaged, or holds no structures.
        ArgumentError: If positions are missing or not finite.
        MissingExtraError: If ASE is not installed, or PyTorch Geometric for graphs.
    """
    file = check_file(path)
    if file.suffix == ".npz":
        structures = _of_arrays(file, most)
    elif file.suffix in (".pt", ".pth"):
        structures = _of_graphs(file, most)
    else:
        frames = read_frames(file, _AT_ONCE, argument)
        structures = [frames[k] for k in _spread(len(frames), most)]
    for number, one in enumerate(structures):
        positions = one.get_positions()
        if len(positions) == 0 or not np.isfinite(positions).all():
            got = "NaN or infinity" if len(positions) else "none"
            raise ArgumentError(argument, expected="atoms with finite coordinates", got=f"{got} in frame {number}")
    return structures


def read_frames(path: Path, most: int | None = None, argument: str = "FILE") -> list[Any]:
    """What ASE reads.

    Args:
        path: A file.
        most: Read so many frames at most.
        argument: What the caller calls the file.

    Raises:
        DataError: If ASE cannot read it.
        ArgumentError: If its name would be misread.
    """
    read = require("ase.io", "chemistry").iread
    frames_first = path.suffix.lower() in (".xyz", ".extxyz")
    if frames_first:
        _check_frames(path, most)
    elif "@" in str(path):  # it would be taken for the number of a frame
        raise ArgumentError(argument, expected="a name without @", got=repr(path.name), way_out="rename it")
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


def _of_arrays(path: Path, most: int | None) -> list[Any]:
    held = Archive(path)
    positions, numbers = _checked_places(path, held)
    count = len(positions)
    extra = {key: _given(held, key) for key in ("cell", "pbc", *_LABELS)}
    given = {key: _of_each(path, key, value, count) for key, value in extra.items() if value is not None}
    return [
        _atoms(path, positions[k], numbers[k], {key: np.asarray(values[k]) for key, values in given.items()})
        for k in _spread(count, most)
    ]


def _checked_places(path: Path, held: Archive) -> tuple[np.ndarray, np.ndarray]:
    """Positions ``(n, atoms, 3)`` and numbers ``(n, atoms)``."""
    positions, numbers = _wanted(path, held, "positions"), _wanted(path, held, "numbers")
    if positions.ndim == 2:
        positions = positions[None]
    if positions.ndim != 3 or positions.shape[2] != 3 or positions.dtype.kind not in "fiu" or 0 in positions.shape:
        raise DataError(
            f"{path}: expected positions (n, atoms, 3), got {positions.dtype} {tuple(positions.shape)}; "
            "write molecules of several sizes as .extxyz"
        )
    shape = positions.shape[:2]
    if numbers.shape not in (shape, shape[1:]):
        raise DataError(f"{path}: expected atomic numbers ({shape[1]},), got {tuple(numbers.shape)}")
    return positions, np.broadcast_to(numbers, shape)


def _of_each(path: Path, key: str, value: np.ndarray, count: int) -> np.ndarray:
    """The value of every structure, of what is given for each or, such as a cell, for all."""
    shared = key not in _LABELS and value.ndim <= (2 if key == "cell" else 1)
    if shared:
        return np.broadcast_to(value, (count, *value.shape))
    if len(value) != count:
        raise DataError(f"{path}: expected {key} of {count} structures, got {tuple(value.shape)}")
    return value


def _of_graphs(path: Path, most: int | None) -> list[Any]:
    """Graphs that `torch.save` wrote: one, a list of them, or what an `InMemoryDataset` keeps."""
    require("torch_geometric", "graphs")
    import torch

    try:
        with torch.serialization.safe_globals(_graph_classes()):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        brief = re.search(r"Unsupported[^.]*?(?=was not|\.|$)", str(error))
        told = " ".join(brief[0].split()) if brief else type(error).__name__
        raise DataError(f"{path}: no graphs of tensors alone ({told}); nothing is unpickled") from error
    graphs = [_parts(path, graph) for graph in _graphs_in(found)]
    return [
        _atoms(
            path,
            _number(path, graphs[k], "positions"),
            _number(path, graphs[k], "numbers").reshape(-1),
            {key: _number(path, graphs[k], key) for key in ("cell", "pbc", *_LABELS) if _key(graphs[k], key)},
        )
        for k in _spread(len(graphs), most)
    ]


def _graph_classes() -> list[Any]:
    """Classes that a file of graphs is made of: containers of tensors, which do nothing when they are filled."""
    data, storage = require("torch_geometric.data.data", "graphs"), require("torch_geometric.data.storage", "graphs")
    names = ((data, "Data"), (data, "DataEdgeAttr"), (data, "DataTensorAttr"), (storage, "GlobalStorage"))
    return [getattr(module, name) for module, name in names if hasattr(module, name)]


def _graphs_in(found: Any) -> list[Any]:
    if isinstance(found, tuple) and len(found) >= 2 and isinstance(found[1], Mapping):
        return _unjoined(found[0], found[1])
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _unjoined(joined: Any, slices: Mapping[str, Any]) -> list[Any]:
    """The graphs of a data set that keeps them joined, with the places where each begins."""
    parts = named_parts(joined) or (dict(joined) if isinstance(joined, Mapping) else {})
    held = {key: (parts[key], [int(at) for at in slices[key]]) for key in slices if key in parts}
    count = min((len(ends) - 1 for _, ends in held.values()), default=0)
    return [{key: value[ends[k] : ends[k + 1]] for key, (value, ends) in held.items()} for k in range(count)]


def _parts(path: Path, graph: Any) -> Mapping[str, Any]:
    parts = graph if isinstance(graph, Mapping) else named_parts(graph)
    if parts is None:
        raise DataError(f"{path}: expected graphs, got {type(graph).__name__}")
    return parts


def _key(held: Mapping[str, Any], name: str) -> str | None:
    return next((other for other in _NAMES[name] if held.get(other) is not None), None)


def _number(path: Path, graph: Mapping[str, Any], name: str) -> np.ndarray:
    key = _key(graph, name)
    if key is None:
        raise DataError(f"{path}: graphs without {name} ({' or '.join(_NAMES[name][:3])}); got {', '.join(graph)}")
    return np.asarray(graph[key])


def _given(held: Mapping[str, Any], name: str) -> np.ndarray | None:
    key = _key(held, name)
    return None if key is None else np.asarray(held[key])


def _wanted(path: Path, held: Mapping[str, Any], name: str) -> np.ndarray:
    found = _given(held, name)
    if found is None:
        raise DataError(f"{path}: no {name} ({', '.join(_NAMES[name])}); it holds {', '.join(sorted(held))}")
    return found


def _atoms(path: Path, positions: np.ndarray, numbers: np.ndarray, more: Mapping[str, np.ndarray]) -> Any:
    atoms, single = require("ase", "chemistry").Atoms, require("ase.calculators.singlepoint", "chemistry")
    whole = np.asarray(numbers)
    if whole.shape != positions.shape[:1] or not ((whole == np.round(whole)) & (whole > 0)).all():
        raise DataError(f"{path}: expected an atomic number for each of {len(positions)} atoms, got {whole.tolist()}")
    if whole.max() > _LARGEST_NUMBER:
        raise DataError(f"{path}: expected atomic numbers, got {int(whole.max())}")
    made = atoms(numbers=whole.astype(int), positions=np.asarray(positions, dtype=float))
    if "cell" in more:
        made.set_cell(np.asarray(more["cell"], dtype=float).reshape(-1, 3)[:3])
        made.set_pbc(np.asarray(more["pbc"]).reshape(-1)[:3] if "pbc" in more else True)
    results: dict[str, Any] = {}
    if "energy" in more and np.asarray(more["energy"]).size == 1:
        results["energy"] = float(np.asarray(more["energy"]).reshape(()))
    if "forces" in more and np.asarray(more["forces"]).shape == positions.shape:
        results["forces"] = np.asarray(more["forces"], dtype=float)
    if results:
        made.calc = single.SinglePointCalculator(made, **results)
    return made


def _spread(count: int, most: int | None) -> Sequence[int]:
    if most is None or most >= count:
        return range(count)
    return [int(k) for k in np.linspace(0, count - 1, most).round()]
