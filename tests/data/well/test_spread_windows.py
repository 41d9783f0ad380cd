from __future__ import annotations

import pytest
import torch

from haar.data import Windows
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
