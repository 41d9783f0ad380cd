from __future__ import annotations

import pytest
import torch

from haar.statistics import Resampler


def test_sums_are_those_of_the_drawn_units():
    values = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    resampler = Resampler(7, draws=5, generator=torch.Generator().manual_seed(2))
    rows = torch.randint(7, (5, 7), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(resampler.sums(values), values[rows].sum(1), atol=1e-14)


def test_every_draw_has_as_many_units_as_there_are():
    resampler = Resampler(9, draws=20, generator=torch.Generator().manual_seed(0))
    assert resampler.counts.sum(1).tolist() == [9.0] * 20
    assert resampler.counts.max() > 1


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_ends_leave_equal_parts_outside(level):
    resampler = Resampler(1, draws=101, level=level, generator=torch.Generator().manual_seed(0))
    low, high = resampler.interval(torch.arange(101, dtype=torch.float64)[:, None])
    assert (low.item(), high.item()) == pytest.approx((50 - 50 * level, 50 + 50 * level))


def test_nineteen_of_twenty_draws_are_inside_by_default():
    resampler = Resampler(1, draws=101, generator=torch.Generator().manual_seed(0))
    low, high = resampler.interval(torch.arange(101, dtype=torch.float64)[:, None])
    assert (low.item(), high.item()) == pytest.approx((2.5, 97.5))
