"""Outputs whose axis 0 does not count samples: averaged by definition, refused where samples are told apart."""

from __future__ import annotations

import pytest
import torch
from plain_loop import DOUBLE, loop, vector_symmetry
from torch import nn

from haar.average import Frame, average, distil, soft
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic

C3 = vector_symmetry(cyclic(3))


def whole(x):
    """One vector for the whole batch: as long as there are samples, or not."""
    return x.exp().mean(0)


@pytest.mark.parametrize("samples", [2, 3, 4, 6])
def test_an_output_of_the_whole_batch_is_averaged_element_by_element(samples):
    x = torch.randn(samples, 2, dtype=DOUBLE)
    for options in ({}, {"micro_batch": 1}, {"share_stabilisers": True}):
        found = average(whole, C3, **options)(x)
        torch.testing.assert_close(found, loop(whole, C3, (x,)), rtol=1e-12, atol=1e-12)
    with pytest.raises(ArgumentError, match="micro_batch: expected 1 for a model in which the samples"):
        average(whole, C3, micro_batch=3)(x)


def test_where_samples_are_told_apart_it_is_refused_also_if_its_length_fits():
    x, told = torch.randn(8, 2), r"output: expected 4 samples on axis 0, one for each of the inputs, got \(2,\)"

    def still(x):
        return torch.zeros(1, len(x), dtype=torch.long), torch.ones(1, len(x))

    with pytest.raises(ShapeError, match=told):
        average(whole, C3, Frame(still))(x[:2])
    with pytest.raises(ShapeError, match=told):
        soft(whole, C3, (x[:2], x[:2]))
    with pytest.raises(ShapeError, match=told):
        distil(average(whole, C3), x, student=nn.Linear(2, 2), batch_size=2, steps=2)
