"""Zip archives as torch writes them, read strictly: entries are stored, named once, and lie inside the file."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase

from haar.errors import DataError

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
#: Bits of an entry's flags: its sizes follow it, its name is UTF-8. Encryption and patches have others.
_HARMLESS_FLAGS = 0x808
_MOST_ENTRIES = 100_000


def read_entries(file: BufferedIOBase, is_known: Callable[[str], None]) -> dict[str, bytes]:
    """Read every entry of an archive, with all claims checked against the file before memory is taken.

    Args:
        file: The archive, opened for reading.
        is_known: Called with each name, without the folder that holds all entries; raises for one that is not allowed.

    Returns:
        Contents by name, without that folder.

    Raises:
        DataError: If the archive is anything but entries as torch writes them, one behind the other.
    """
    size = file.seek(0, os.SEEK_END)
    with _named(), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        _check_names(entries)
        for entry in entries:
            is_known(_inside(entry))
        if archive.comment:
            raise DataError("a comment at its end, which torch does not write")
        _check_places(file, entries, min(archive.start_dir, size))
        return {_inside(entry): archive.read(entry) for entry in entries}


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, EOFError, struct.error, ValueError, UnicodeDecodeError) as error:
        raise DataError(f"no archive that can be read ({' '.join(str(error).split())})") from error


def _inside(entry: zipfile.ZipInfo) -> str:
    return entry.filename.partition("/")[2]


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    if not 0 < len(entries) <= _MOST_ENTRIES:
        raise DataError(f"expected 1 to {_MOST_ENTRIES} entries, got {len(entries)}")
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.filename
        if name != entry.orig_filename or not name.isprintable() or "\\" in name:
            raise DataError(f"{entry.orig_filename!r}: an entry whose name can be read in two ways")
        folder, _, rest = name.partition("/")
        if folder in ("", ".", "..") or not rest or any(part in ("", ".", "..") for part in rest.split("/")):
            raise DataError(f"{name!r}: an entry outside the archive's own folder")
        if folder != entries[0].filename.partition("/")[0]:
            raise DataError(f"{name!r}: entries in more than one folder")
        other = seen.setdefault(name.casefold(), name)
        if other is not name:
            raise DataError(f"{name}: the same name twice" + ("" if other == name else f" but for capitals ({other})"))


def _check_places(file: BufferedIOBase, entries: list[zipfile.ZipInfo], end: int) -> None:
    """Entries lie one behind the other before the directory, and their own headers say what the directory says."""
    reached = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        name = entry.filename
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise DataError(f"{name}: compressed or of two lengths; torch stores entries as they are")
        if entry.flag_bits & ~_HARMLESS_FLAGS:
            raise DataError(f"{name}: encrypted, or of a kind that torch does not write")
        if entry.header_offset < reached or (reached == 0 and entry.header_offset):
            raise DataError(f"{name}: overlaps another entry, or does not begin where the file begins")
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER.size)
        mark, _, flags, method, _, _, crc, packed, plain, name_length, extra = _LOCAL_HEADER.unpack(header)
        stored = file.read(name_length)
        told = (flags, method, stored.decode("utf-8" if flags & 0x800 else "cp437"))
        if mark != b"PK\x03\x04" or told != (entry.flag_bits, entry.compress_type, name):
            raise DataError(f"{name}: its own header says another thing than the directory")
        later = bool(flags & 0x8)  # the entry's numbers stand behind it, and may be 0 or cut here
        if not later and 0xFFFFFFFF not in (packed, plain) and (crc, packed, plain) != _numbers(entry):
            raise DataError(f"{name}: its own header has other numbers than the directory")
        reached = entry.header_offset + _LOCAL_HEADER.size + name_length + extra + entry.file_size
        if reached > end:
            raise DataError(f"{name}: promises {entry.file_size} bytes, more than the file holds")


def _numbers(entry: zipfile.ZipInfo) -> tuple[int, int, int]:
    return entry.CRC, entry.compress_size, entry.file_size
