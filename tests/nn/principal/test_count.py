"""The number of factors by eigenvalue ratios."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.nn.principal import factor_count

F64 = torch.float64


@pytest.mark.parametrize("r", [1, 2, 5])
def test_of_noiseless_factors_it_is_their_number(r):
    generator = torch.Generator().manual_seed(r)
    x = torch.randn(100, r, generator=generator, dtype=F64) @ torch.randn(r, 40, generator=generator, dtype=F64)
    x = x - x.mean(0)
    assert factor_count(torch.linalg.eigvalsh(x.mT @ x).flip(-1).clamp(min=0)) == r


def test_of_noisy_ones_too():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 4, generator=generator, dtype=F64) @ torch.randn(4, 50, generator=generator, dtype=F64)
    x = x + torch.randn(400, 50, generator=generator, dtype=F64)
    assert factor_count(torch.linalg.eigvalsh(x.mT @ x).flip(-1)) == 4


def test_ratios_worked_out_by_hand():
    assert factor_count(torch.tensor([8.0, 4.0, 1.0, 0.5])) == 2  # 2, 4, 2
    assert factor_count(torch.tensor([8.0, 4.0, 1.0, 0.01]), most=3) == 3
    assert factor_count(torch.tensor([8.0, 4.0, 1.0, 0.01]), most=1) == 1
    assert factor_count(torch.tensor([8.0, 4.0, 1.0, 0.01])) == 2  # half of them are considered
    assert factor_count(torch.tensor([8.0, 4.0, 0.1])) == 1
    assert factor_count(torch.tensor([8.0, 4.0, 1.0, 0.01]), most=9) == 3  # there are no more ratios


@pytest.mark.parametrize(("dtype", "eps"), [(torch.float32, 2.0**-23), (F64, 2.0**-52)])
@pytest.mark.parametrize(("factor", "count"), [(0.7, 2), (1.5, 3)])
def test_what_rounding_leaves_is_as_large_as_its_number_of_units(dtype, eps, factor, count):
    """Ratios 1e2, 1e-2 / a and a / floor, of which the last is the largest where a^2 is above 1e-2 floor."""
    a = (1e-2 * 4 * eps * factor) ** 0.5
    assert factor_count(7 * torch.tensor([1.0, 1e-2, a, 0.0], dtype=dtype), most=3) == count


def test_refusals():
    with pytest.raises(ShapeError, match="eigenvalues: expected at least 2, got 1"):
        factor_count(torch.ones(1))
    with pytest.raises(ArgumentError, match="eigenvalues: expected finite numbers that fall"):
        factor_count(torch.tensor([1.0, 2.0]))
    with pytest.raises(ArgumentError, match="eigenvalues: expected a positive one, got 0 at most"):
        factor_count(torch.zeros(3))
    with pytest.raises(ArgumentError, match="most: expected at least 1, got 0"):
        factor_count(torch.tensor([2.0, 1.0]), most=0)
