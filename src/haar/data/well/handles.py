"""Open files, a few at a time, never shared between processes."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import h5py

from haar.data.well.opening import open_hdf5
from haar.errors import ArgumentError


class OpenFiles:
    """Keeps the files that were read last open, and opens them anew in every process.

    An HDF5 handle must not cross a fork or a pickle, so a copy that arrives in a worker of a `DataLoader` starts with
    none.

    Args:
        limit: Number of files may be open at a time.

    Raises:
        ArgumentError: If `limit` is below 1.
    """

    def __init__(self, limit: int = 8) -> None:
        if limit < 1:
            raise ArgumentError("limit", expected="at least 1 open file", got=limit)
        self.limit = limit
        self._process = os.getpid()
        self._open: OrderedDict[str, h5py.File] = OrderedDict()
        self._datasets: dict[str, dict[str, h5py.Dataset]] = {}
        # Files that were looked through: with more of them than may be open, each is opened again and again.
        self._seen: dict[str, tuple[int, ...] | None] = {}

    def dataset(self, path: str, name: str) -> h5py.Dataset:
        """A data set of a file, looked up once while the file is open.

        Raises:
            DataError: If the file cannot be opened.
            KeyError: If there is no such data set.
        """
        file = self.get(path)
        there = self._datasets[path]
        if name not in there:
            there[name] = file[name]
        return there[name]

    def get(self, path: str) -> h5py.File:
        """The open file.

        Raises:
            DataError: If it cannot be opened.
        """
        if self._process != os.getpid():
            self._open, self._datasets, self._process = OrderedDict(), {}, os.getpid()
        if path not in self._open:
            stamp = _stamp(path)
            self._open[path] = open_hdf5(path, seen=stamp is not None and self._seen.get(path) == stamp)
            self._datasets[path], self._seen[path] = {}, stamp
        self._open.move_to_end(path)
        while len(self._open) > self.limit:
            oldest, file = self._open.popitem(last=False)
            del self._datasets[oldest]
            file.close()
        return self._open[path]

    def close(self) -> None:
        """Close every file that this process opened; the next `get` opens it again."""
        if self._process == os.getpid():
            for file in self._open.values():
                file.close()
        self._open.clear()
        self._datasets.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {"limit": self.limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["limit"])  # type: ignore[misc]


def _stamp(path: str) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written; None where there is none."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
