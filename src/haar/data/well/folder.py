"""Where the files of a Well folder lie."""

from __future__ import annotations

from pathlib import Path

from haar.errors import DataError

SPLITS = ("train", "valid", "test")
SUFFIXES = (".hdf5", ".h5")


def find_files(path: Path, split: str | None) -> tuple[Path, ...]:
    """The HDF5 files of one split, sorted by name.

    Args:
        path: ``<root>`` with ``data/<split>/*.hdf5``, a folder of HDF5 files, or one file.
        split: Which split; None means ``"train"`` in a Well folder, and is the only choice for the other two.

    Raises:
        DataError: If there is nothing to read; the message says what there is.
    """
    if path.is_file():
        if split is not None:
            raise DataError(f"{path}: this is one file, it has no split {split!r}; leave it out")
        return (path,)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    here = _hdf5(path)
    if split is None and here:
        return here
    folder = path / "data" / (split or "train")
    if not folder.is_dir():
        there = [each for each in SPLITS if (path / "data" / each).is_dir()]
        found = (
            f"the splits here are {', '.join(there)}"
            if there
            else "a Well folder has data/train, data/valid, data/test"
        )
        raise DataError(f"{path}: there is no folder data/{folder.name}; {found}")
    files = _hdf5(folder)
    if not files:
        raise DataError(f"{folder}: there is no .hdf5 or .h5 file")
    return files


def find_statistics(path: Path) -> Path:
    """The ``stats.yaml`` that belongs to a Well folder, a split folder or a file in one.

    Raises:
        DataError: If there is none.
    """
    folder = (path.parent if path.is_file() else path).resolve()
    while True:
        if (folder / "stats.yaml").is_file():
            return folder / "stats.yaml"
        if folder.name not in (*SPLITS, "data"):
            break
        folder = folder.parent
    raise DataError(f"{path}: there is no stats.yaml; make one with haar.data.well.compute_statistics")


def _hdf5(folder: Path) -> tuple[Path, ...]:
    # A leading dot marks a file that is still being written.
    return tuple(sorted(f for f in folder.iterdir() if f.suffix in SUFFIXES and f.is_file() and f.name[0] != "."))
