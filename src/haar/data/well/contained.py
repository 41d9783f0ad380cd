"""An HDF5 file that stands for itself: it reaches into no other file, and holds as much as it says."""

from __future__ import annotations

import math
import os

import h5py
from h5py import h5d, h5g, h5i, h5l, h5o, h5p, h5s  # type: ignore[attr-defined]

from haar.errors import DataError
from haar.received import check_claim
from haar.received.claim import SMALL

#: Bytes of the largest chunk that is unpacked, in a file that is smaller than it.
LARGEST_CHUNK = 1 << 28
#: Most objects that are looked at; a data set has some twenty.
MOST_OBJECTS = 100_000
# What HDF5 brings itself: deflate, shuffle, fletcher32, szip, nbit, scaleoffset; and h5py's lzf.
_FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf"}
_PACKING = frozenset({1, 4, 5, 6, 32000})


def check_contained(file: h5py.File, path: str | os.PathLike[str]) -> None:
    """Refuse a file that reaches outside itself, or whose data sets promise more than it holds.

    Nothing but the structure is read.

    Args:
        file: The open file.
        path: Path of the file, for messages.

    Raises:
        DataError: Naming the link or data set: an external link, a virtual data set, raw storage in another file, a
            part that was never written (it would be read as zeros), or contents that only fill the memory.
    """
    where = str(path)
    groups, seen = [file.id], {_place(file.id)}
    soft: list[tuple[h5g.GroupID, bytes, str]] = []
    stored = file_size(file)
    while groups:
        group = groups.pop()
        parent = (h5i.get_name(group) or b"").decode(errors="backslashreplace")
        for name in group:
            title = f"{parent.rstrip('/')}/{name.decode(errors='backslashreplace')}"
            kind = group.links.get_info(name).type
            if kind == h5l.TYPE_EXTERNAL:
                target = b" in ".join(reversed(group.links.get_val(name))).decode(errors="backslashreplace")
                raise DataError(f"{where}: {title} is a link into another file ({target}); only one file is read")
            if kind == h5l.TYPE_SOFT:
                soft.append((group, name, title))
                continue  # what it names is found at its own place
            if kind != h5l.TYPE_HARD:
                raise DataError(f"{where}: {title} is a link of a kind that HDF5 does not define")
            found = h5o.open(group, name)
            place = _place(found)
            if place in seen:
                continue
            seen.add(place)
            if len(seen) > MOST_OBJECTS:
                raise DataError(f"{where}: more than {MOST_OBJECTS} objects")
            if isinstance(found, h5g.GroupID):
                groups.append(found)
            elif isinstance(found, h5d.DatasetID):
                _check_dataset(found, f"{where}: {title}", stored)
    # Only now, when no link is left that a soft one could follow into another file.
    for group, name, title in soft:
        _check_soft(group, name, title, where)


def check_whole(dataset: h5py.Dataset, path: str) -> None:
    """Refuse to read as a whole what is much larger than the file that holds it.

    Args:
        dataset: Times, coordinates or a mask.
        path: The file, for the message.

    Raises:
        DataError: If it unpacks to more than 64 MiB, and more than the file has.
    """
    size = file_size(dataset.file)
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    if claimed > max(SMALL, size):
        raise DataError(f"{path}: {dataset.name} promises {claimed} bytes, in a file of {size}")


def file_size(file: h5py.File) -> int:
    """Bytes of an open file."""
    return os.fstat(file.id.get_vfd_handle()).st_size


def _place(found: h5g.GroupID | h5d.DatasetID) -> int:
    return int(h5o.get_info(found).addr)


def _check_soft(group: h5g.GroupID, name: bytes, title: str, where: str) -> None:
    target = group.links.get_val(name).decode(errors="backslashreplace")
    try:
        there = group.links.exists(name) and h5o.exists_by_name(group, name)
    except (RuntimeError, KeyError, ValueError):
        there = False
    if not there:
        raise DataError(f"{where}: {title} is a link to {target}, which is not in this file")


def _check_dataset(found: h5d.DatasetID, what: str, stored: int) -> None:
    plan = found.get_create_plist()
    layout = plan.get_layout()
    if layout == h5d.VIRTUAL:
        raise DataError(f"{what} is a virtual data set, made of parts of other files; copy its values into one file")
    if plan.get_external_count():
        raise DataError(f"{what} keeps its values in another file (raw external storage); copy them into one file")
    space = found.get_space()
    if space.get_simple_extent_type() != h5s.SIMPLE or layout == h5d.COMPACT:
        return  # one value, or what the header itself holds
    claimed = math.prod(found.shape) * found.get_type().get_size()
    if not claimed:
        return
    held = int(found.get_storage_size())
    if layout == h5d.CHUNKED:
        _check_chunks(found, plan, what, stored)
    elif held == 0:
        raise DataError(f"{what}: its values were never written, and would be read as zeros")
    packed = layout == h5d.CHUNKED and any(code not in (2, 3) for code in _filters(plan))
    # The last chunk along an axis reaches beyond the data: what is stored may be more than what is read.
    check_claim(what, claimed, min(held, stored), packed=packed)


def _filters(plan: h5p.PropDCID) -> list[int]:
    return [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]


def _check_chunks(found: h5d.DatasetID, plan: h5p.PropDCID, what: str, stored: int) -> None:
    """Refuse chunks that are not all there, packed in layers, or larger than any memory."""
    chunk, size = plan.get_chunk(), found.get_type().get_size()
    chunks = math.prod(-(-length // step) for length, step in zip(found.shape, chunk, strict=True))
    written = int(found.get_num_chunks())
    if written < chunks:
        raise DataError(
            f"{what}: {chunks - written} of its {chunks} parts were never written, and would be read as zeros"
        )
    filters = _filters(plan)
    if len([code for code in filters if code in _PACKING]) > 1:
        raise DataError(f"{what}: packed more than once ({', '.join(_FILTERS.get(c, str(c)) for c in filters)})")
    if math.prod(chunk) * size > max(LARGEST_CHUNK, stored):
        raise DataError(f"{what}: chunks of {math.prod(chunk) * size} bytes, in a file of {stored}")
