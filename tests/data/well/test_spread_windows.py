from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions.layout import FieldSpec
from haar.data import Axis, Trajectories, Windows, write_well
from haar.data.well.examples import small_well
from haar.data.well.spread_windows import SpreadWindows, field_scale
from haar.errors import ArgumentError


@pytest.fixture(scope="module")
def windows():
    with small_well(trajectories=3) as root:
        yield Windows(root, history=2)


def test_windows_are_spread_over_all_trajectories(windows):
    chosen = SpreadWindows(windows, samples=5, batch_size=2)
    clusters = torch.cat([runs for _, _, runs in chosen]).tolist()
    assert (len(clusters), len(chosen)) == (5, 3)
    assert clusters == sorted(clusters)
    assert set(clusters) == {0, 1, 2}
    x, y = chosen.stacked()
    assert torch.equal(x[0], windows[0][0])
    assert torch.equal(y[-1], windows[len(windows) - 1][1])


def test_all_windows_are_taken_when_more_are_asked_for(windows):
    chosen = SpreadWindows(windows, samples=1000, batch_size=7)
    assert len(chosen.chosen) == len(windows)
    assert torch.equal(chosen.stacked()[0], torch.stack([windows[k][0] for k in range(len(windows))]))


def test_the_scale_is_the_spread_of_a_field_and_one_for_its_components(windows):
    chosen = SpreadWindows(windows, samples=1000, batch_size=4)
    y = chosen.stacked()[1].double()
    scale = field_scale(chosen, windows.outputs)
    torch.testing.assert_close(scale[0], y[:, 0].std(correction=0), rtol=1e-9, atol=0)
    assert scale[1] == scale[2]
    pooled = ((y[:, 1].var(correction=0) + y[:, 2].var(correction=0)) / 2).sqrt()
    torch.testing.assert_close(scale[1], pooled, rtol=1e-9, atol=0)


@pytest.mark.parametrize("option", ["samples", "batch_size"])
def test_numbers_below_one_are_refused(windows, option):
    options = {"samples": 2, "batch_size": 2, option: 0}
    with pytest.raises(ArgumentError, match=f"{option}: expected at least 1, got 0"):
        SpreadWindows(windows, **options)


def test_windows_are_at_even_distances_from_the_first_to_the_last(windows):
    assert len(windows) == 12
    assert SpreadWindows(windows, samples=5, batch=2).chosen == [0, 3, 6, 8, 11]
    assert SpreadWindows(windows, samples=1, batch=1).chosen == [0]
    assert [len(x) for x, _, _ in SpreadWindows(windows, samples=5, batch=2)] == [2, 2, 1]


def test_a_field_that_never_changes_has_scale_1(tmp_path):
    still = {"p": np.zeros((3, 4)), "q": np.arange(12.0).reshape(3, 4)}
    axes = [Axis.periodic_nodes("x", 4, length=1.0)]
    fields = [FieldSpec("p"), FieldSpec("q")]
    root = write_well(tmp_path, {"train": [still]}, name="still", axes=axes, fields=fields, times=[0, 1, 2])
    some = Windows(root, history=1)
    scale = field_scale(SpreadWindows(some, samples=9, batch=9), some.outputs)
    assert scale.tolist() == pytest.approx([1.0, np.arange(4.0, 12).std()])


def test_the_small_folder_is_a_tracer_in_a_shear():
    with small_well() as root, small_well(seed=0) as same, small_well(seed=1, trajectories=3, steps=4, size=6) as other:
        runs = [
            Trajectories(place, split=split) for place, split in ((root, "valid"), (same, "valid"), (other, "test"))
        ]
        states = runs[0][0].states.double()
        assert (len(runs[0]), len(runs[2]), tuple(runs[2][0].states.shape)) == (2, 3, (4, 3, 6, 6))
        assert np.allclose(runs[0][0].times, 0.1 * np.arange(6))
        assert torch.equal(runs[1][0].states, runs[0][0].states)
        with small_well(seed=1) as third:
            assert not torch.equal(Trajectories(third, split="valid")[0].states, runs[0][0].states)
    x, y = torch.meshgrid(*[torch.arange(8).double() / 8] * 2, indexing="ij")
    shear = torch.sin(2 * torch.pi * y)
    angle = 2 * torch.pi * x[:, 0]
    phase = torch.atan2(-(states[0, 0, :, 0] * angle.sin()).sum(), (states[0, 0, :, 0] * angle.cos()).sum())
    times = 0.1 * torch.arange(6).double()[:, None, None]
    expected = torch.cos(2 * torch.pi * (x - shear * times) + phase)
    torch.testing.assert_close(states[:, 0], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(states[:, 1], shear.expand(6, 8, 8), atol=1e-6, rtol=0)
    assert not states[:, 2].any()
