"""The arithmetic of windows, against windows that are listed one by one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ShapeError
from haar.tracing.windows import check_window, each, left_over, padding_of


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
