"""Least squares: those of numpy, of several the smallest, one by one or in batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.statistics import least_squares


@pytest.mark.parametrize(("rows", "columns", "rank"), [(30, 4, 4), (30, 4, 2), (3, 5, 3), (4, 4, 4)])
def test_coefficients_are_numpys(rows, columns, rank):
    generator = torch.Generator().manual_seed(0)
    left, right, targets = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((rows, rank), (rank, columns), (rows, 2))
    )
    design = left @ right
    expected = np.linalg.lstsq(design.numpy(), targets.numpy(), rcond=None)[0]
    found = least_squares(design, targets)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    torch.testing.assert_close(least_squares(design[None], targets[None])[0], found)


def test_on_a_cpu_the_driver_is_that_by_singular_values(monkeypatch):
    asked, plain = [], torch.linalg.lstsq
    monkeypatch.setattr(
        torch.linalg, "lstsq", lambda *given, driver: asked.append(driver) or plain(*given, driver=driver)
    )
    least_squares(torch.eye(2), torch.ones(2, 1))
    assert asked == ["gelsd"]
