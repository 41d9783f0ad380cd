"""Archives of strangers: every claim is checked against the file, and no name can be read in two ways."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
import torch

from haar.errors import DataError
from haar.programs.archive import read_entries

CONTENTS = {"one": b"first", "folder/two": b"second, longer", "three": b""}


def archive(contents=(), *, folder="model/", compression=zipfile.ZIP_STORED, comment=b"", more=()):
    """An archive as bytes, of entries that are right; `more` are pairs of full names and contents."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", compression) as file:
        for name, content in [*((folder + name, content) for name, content in dict(contents).items()), *more]:
            file.writestr(name, content)
        file.comment = comment
    return stored.getvalue()


def changed(raw, entry, *, local=None, central=None):
    """The same archive with fields of one entry's two headers overwritten: {offset: bytes}."""
    made = bytearray(raw)
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        start, infos = file.start_dir, file.infolist()
    for offset, content in (local or {}).items():
        at = infos[entry].header_offset + offset
        made[at : at + len(content)] = content
    at = start
    for info in infos[:entry]:
        at += 46 + len(info.orig_filename) + len(info.extra) + len(info.comment)
    for offset, content in (central or {}).items():
        made[at + offset : at + offset + len(content)] = content
    return bytes(made)


def read(raw):
    return read_entries(io.BytesIO(raw), lambda _: None)


def refused(raw, message):
    with pytest.raises(DataError, match=message):
        read(raw)


def test_contents_come_under_their_names():
    assert read(archive(CONTENTS)) == CONTENTS


def test_what_torch_writes_is_read():
    stored = io.BytesIO()
    torch.save({"x": torch.arange(3.0)}, stored)
    assert torch.frombuffer(bytearray(read(stored.getvalue())["data/0"]), dtype=torch.float32).tolist() == [0, 1, 2]


def test_every_name_is_shown_before_anything_is_read():
    names = []
    read_entries(io.BytesIO(archive(CONTENTS)), names.append)
    assert names == list(CONTENTS)

    def refuse(name):
        raise DataError(name)

    with pytest.raises(DataError, match="one"):
        read_entries(io.BytesIO(changed(archive(CONTENTS), 0, central={16: b"\0\0\0\0"})), refuse)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model/ONE", r"model/ONE: the same name twice but for capitals \(model/one\)"),
        ("Model/x", "entries in more than one folder"),
        ("other/x", "entries in more than one folder"),
        ("x", "outside the archive's own folder"),
        ("/etc/passwd", "outside the archive's own folder"),
        ("model/../../x", "outside the archive's own folder"),
        ("model//x", "outside the archive's own folder"),
        ("model/folder/", "outside the archive's own folder"),
        ("model/a\\b", "can be read in two ways"),
        ("model/a\nb", "can be read in two ways"),
        ("model/a\u202eb", "can be read in two ways"),
    ],
)
def test_names_with_two_readings_are_refused(name, message):
    refused(archive(CONTENTS, more=[(name, b"x")]), message)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused():
    refused(archive(CONTENTS, more=[("model/one", b"again")]), "model/one: the same name twice")


def test_a_name_that_ends_early_for_some_readers_is_refused():
    raw = archive({"one": b"x", "evil?x": b"y"})
    raw = changed(raw, 1, local={30 + len("model/evil"): b"\0"}, central={46 + len("model/evil"): b"\0"})
    refused(raw, "can be read in two ways")


def test_headers_that_disagree_are_refused():
    raw = archive(CONTENTS)
    for local in ({30: b"M"}, {8: struct.pack("<H", 8)}, {6: struct.pack("<H", 0x800)}, {0: b"PK\5\6"}):
        refused(changed(raw, 0, local=local), r"model/one: its own header says another thing than the directory")
    for local in ({18: struct.pack("<L", 6)}, {22: struct.pack("<L", 6)}, {14: b"\0\0\0\0"}):
        refused(changed(raw, 0, local=local), r"model/one: its own header has other numbers than the directory")


def test_entries_that_promise_more_than_the_file_holds_are_refused():
    huge = struct.pack("<2L", 0xFFFFFFF0, 0xFFFFFFF0)
    raw = changed(archive(CONTENTS), 1, central={20: huge}, local={18: huge})
    refused(raw, "model/folder/two: promises 4294967280 bytes, more than the file holds")
    raw = archive({"only": b"x"})
    size = struct.pack("<2L", len(raw), len(raw))
    refused(changed(raw, 0, central={20: size}, local={18: size}), "more than the file holds")


def test_terabytes_that_an_extended_header_promises_are_refused():
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as file, file.open("model/one", "w", force_zip64=True) as entry:
        entry.write(b"first")
    raw = bytearray(stored.getvalue())
    extra = struct.pack("<2H2Q", 1, 16, 2**42, 2**42)
    start = raw.index(b"PK\1\2")
    end = raw.index(b"PK\5\6")
    raw[start + 20 : start + 28] = b"\xff" * 8
    raw[start + 30 : start + 32] = struct.pack("<H", len(extra))
    raw[end + 12 : end + 16] = struct.pack("<L", end - start + len(extra))
    raw[end:end] = extra
    refused(bytes(raw), "model/one: promises 4398046511104 bytes, more than the file holds")


def test_entries_that_overlap_are_refused():
    raw = archive({"one": b"first", "two": b"first"})
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        second = file.infolist()[1].header_offset
    refused(changed(raw, 1, central={42: struct.pack("<L", 0), 46: b"model/one"}), "the same name twice")
    refused(changed(raw, 1, central={42: struct.pack("<L", 0)}), "overlaps another entry")
    refused(changed(raw, 0, central={42: struct.pack("<L", second)}), "does not begin where the file begins")


def test_compressed_encrypted_and_commented_archives_are_refused():
    refused(archive({"one": b"x" * 1000}, compression=zipfile.ZIP_DEFLATED), "compressed or of two lengths")
    flag = struct.pack("<H", 1)
    refused(changed(archive(CONTENTS), 0, local={6: flag}, central={8: flag}), "encrypted")
    refused(archive(CONTENTS, comment=b"PK\5\6 and more"), "a comment at its end|no archive that can be read")
    refused(b"#!/bin/sh\n" + archive(CONTENTS), "does not begin where the file begins")


def test_damaged_archives_are_named():
    raw = archive(CONTENTS)
    for damaged in (b"", b"PK", raw[:-30], raw.replace(b"first", b"worst"), archive()):
        refused(damaged, "no archive that can be read|expected 1 to")
