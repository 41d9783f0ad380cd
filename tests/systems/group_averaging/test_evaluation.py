"""Forecasts without a model, errors of runs, and what is kept of detail."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions import Layout
from haar.data import Windows
from haar.data.well.examples import small_well
from haar.systems.group_averaging.evaluation import (
    Judged,
    detail,
    extrapolation,
    persistence,
    rolled,
    rollout_errors,
    spectrum,
)

LAYOUT = Layout.parse("p, u:vector", dim=2).with_history(3)


def states(count):
    """States whose value is their number, in all three channels."""
    return torch.arange(float(count))[None, :, None, None, None].expand(1, count, 3, 4, 4)


def test_persistence_repeats_the_last_state_and_extrapolation_the_last_change():
    x = torch.cat([torch.full((1, 3, 4, 4), value) for value in (7.0, 1.0, 4.0)], 1)
    assert persistence(LAYOUT)(x).unique().tolist() == [4.0]
    assert extrapolation(LAYOUT)(x).unique().tolist() == [7.0]
    assert persistence(LAYOUT)(x).shape == (1, 3, 4, 4)


def test_a_rollout_feeds_on_itself():
    start = states(3).flatten(1, 2)
    assert rolled(extrapolation(LAYOUT), LAYOUT, start, 4).flatten(2).mean(2).tolist() == [[3.0, 4.0, 5.0, 6.0]]
    assert rolled(persistence(LAYOUT), LAYOUT, start, 2).flatten(2).mean(2).tolist() == [[2.0, 2.0]]


def test_windows_are_spread_over_every_run():
    with small_well() as root:  # 2 trajectories of 6 steps
        windows = Windows(root, history=2)
        judged = Judged.of(windows, 3)
        assert judged.runs.tolist() == [0, 0, 0, 1, 1, 1]
        for row, index in enumerate((0, 2, 3, 4, 6, 7)):
            assert torch.equal(judged.x[row], windows[index][0])
            assert torch.equal(judged.y[row], windows[index][1])
        assert len(Judged.of(windows, 99).x) == 8
        assert [len(x) for x, _, _ in Judged.of(windows, 99)] == [8]


def test_errors_of_a_run_are_those_of_its_windows_over_the_variance_of_all():
    with small_well() as root:
        judged = Judged.of(Windows(root, history=2), 2)
        wrong = judged.y.clone()
        wrong[:2] += 0.5
        first, second = judged.errors(wrong)
        variance = judged.y.double().flatten(2).var(-1).mean(0)
        assert variance[2] == 0  # u_y is, everywhere: it is left out
        assert first == pytest.approx(float((0.25 / variance[:2]).mean().sqrt()), rel=1e-6)
        assert second == 0


def test_errors_of_rollouts_are_told_window_by_window():
    truth = torch.randn(2, 5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    wrong = truth.clone()
    wrong[0, 3:] += 1.0
    found = rollout_errors(wrong, truth, ["1:3", "4:5"])
    assert found["1:3"] == [0.0, 0.0]
    assert found["4:5"][0] == pytest.approx(float(truth[:, 3:].double().flatten(3).var(-1).mean()) ** -0.5, rel=1e-6)


def test_detail_is_the_square_of_the_amplitude_and_blurring_lowers_it():
    truth = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    blurred = sum(truth.roll((i, j), (3, 4)) for i in range(2) for j in range(2)) / 4
    assert detail(0.5 * truth, truth, ["2:3"])["2:3"] == pytest.approx([0.25, 0.25])
    assert all(0 < kept < 0.3 for kept in detail(blurred, truth, ["1:4"])["1:4"])


def test_the_spectrum_is_of_the_first_field_and_the_steps_of_the_window():
    wave = torch.cos(2 * math.pi * 2 * torch.arange(8) / 8)[:, None].expand(8, 8)
    fields = torch.zeros(1, 3, 2, 8, 8)
    fields[0, 1, 0], fields[0, 0, 0], fields[0, 1, 1] = wave, 5.0, 7.0
    energy = spectrum(fields, "2")
    assert energy[2] == pytest.approx(0.25)
    assert sum(energy) == pytest.approx(0.25)
