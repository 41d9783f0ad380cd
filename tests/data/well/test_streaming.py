"""Files larger than memory: only what is asked for is read, and only what is at hand is held."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest

from haar.actions.layout import FieldSpec
from haar.data.well import Axis, WellReader, WellWriter, Windows, compute_statistics

SIZE, STEPS, RUNS, FEW = 64, 50, 8, 5
FRAME = SIZE * SIZE * 3  # values of one step
FIELDS = [FieldSpec("p"), FieldSpec("u", order=1), FieldSpec("k", role="constant")]
MIB = 1 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """About 20 MiB, written a few steps at a time; the most memory that took is kept beside it."""
    root = tmp_path_factory.mktemp("large")
    axes = [Axis.periodic_nodes(name, SIZE, length=1.0) for name in "xy"]
    random = np.random.default_rng(0)
    path = root / "data" / "train" / "large.hdf5"
    writer = WellWriter(path, name="large", axes=axes, fields=FIELDS, times=range(STEPS))
    tracemalloc.start()
    with writer:
        for _ in range(RUNS):
            with writer.trajectory({"k": random.normal(size=(SIZE, SIZE))}) as run:
                for _ in range(STEPS // FEW):
                    run.append(
                        {"p": random.normal(size=(FEW, SIZE, SIZE)), "u": random.normal(size=(FEW, SIZE, SIZE, 2))}
                    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return root, path.stat().st_size, peak, writer.statistics.compute()


@pytest.fixture
def count(monkeypatch):
    """The number of values that h5py hands out of data sets with more than one axis."""
    seen = {"values": 0}
    original = h5py.Dataset.__getitem__

    def counting(self, index, **options):
        values = original(self, index, **options)
        if self.ndim > 1:
            seen["values"] += np.size(values)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", counting)
    return seen


def test_writing_holds_a_few_steps(large):
    _, size, peak, _ = large
    assert size > RUNS * STEPS * FRAME * 4
    assert peak < size / 4


def test_opening_reads_no_field(large, count):
    Windows(large[0])
    assert count["values"] == 0


def test_a_window_reads_its_own_steps_only(large, count):
    windows = Windows(large[0], history=4)
    for index in (0, 17, len(windows) - 1):
        count["values"] = 0
        windows[index]
        assert count["values"] == 5 * FRAME + SIZE * SIZE
    thin = Windows(large[0], history=2, stride=8, fields=["u"])
    count["values"] = 0
    thin[3]
    assert count["values"] == 3 * SIZE * SIZE * 2


def test_reading_everything_in_batches_holds_a_few_batches(large):
    root, size, _, _ = large
    windows = Windows(root, history=1, every=2)
    batch = 4 * 2 * FRAME * 4
    tracemalloc.start()
    total = sum(float(y.sum()) for _, y in windows.batches(4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(total)
    assert peak < 4 * batch < size / 10


def test_statistics_of_a_file_are_gathered_in_pieces(large, count):
    root, size, _, while_writing = large
    tracemalloc.start()
    found = compute_statistics(root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count["values"] == RUNS * (STEPS * FRAME + SIZE * SIZE)  # each value once
    # Four pieces of 4 MiB each, whatever the size of the file: one trajectory of it is less than that.
    assert peak < 4 * 4 * MIB
    for key, table in found.to_dict().items():
        for name in table:
            assert np.allclose(getattr(found, key)[name], getattr(while_writing, key)[name], rtol=1e-12, atol=1e-15)
    assert size > peak


def test_constant_and_shared_fields_are_read_once_for_statistics(everything, count):
    reader = WellReader(everything.root, split="test")
    count["values"] = 0
    compute_statistics(reader)
    per_step = 6 * 8 * (1 + 1 + 2 + 4 + 4)
    assert count["values"] == 2 * (6 * per_step + 6 * 8 * 2) + 6 * 8  # the wind; the floor has a single axis
