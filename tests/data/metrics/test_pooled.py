"""Errors over pooled variances, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from haar.data.metrics import pooled_errors, vrmse
from haar.errors import ArgumentError, ShapeError


def fields(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_units_are_the_root_of_their_squared_errors_over_the_variance_of_all():
    truth, error = fields(3, 2, 2, 8, 8), fields(3, 2, 2, 8, 8, seed=1)
    variance = truth.flatten(3).var(-1).mean((0, 1))
    expected = (error.square().mean((-1, -2)) / variance).mean((1, 2)).sqrt()
    torch.testing.assert_close(pooled_errors(truth + error, truth, dim=2), expected, rtol=1e-12, atol=0)


def test_one_nearly_constant_truth_does_not_rule():
    truth = fields(10, 1, 32)
    truth[3] *= 1e-3
    wrong = truth + 0.1
    assert float(vrmse(wrong, truth, dim=1).mean()) > 5
    assert float(pooled_errors(wrong, truth, dim=1).square().mean().sqrt()) == pytest.approx(0.1, rel=0.2)


def test_a_nearly_constant_channel_is_left_out():
    truth = fields(4, 2, 32)
    wrong = truth + 0.1
    alone = pooled_errors(wrong[:, :1], truth[:, :1], dim=1)
    truth[:, 1] *= (0.999e-5 / truth[:, 1].var(-1).mean()).sqrt()
    torch.testing.assert_close(pooled_errors(wrong, truth, dim=1), alone, rtol=1e-12, atol=0)
    truth[:, 1] *= 1.001
    assert float((pooled_errors(wrong, truth, dim=1) / alone).min()) > 5


def test_where_all_is_nearly_constant_there_is_no_relative_error():
    truth = 1e-3 * fields(4, 1, 32)
    with pytest.raises(ArgumentError, match=r"truth: expected a channel whose variance over space is 1e-05 or more"):
        pooled_errors(truth, truth, dim=1)
    assert pooled_errors(truth, truth, dim=1, below=1e-7).tolist() == [0.0] * 4


def test_what_diverged_is_infinite_and_the_others_are_not():
    truth = fields(3, 1, 8)
    wrong = truth + 1
    wrong[1, 0, 0] = math.nan
    found = pooled_errors(wrong, truth, dim=1)
    assert found[1] == math.inf
    assert bool(found[[0, 2]].isfinite().all())


def test_units_are_needed():
    with pytest.raises(ShapeError, match=r"truth: expected \(unit, \.\.\., channel, \*space\)"):
        pooled_errors(fields(2, 8), fields(2, 8), dim=1)
