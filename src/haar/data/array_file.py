"""Arrays by name in one file: NumPy's ``.npz``, or HDF5 of no particular format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from haar.errors import DataError
from haar.received import Archive

#: Names of files of HDF5.
HDF5 = (".h5", ".hdf5", ".hdf")
#: What a file in The Well's format has, if not all of it.
_WELL = ("dimensions", "boundary_conditions", "t0_fields", "t1_fields", "t2_fields")
#: What arrays are called, each under its usual names.
INPUTS, LABELS, CLUSTERS = ("x", "inputs", "input"), ("y", "labels", "targets"), ("clusters", "runs")

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


class Hdf5Arrays(Arrays):
    """The data sets of numbers in an HDF5 file, by their paths, each read when it is asked for.

    Args:
        path: The file; ``file.h5:u`` names the data set of inputs, ``file.h5:u,v`` those of inputs and labels too, and
            a third one that of trajectories: then there are these alone, as ``x``, ``y`` and ``clusters``.

    Raises:
        DataError: If it is no HDF5 file, reaches into another one, or holds no such data set.
    """

    def __init__(self, path: Path) -> None:
        from haar.data.well.opening import open_hdf5

        self.path, named = _divided(path)
        with open_hdf5(self.path) as file:
            self._shapes = _shapes(file)
        self._places = {name: name for name in self._shapes}
        if named:
            if len(named) > 3:
                raise DataError(f"{path}: expected at most inputs, labels and trajectories, got {len(named)} names")
            for name in named:
                if name not in self._places:
                    raise DataError(f"{self.path}: no data set {name}; it holds {self.told()}")
            self._places = dict(zip(("x", "y", "clusters"), named, strict=False))

    def __getitem__(self, name: str) -> Shaped[np.ndarray, "..."]:
        """One array.

        Raises:
            KeyError: If there is no such data set.
            DataError: If it is damaged.
        """
        from haar.data.well.opening import guarded, open_hdf5

        place = self._places[name]
        with open_hdf5(self.path, seen=True) as file, guarded(self.path, f"reading {place}"):
            return np.asarray(file[place][()])

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self._places)

    def told(self) -> str:
        """Names and shapes of all data sets of numbers, for messages."""
        told = [f"{name} {shape}" for name, shape in sorted(self._shapes.items())]
        return ", ".join(told[:12]) + (", ..." if len(told) > 12 else "") or "no data set of numbers"


def holds_arrays(path: Path) -> bool:
    """Whether a file holds arrays by name: ``.npz``, or HDF5 that is not in The Well's format.

    Args:
        path: As given: it may name data sets, ``file.h5:u,v``.

    Raises:
        DataError: If it is called HDF5 and is damaged.
    """
    file, named = _divided(path)
    if named or file.suffix.lower() == ".npz":
        return True
    if file.suffix.lower() not in HDF5 or not file.is_file():
        return False
    from haar.data.well.opening import open_hdf5

    with open_hdf5(file) as held:
        return not any(part in held for part in _WELL) and "grid_type" not in held.attrs


def arrays_of(path: Path) -> Arrays:
    """The arrays of a file by name.

    Args:
        path: A file that `holds_arrays`.

    Raises:
        DataError: If it cannot be read.
    """
    return Archive(path) if path.suffix.lower() == ".npz" else Hdf5Arrays(path)


def array_named(path: Path, held: Arrays, names: Sequence[str]) -> Shaped[np.ndarray, "..."]:
    """The first array that there is of some names.

    Args:
        path: The file, for messages.
        held: Its arrays.
        names: Names, the usual one first.

    Raises:
        DataError: If there is none.
    """
    found = next((name for name in names if name in held), None)
    if found is not None:
        return held[found]
    others = f" ({', '.join(names)})" if len(names) > 1 else ""
    wanted = f"{path}: no {names[0]}{others}; it holds "
    if isinstance(held, Hdf5Arrays):
        some = ",".join(list(held)[:2]) or "inputs,labels"
        raise DataError(f"{wanted}{held.told()}; name inputs and labels after a colon, as in {held.path}:{some}")
    raise DataError(f"{wanted}{', '.join(sorted(held)) or 'nothing'}")


def _divided(path: Path) -> tuple[Path, tuple[str, ...]]:
    """A file, and the data sets that are named behind a colon."""
    text = str(path)
    place, colon, names = text.rpartition(":")
    if not colon or Path(place).suffix.lower() not in HDF5 or path.exists():
        return path, ()
    return Path(place), tuple(name.strip().strip("/") for name in names.split(","))


def _shapes(file: object) -> dict[str, tuple[int, ...]]:
    """Shapes of all data sets of numbers, by their paths."""
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def seen(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "fiub":  # type: ignore[attr-defined]
            found[name] = tuple(item.shape)

    file.visititems(seen)  # type: ignore[attr-defined]
    return found
