"""Several arrays in one file: NumPy's ``.npz``."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase
from typing import cast

from jaxtyping import Shaped
from numpy import ndarray

from haar.errors import DataError, HaarError
from haar.received.array import read_stream
from haar.received.claim import check_claim, check_file


class Archive(Mapping[str, Shaped[ndarray, "..."]]):
    """A ``.npz`` file of plain arrays, each read when it is asked for; pickled objects are refused.

    Args:
        path: Path of the file.

    Raises:
        DataError: If it is missing, is no such file, names an entry twice, holds anything but arrays, or promises more
            than it holds.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = check_file(path)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        with self._opened() as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                if name in self._entries:
                    raise DataError(f"{path}: the entry {name} is there twice")
                self._entries[name] = entry
        if sum(entry.compress_size for entry in self._entries.values()) > self.path.stat().st_size:
            raise DataError(f"{path}: its entries promise more bytes than the file has")
        for entry in self._entries.values():
            self._check(entry)

    def __getitem__(self, name: str) -> Shaped[ndarray, "..."]:
        """One array.

        Raises:
            KeyError: If there is no such entry.
            DataError: If it is damaged, or no array of plain values.
        """
        entry = self._entries[name]
        with self._opened() as archive, archive.open(entry) as stream:
            # What zipfile opens is buffered, though its annotation says less.
            return read_stream(cast("BufferedIOBase", stream), f"{self.path}: {entry.filename}", entry.file_size)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._entries)

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self._entries)

    def _check(self, entry: zipfile.ZipInfo) -> None:
        what = f"{self.path}: {entry.filename}"
        if not entry.filename.endswith(".npy"):
            raise DataError(f"{what}: expected an array (.npy)")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{what}: packed in a way that NumPy does not write")
        packed = entry.compress_type == zipfile.ZIP_DEFLATED
        check_claim(what, entry.file_size, entry.compress_size, packed=packed)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except HaarError:
            raise
        except Exception as error:  # a damaged archive fails in any way it likes
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
            raise DataError(f"{self.path}: not a .npz archive of arrays ({reason})") from error
