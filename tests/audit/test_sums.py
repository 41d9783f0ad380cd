"""Sums merge exactly, part by part, and each part keeps its unit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit.sums import OrbitSums, PartBatch
from haar.errors import ArgumentError

F64 = torch.float64


def batch(predictions, labels=None):
    f = predictions[0]
    means = f.mean(1, keepdim=True)
    return PartBatch(predictions, f + 0.0, labels, f.square().mean(1), means)


@given(st.integers(1, 5), st.integers(2, 40), st.integers(0, 10_000))
def test_any_split_of_the_samples_gives_the_same_sums(parts, samples, seed):
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn(4, samples, 6, generator=generator, dtype=F64)
    labels = torch.randn(samples, 6, generator=generator, dtype=F64)
    units = torch.randint(100, (samples,), generator=generator).tolist()
    whole = OrbitSums(4, [1])
    whole.update([batch(predictions, labels)], units)
    merged = OrbitSums(4, [1])
    for rows in torch.arange(samples).tensor_split(parts):
        if len(rows):
            part = OrbitSums(4, [1])
            part.update([batch(predictions[:, rows], labels[rows])], [units[k] for k in rows.tolist()])
            merged = merged.merge(part)
    assert whole.table.rows == merged.table.rows
    for a, b in zip(whole.table.tensors, merged.table.tensors, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


def test_the_sums_are_those_written_out():
    predictions = torch.tensor([[[1.0, 3.0]], [[2.0, 5.0]]], dtype=F64)  # d_1 = (1, 2)
    sums = OrbitSums(2, [1])
    sums.update([batch(predictions, torch.tensor([[2.0, 2.0]], dtype=F64))], [7])  # r = (1, -1)
    part = sums.part(0)
    assert part.deviations.tolist() == [[[0, 0], [0, 2.5]]]
    assert part.residuals.tolist() == [[0, -0.5]]
    assert part.losses.tolist() == [1]
    assert part.magnitude.tolist() == [5]
    assert part.noise.tolist() == [0]
    assert part.removed("whole").tolist() == [0.625]  # ||d/2||^2
    assert part.gains("whole").tolist() == [2 * -0.25 - 0.625]


def test_the_energy_is_taken_about_the_mean_of_all_samples():
    values = torch.tensor([[1.0], [3.0], [8.0]], dtype=F64)
    sums = OrbitSums(1, [1])
    for k in range(3):
        sums.update([batch(values[None, k : k + 1])], [k])
    assert sums.part(0).energy.tolist() == pytest.approx([9, 1, 16], rel=1e-12)


def test_together_every_part_is_divided_by_its_unit_squared():
    one = torch.zeros(2, 1, 1, dtype=F64)
    one[1] = 2.0
    sums = OrbitSums(2, [1, 1])
    sums.update([batch(one), batch(1000 * one)], [0])
    total = sums.together([0.5, 0.5], [1.0, 1000.0])
    assert total.deviations[0, 1, 1].item() == pytest.approx(4.0, rel=1e-12)


def test_merging_other_elements_is_refused():
    with pytest.raises(ArgumentError, match="other: expected sums over 3 elements of 1 outputs and fields, got 4"):
        OrbitSums(3, [1]).merge(OrbitSums(4, [1]))
