"""A rewritten model beside the original: on both sides of every tolerance, and where there are no numbers."""

from __future__ import annotations

import pytest
import torch

from haar.probing.beside import agree, all_agree, another_batch, another_order, rows_of_sizes

NAN, INF = torch.nan, torch.inf


def test_the_difference_is_relative_to_the_largest_number_of_the_original():
    original = torch.tensor([[4.0, 1.0], [2.0, 0.01]], dtype=torch.float64)
    made = original.clone()
    made[1, 1] += 0.03
    for per, size in (("tensor", 4.0), ("row", 2.0), ("output", 1.0)):
        just = 0.03 / size
        assert agree(made, original, just * 1.001, per=per)
        assert not agree(made, original, just * 0.999, per=per)
    assert agree(made, original, 0.0, absolute=0.0301)
    assert not agree(made, original, 0.0, absolute=0.0299)
    assert agree(made, original, 0.0031, met=10.0)
    assert not agree(made, original, 0.0029, met=10.0)


@pytest.mark.parametrize(
    ("made", "original", "strictly", "within"),
    [
        ([1.0, NAN], [1.0, NAN], True, True),
        ([1.0, INF], [1.0, INF], True, True),
        ([1.0, -INF], [1.0, INF], False, True),
        ([1.0, 7.0], [1.0, INF], False, True),
        ([1.0, NAN], [1.0, 2.0], False, False),
        ([1.0, INF], [1.0, 2.0], False, False),
    ],
)
def test_what_is_not_finite_stands_in_the_same_places(made, original, strictly, within):
    one, other = torch.tensor(made), torch.tensor(original)
    assert agree(one, other, 1e-6) is strictly
    assert agree(one, other, 1e-6, within=True) is within


def test_shapes_kinds_and_nothing():
    assert not agree(torch.ones(2), torch.ones(2, 1), 1.0)
    assert agree(torch.ones(0, 2), torch.ones(0, 2), 0.0, per="output")
    assert not agree(torch.ones(2) + 1e-3j, torch.ones(2), 1e-4)
    half = torch.full((2,), 60000.0).half()
    assert agree(half, half, 0.0)
    assert not all_agree([torch.ones(2), torch.ones(2)], [torch.ones(2), 1.1 * torch.ones(2)])
    assert all_agree([torch.ones(2)], [torch.ones(2) * (1 + 1e-5)])
    assert not all_agree([torch.ones(2)], [torch.ones(2) * (1 + 1e-4)], another_order)


def test_what_is_forgiven_follows_the_precision():
    x = torch.ones(1)
    assert another_batch(x) == pytest.approx(torch.finfo(torch.float32).eps ** 0.5)
    assert another_batch(x.bfloat16()) == pytest.approx(0.0884, abs=1e-3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert another_batch(x) == another_batch(x.bfloat16())
    assert another_order(x) == pytest.approx(100 * torch.finfo(torch.float32).eps)


def test_rows_of_sizes_are_that_large():
    rows = rows_of_sizes((2000,), (1.0, -30.0, 0.0), torch.Generator().manual_seed(0))
    assert rows.std(1).tolist() == [pytest.approx(1, rel=0.1), pytest.approx(30, rel=0.1), 0.0]
