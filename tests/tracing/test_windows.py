"""The arithmetic of windows, against windows that are listed one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, ShapeError
from haar.tracing.windows import check_window, each, exact_padding, left_over, padding_of


@pytest.mark.parametrize("n", range(5, 12))
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), [(3, 2, 1, 1), (2, 2, 0, 1), (3, 3, 2, 2)])
def test_points_left_over_are_those_that_no_window_reaches(n, kernel, stride, padding, dilation):
    ends = [start + dilation * (kernel - 1) for start in range(0, n + 2 * padding, stride)]
    last = max(end for end in ends if end < n + 2 * padding)
    left = n + 2 * padding - 1 - last
    assert left_over(n, kernel, stride, padding, dilation) == left
    layer = nn.Conv1d(1, 1, kernel, stride, padding, dilation, bias=False).double()
    x = torch.rand(1, 1, n, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(layer.weight + layer.weight.flip(-1))
        turned = torch.allclose(layer(x.flip(-1)), layer(x).flip(-1))
    assert turned == (left == 0)
    if left:
        way_out = rf"{left} are left over on one side; use {n - left + stride} points"
        with pytest.raises(ShapeError, match=way_out):
            check_window((n,), (0,), kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    else:
        check_window((n,), (0,), kernel=kernel, stride=stride, padding=padding, dilation=dilation)


def test_settings_for_every_axis():
    assert each(2, 3) == [2, 2, 2]
    assert padding_of(nn.Conv2d(1, 1, 3, padding=(1, 2)), 3, 1, 1, 2) == 2
    assert padding_of(nn.Conv2d(1, 1, 3, padding="same"), 3, 2, 0, 2) == 2
    assert padding_of(nn.Conv2d(1, 1, 2, padding="same"), 2, 1, 0, 2) is None
    assert padding_of(nn.Conv2d(1, 1, 2, padding="valid"), 2, 1, 0, 2) == 0


@pytest.mark.parametrize(
    ("kernel", "padding", "dilation", "points"),
    [(3, "same", 1, 1), (5, "same", 2, 4), (1, "same", 1, 0), (2, "same", 2, 1), (4, 3, 1, 3), (3, 0, 1, 0)],
)
def test_points_added_at_both_ends(kernel, padding, dilation, points):
    assert exact_padding(kernel, 1, padding, dilation) == points
    if padding == "same":  # as torch pads
        x = torch.zeros(1, 1, 12)
        assert nn.Conv1d(1, 1, kernel, padding=points, dilation=dilation)(x).shape == x.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((0, 1, 0), "kernel_size: expected at least 1, got 0"),
        ((3, 0, 0), "stride: expected at least 1, got 0"),
        ((3, 1, 0, 0), "dilation: expected at least 1, got 0"),
        (
            (4, 1, "same"),
            "kernel_size: expected an odd kernel for padding 'same', got 4; an even one would pad one side",
        ),
        ((3, 1, -1), "padding: expected 'same' or a number of points, got -1"),
        ((3, 1, True), "padding: expected 'same' or a number of points, got True"),
        ((3, 1, "valid"), "padding: expected 'same' or a number of points, got 'valid'"),
        ((3, 1, 1.0), "padding: expected 'same' or a number of points, got 1.0"),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_windows_that_cannot_be(options, message):
    with pytest.raises(ArgumentError, match=message):
        exact_padding(*options)


def test_only_axes_that_are_reversed_are_looked_at():
    check_window((33, 32), (0,), kernel=3, stride=2, padding=1)
    with pytest.raises(ShapeError, match="got 32 points on axis 1, of which 1 are left over"):
        check_window((33, 32), (0, 1), kernel=3, stride=2, padding=1)
    assert each((3, 5), 2) == [3, 5]
    assert padding_of(nn.Conv2d(1, 1, 3, padding=(1, 2)), 3, 1, 0, 2) == 1
