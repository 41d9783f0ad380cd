"""Pickles of plain containers and numeric arrays, read without running anything a stranger wrote."""

from __future__ import annotations

import math
import os
import pickle
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from haar.errors import DataError
from haar.received import check_file

_CORES = ("core", "_core")
_KINDS = re.compile(r"[fiub]\d{1,2}|O8?|[SU]\d{1,4}")
_DEEPEST = 100


def read_numbers(path: str | os.PathLike[str]) -> Any:
    """Read a pickle that holds containers, numbers, text and numeric arrays, and nothing else.

    A pickle may name any function and have it called. Here a file that names anything but the parts of a numeric array
    is refused before that happens, and what stands for these parts is not numpy's own: an array is as large as the
    numbers that the file holds for it. So it is safe to open one from the net.

    Args:
        path: Path of the pickled file.

    Returns:
        What was pickled.

    Raises:
        DataError: If the file is missing, is not a pickle, asks for more than numbers, or for more of them than it
            holds.

    Example:
        >>> import pickle, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "numbers.pkl"
        >>> _ = path.write_bytes(pickle.dumps(([1, 2], {"a": 0.5})))
        >>> read_numbers(path)
        ([1, 2], {'a': 0.5})
    """
    file = check_file(path)
    try:
        with file.open("rb") as stream:
            found = _NumbersOnly(stream).load()
        # References to references: a few hundred bytes may stand for more numbers than any memory has.
        return _Contents(8 * file.stat().st_size + 1000).of(found)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a broken pickle fails in any way it likes
        raise DataError(f"{path}: not a pickle of plain numbers: {error}") from error


class _Kind:
    """Stands for numpy's dtype."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str) or not _KINDS.fullmatch(name):
            raise pickle.UnpicklingError(f"asks for numbers of the kind {name!r:.40}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "=", "|"):
            raise pickle.UnpicklingError("a kind of numbers without its byte order")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy's array."""

    values: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, by_columns, held = state
        self.values = _filled(shape, kind, held, by_columns=bool(by_columns))


class _Named:
    """Stands for numpy's array class, which is named and never called."""


def _filled(shape: Any, kind: Any, held: Any, *, by_columns: bool) -> np.ndarray:
    """An array of as many values as there are, or none."""
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"an array of shape {shape!r:.60}")
    if not isinstance(kind, _Kind):
        raise pickle.UnpicklingError("an array without its kind of numbers")
    count = math.prod(shape)
    if kind.dtype.hasobject:
        if not isinstance(held, list) or len(held) != count:
            raise pickle.UnpicklingError(f"an array promises {count} entries, and holds others")
        made = _of_objects(held)
    else:
        if not isinstance(held, (bytes, bytearray)) or len(held) != count * kind.dtype.itemsize:
            raise pickle.UnpicklingError(f"an array promises {count} numbers, and holds others")
        made = np.frombuffer(bytearray(held), dtype=kind.dtype, count=count)
    return made.reshape(shape[::-1]).T if by_columns else made.reshape(shape)


def _of_objects(values: list[Any]) -> np.ndarray:
    made = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):  # one by one: numpy would take lists among them for further axes
        made[place] = value
    return made


def _begun(*_: Any) -> _Array:
    return _Array()


def _from_buffer(held: Any, kind: Any, shape: Any, order: Any) -> np.ndarray:
    return _filled(shape, kind, held, by_columns=order == "F")


def _scalar(kind: Any, held: Any) -> Any:
    return _filled((), kind, held, by_columns=False)[()]


def _bytes(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":  # how protocol 2 writes bytes
        raise pickle.UnpicklingError(f"asks for the encoding {encoding!r:.40}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


# What numpy writes for an array of numbers, under its old and new module names, and the bytes of protocol 2.
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Named,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _bytes,
    ("__builtin__", "bytes"): _no_bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _begun for core in _CORES},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in _CORES},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in _CORES},
}


class _NumbersOnly(pickle._Unpickler):  # type: ignore[name-defined,misc]  # noqa: SLF001
    """In Python: the compiled one makes a table as long as the largest number that a file gives a place."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return _ALLOWED[module, name]


class _Contents:
    """Containers with their arrays in them, and how much that is.

    Args:
        most: Values that they may hold in all, each counted wherever it stands.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._done: dict[int, tuple[Any, Any, int]] = {}
        self._open: set[int] = set()

    def of(self, found: Any) -> Any:
        """What was read, with arrays where they stand."""
        made, _ = self._made(found)
        return made

    def _made(self, found: Any) -> tuple[Any, int]:
        if found is None or isinstance(found, (bool, int, float, complex, str, bytes, bytearray, np.generic)):
            return found, 1
        if id(found) in self._done:
            return self._done[id(found)][1:]
        if id(found) in self._open or len(self._open) > _DEEPEST:
            raise pickle.UnpicklingError("containers within themselves")
        self._open.add(id(found))
        made, size = self._contents(found)
        self._open.discard(id(found))
        if size > self.most:
            raise pickle.UnpicklingError(f"it would unfold to more than {self.most} values")
        self._done[id(found)] = (found, made, size)  # found is kept, so that its id stays its own
        return made, size

    def _all(self, parts: Iterable[Any]) -> tuple[list[Any], int]:
        made = [self._made(part) for part in parts]
        return [value for value, _ in made], 1 + sum(size for _, size in made)

    def _contents(self, found: Any) -> tuple[Any, int]:
        if isinstance(found, _Array):
            if found.values is None:
                raise pickle.UnpicklingError("an array without numbers")
            found = found.values
        if isinstance(found, np.ndarray):
            if not found.dtype.hasobject:
                return found, found.size + 1
            values, size = self._all(found.flat)
            return _of_objects(values).reshape(found.shape), size
        if isinstance(found, dict):
            values, size = self._all(found.values())
            return dict(zip(found, values, strict=True)), size
        if type(found) in (list, tuple, set, frozenset):
            values, size = self._all(found)
            return type(found)(values), size
        raise pickle.UnpicklingError(f"holds a {type(found).__name__.strip('_').lower()}")
