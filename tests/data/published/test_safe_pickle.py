"""Pickles of numbers: an array is as large as what is held for it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from haar.data.published import read_numbers
from haar.errors import DataError


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_protocol_come_back(tmp_path, protocol):
    mixed = np.empty(2, dtype=object)
    mixed[0], mixed[1] = np.ones((2, 3)), [1, 2]
    held = [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        {"a": np.array(3, ">i2"), "b": (np.float32(2.5), b"x")},
        np.array(["a", "bc"]),
        np.zeros((0, 4)),
        mixed,
    ]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(held, protocol))
    found = read_numbers(tmp_path / "a.pkl")
    for ours, theirs in zip(held[:2] + held[3:5], found[:2] + found[3:5], strict=True):
        assert theirs.dtype == ours.dtype
        assert theirs.shape == ours.shape
        assert np.array_equal(ours, theirs)
    assert (found[2]["a"], found[2]["b"]) == (3, (np.float32(2.5), b"x"))
    assert np.array_equal(found[5][0], mixed[0])
    assert found[5][1] == [1, 2]


def _array(shape: bytes, held: bytes, kind: bytes = b"f8") -> bytes:
    """An array in protocol 0, with a state of its own."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n"
        + shape
        + b"cnumpy\ndtype\n(S'"
        + kind
        + b"'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
        + held
        + b"tb."
    )


def _nested(depth: int) -> bytes:
    one: list[object] = [1.0] * 10
    for _ in range(depth):
        one = [one] * 10
    return pickle.dumps(one)


def _ring() -> bytes:
    ring: list[object] = []
    ring.append(ring)
    return pickle.dumps(ring)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            _array(b"(I1000000000000\nt", b"C\x08" + bytes(8)),
            "an array promises 1000000000000 numbers, and holds others",
        ),
        (_array(b"(I-1\nt", b"C\x08" + bytes(8)), r"an array of shape \(-1,\)"),
        (_array(b"(I9\nt", b"(lI1\na", b"O8"), "an array promises 9 entries, and holds others"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I99\ntS'b'\ntR.", "an array without numbers"),
        (b"cnumpy\nndarray\n(I1000000000000\ntR.", "takes no arguments"),
        (b"cnumpy\ndtype\n(S'V999999999'\ntR.", "asks for numbers of the kind 'V999999999'"),
        (b"c_codecs\nencode\n(Va\nS'zlib'\ntR.", "asks for the encoding 'zlib'"),
        (b"cos\nsystem\n(S'true'\ntR.", "asks for os.system"),
        (_nested(20), "it would unfold to more than"),
        (_ring(), "containers within themselves"),
    ],
)
def test_a_pickle_that_asks_for_more_than_it_holds_is_refused(tmp_path, content, message):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.pkl: not a pickle of plain numbers: .*{message}"):
        read_numbers(tmp_path / "a.pkl")
