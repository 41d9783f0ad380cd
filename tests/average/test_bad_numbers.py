"""NaN and options out of range, where labels or inputs are learnt from; the forms in which labelled data come."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Symmetry
from haar.average import average, distil, soft
from haar.errors import ArgumentError, DataError
from haar.groups import dihedral

SYMMETRY = Symmetry.of_fields(dihedral(4), "p")


@pytest.fixture
def layer():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(1, 1, 3, padding=1, dtype=torch.float64)


def test_one_pair_is_one_batch(layer, generator):
    x, y = (torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    alphas = [
        soft(layer, SYMMETRY, data, micro_batch=1).alpha for data in ((x, y), [(x, y)], [(x, y, torch.arange(4))])
    ]
    assert all(torch.equal(alpha, alphas[0]) for alpha in alphas)


def test_a_target_that_is_not_a_number_is_refused(layer, generator):
    x = torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    y = x.clone()
    y[2, 0, 1, 1] = float("nan")
    with pytest.raises(DataError, match="data: the target of sample 2 of a batch is NaN or infinite; clean or drop it"):
        soft(layer, SYMMETRY, (x, y), micro_batch=1)
    with pytest.raises(DataError, match="data: the output of sample 2"):
        soft(layer, SYMMETRY, (y, x), micro_batch=1)


def test_distillation_from_nan_or_backwards_is_refused(layer):
    x = torch.zeros(4, 1, 6, 6, dtype=torch.float64)
    x[1] = float("inf")
    teacher = average(layer, SYMMETRY, micro_batch=1)
    with pytest.raises(DataError, match="inputs: a value that is not finite"):
        distil(teacher, x, steps=1)
    with pytest.raises(ArgumentError, match=r"learning_rate: expected a number above 0, got 0\.0"):
        distil(teacher, x, steps=1, learning_rate=0.0)
