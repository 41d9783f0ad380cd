from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from haar.data.well import Trajectories, WellReader, Windows
from haar.errors import ArgumentError, DataError


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(1, 3))
def test_every_window_is_a_piece_of_its_trajectory(everything, history, horizon, stride, every):
    span = 1 + stride * (history + horizon - 1)
    if span > 7:
        with pytest.raises(
            ArgumentError, match=f"a window within the 7 steps of the longest trajectory, got one of {span}"
        ):
            Windows(everything.root, history=history, horizon=horizon, stride=stride)
        return
    windows = Windows(everything.root, history=history, horizon=horizon, stride=stride, every=every)
    expected = []
    for trajectory in range(len(windows.reader)):
        states, constants = windows.reader.read(trajectory), windows.reader.constants(trajectory)
        for start in range(0, len(states) - span + 1, every):
            chosen = states[start : start + span : stride]
            past = torch.cat([*chosen[:history], constants])
            expected.append((past, torch.cat([*chosen[history:]])))
    assert len(windows) == len(expected)
    for (x, y), (past, future) in zip(windows, expected, strict=True):
        assert torch.equal(x, past)
        assert torch.equal(y, future)
    assert windows.inputs.channels == windows[0][0].shape[0]
    assert windows.outputs.channels == windows[0][1].shape[0]


def test_the_channels_are_those_of_the_layouts(everything):
    windows = Windows(everything.root, history=2, horizon=2, fields=["velocity", "vorticity", "floor"])
    assert windows.inputs.channel_names() == [
        "vorticity[0]", "velocity_x[0]", "velocity_y[0]", "vorticity[1]", "velocity_x[1]", "velocity_y[1]", "floor",
    ]  # fmt: skip
    assert windows.outputs.channel_names() == windows.inputs.channel_names()[:-1]
    x, y = windows[0]
    run = everything.runs["train"][0]
    assert np.array_equal(x[windows.inputs.slices(1)["velocity"]].numpy(), np.moveaxis(run["velocity"][1], -1, 0))
    assert np.array_equal(y[windows.outputs.slices(1)["vorticity"]][0].numpy(), run["vorticity"][3])
    assert np.array_equal(x[-1].numpy(), np.repeat(run["floor"][:, None], 8, axis=1))


def test_where_a_window_is(everything):
    windows = Windows(everything.root, history=2, every=2)
    assert [windows.where(i) for i in range(4)] == [(0, 0), (0, 2), (1, 0), (1, 2)]
    assert windows.where(-1) == (4, 4)
    assert torch.equal(windows[-1][0], windows[len(windows) - 1][0])
    for index in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError, match=f"window {index} of {len(windows)}"):
            windows[index]


def test_batches_hold_every_window_once(everything):
    windows = Windows(everything.root, history=1)
    whole = list(windows.batches(5))
    assert [len(x) for x, _ in whole] == [5, 5, 5, 5, 4]
    assert torch.equal(torch.cat([x for x, _ in whole]), torch.stack([x for x, _ in windows]))
    assert [len(x) for x, _ in windows.batches(5, drop_last=True)] == [5, 5, 5, 5]

    def shuffled(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([y for _, y in windows.batches(5, shuffle=True, generator=generator)])

    assert torch.equal(shuffled(0), shuffled(0))
    assert not torch.equal(shuffled(0), shuffled(1))
    assert torch.allclose(shuffled(0).double().sum(0), torch.cat([y for _, y in whole]).double().sum(0), atol=1e-3)
    with pytest.raises(ArgumentError, match="size: expected at least 1 window, got 0"):
        windows.batches(0)
    with pytest.raises(
        ArgumentError, match=r"generator: expected a torch\.Generator, to shuffle reproducibly, got None"
    ):
        windows.batches(2, shuffle=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_takes_it(everything, workers):
    windows = Windows(everything.root, history=2)
    first = windows[0]  # the files are open before the workers are made
    batches = list(DataLoader(windows, batch_size=4, num_workers=workers))
    assert torch.equal(torch.cat([x for x, _ in batches]), torch.stack([x for x, _ in windows]))
    assert torch.equal(batches[0][1][0], first[1])


def test_it_can_be_pickled(everything):
    windows = Windows(everything.root, history=2, fields=["velocity"])
    copy = pickle.loads(pickle.dumps(windows))
    assert torch.equal(copy[7][0], windows[7][0])


def test_a_reader_brings_its_own_precision_and_split(everything):
    reader = WellReader(everything.root, split="test", dtype=torch.float64)
    windows = Windows(reader, history=1)
    assert windows[0][0].dtype == torch.float64
    assert len(windows) == 2 * 5
    for kind in (Windows, Trajectories):
        with pytest.raises(ArgumentError, match="split: expected none, as the reader has one, got 'test'"):
            kind(reader, split="test")


@pytest.mark.parametrize("name", ["history", "horizon", "stride", "every"])
def test_numbers_below_one_are_refused(everything, name):
    with pytest.raises(ArgumentError, match=f"{name}: expected at least 1, got 0"):
        Windows(everything.root, **{name: 0})


def test_something_must_vary_in_time(everything):
    with pytest.raises(
        ArgumentError, match="fields: expected at least one field that varies in time, got only constants"
    ):
        Windows(everything.root, fields=["floor"])
    with pytest.raises(ArgumentError, match="got 'flor'; did you mean 'floor'"):
        Windows(everything.root, fields=["flor"])


def test_whole_trajectories(everything):
    runs = Trajectories(everything.root, fields=["pressure", "velocity", "material"])
    assert len(runs) == 5
    run = runs[3]
    written = everything.runs["train"][3]
    assert np.array_equal(run.states[:, 0].numpy(), written["pressure"])
    assert np.array_equal(run.constants.numpy(), np.moveaxis(written["material"], -1, 0))
    assert run.layout.channel_names() == ["pressure", "velocity_x", "velocity_y", "material_x", "material_y"]
    assert (len(run), run.parameters["Reynolds"], run.scalars["tide"].shape) == (7, 200.0, (7,))
    windows = Windows(everything.root, history=3, fields=["pressure", "velocity", "material"])
    index = next(i for i in range(len(windows)) if windows.where(i) == (3, 1))
    assert torch.equal(run.history(3, start=1), windows[index][0])
    assert torch.equal(run.future(3, start=1)[0], windows[index][1])
    for steps, start in ((0, 0), (8, 0), (3, -1), (3, 5)):
        with pytest.raises(ArgumentError, match=r"history: expected steps within 0\.\.6"):
            run.history(steps, start)


def test_trajectories_may_be_thinned_and_cut(everything):
    whole = Trajectories(everything.root)[4]
    thin = Trajectories(everything.root, stride=2, limit=3)[-1]
    assert torch.equal(thin.states, whole.states[:5:2])
    assert torch.equal(thin.times, whole.times[:5:2])
    assert len(Trajectories(everything.root, stride=3, limit=99)[4]) == 3
    with pytest.raises(ArgumentError, match="stride: expected at least 1, got 0"):
        Trajectories(everything.root, stride=0)
    with pytest.raises(ArgumentError, match="limit: expected at least 1 step, or None, got 0"):
        Trajectories(everything.root, limit=0)
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"trajectory {index} of 5"):
            Trajectories(everything.root)[index]


def test_errors_of_the_files_come_through(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        Windows(tmp_path / "nothing")


def test_the_defaults_are_those_written(everything):
    windows = Windows(everything.root)
    assert (windows.history, windows.horizon, windows.stride, windows.every) == (4, 1, 1, 1)
    assert len(windows) == 1 + 1 + 1 + 3 + 3  # of 5, 5, 5, 7 and 7 steps
    assert windows[0][0].dtype == torch.float32
    assert (windows.inputs.history, windows.outputs.history) == (4, 1)
    assert Windows(everything.root, dtype=torch.float64)[0][0].dtype == torch.float64
    assert Windows(everything.root, split="valid").reader.split == "valid"
    assert [len(x) for x, _ in windows.batches(4)] == [4, 4, 1]
    assert torch.equal(next(windows.batches(2))[0][1], windows[1][0])  # in order
    run = Trajectories(everything.root, split="test", dtype=torch.float64)[0]
    assert run.states.dtype == torch.float64
    assert torch.equal(run.states, Trajectories(everything.root, split="test", dtype=torch.float64, stride=1)[0].states)
    assert torch.equal(run.history(2), run.history(2, start=0))
    assert torch.equal(run.future(2), run.states[2:])
    with pytest.raises(ArgumentError, match="split: expected none, as the reader has one, got 'test'"):
        Trajectories(WellReader(everything.root), split="test")
    with pytest.raises(ArgumentError, match="split: expected none, as the reader has one, got 'test'"):
        Windows(WellReader(everything.root), split="test")
