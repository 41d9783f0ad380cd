"""Principal values in closed form: the tensor comes back from them whatever the gaps and sizes, in both dimensions."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import from_mandel, to_mandel
from haar.nn.principal_values import principal_values

F64 = torch.float64
GAPS = (0.0, 1e-16, 1e-15, 1e-12, 1e-10, 1e-8, 1e-5, 1e-3)


def _turned(values, count=200):
    """Tensors of given values in random axes."""
    d = len(values)
    Q = torch.linalg.qr(torch.randn(count, d, d, dtype=F64, generator=torch.Generator().manual_seed(1))).Q
    A = Q * torch.tensor(values, dtype=F64) @ Q.mT
    return to_mandel(0.5 * (A + A.mT)).mT


def _errors(x):
    """Of the tensor made again, over its largest component, and of the axes' orthonormality."""
    values, axes = principal_values(x)
    A, U = from_mandel(x.movedim(0, -1)), axes.movedim((0, 1), (-2, -1))
    again = U * values.movedim(0, -1).unsqueeze(-2) @ U.mT
    size = A.abs().amax((-2, -1)).clamp(min=torch.finfo(x.dtype).tiny)
    orthonormal = (U.mT @ U - torch.eye(U.shape[-1], dtype=x.dtype)).abs().max()
    return float(((again - A).abs().amax((-2, -1)) / size).max()), float(orthonormal)


@pytest.mark.parametrize("gap", GAPS)
def test_tensors_come_back_whatever_the_gap(gap):
    kinds = [
        (1, 1 + gap, 0.3), (0.3, 0.3 + gap, 1), (1, 1 + gap, 1 + 2 * gap), (1, 1 + gap, -1), (0, gap, 1), (1, -1, gap),
        (1e6, 1e6 + gap, 1), (gap, 2 * gap, -gap), (1, 1 + gap), (1, -1 - gap), (0, gap), (1e6, 1e6 + gap),
    ]  # fmt: skip
    for values in kinds:
        assert max(_errors(_turned(values))) < 4e-15


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("size", [1e-305, 1e-200, 1.0, 1e200, 1e305])
def test_tensors_come_back_whatever_the_size(n, size):
    x = torch.randn(n, 2000, dtype=F64, generator=torch.Generator().manual_seed(0))
    assert max(_errors(size * x)) < 4e-15


@pytest.mark.parametrize("n", [3, 6])
def test_diagonal_ones_zero_and_single_precision(n):
    d = 2 if n == 3 else 3
    x = torch.randn(n, 500, dtype=F64, generator=torch.Generator().manual_seed(0))
    x[d:] = 0
    assert max(_errors(x)) < 4e-15
    values, _ = principal_values(torch.zeros(n, 4, dtype=F64))
    assert values.eq(0).all()
    assert max(_errors(torch.randn(n, 500, generator=torch.Generator().manual_seed(0)))) < 2e-6


def test_values_are_lapacks():
    x = torch.randn(6, 5, 40, dtype=F64, generator=torch.Generator().manual_seed(2))
    values, axes = principal_values(x)
    expected = torch.linalg.eigvalsh(from_mandel(x.movedim(0, -1)))
    assert torch.allclose(values.movedim(0, -1).sort(-1).values, expected, atol=1e-13)
    assert axes.shape == (3, 3, 5, 40)
