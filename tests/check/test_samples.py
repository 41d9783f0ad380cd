"""How the samples of a check are read, and which of them are held out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.check.samples import Samples
from haar.errors import ArgumentError

X, Y = torch.arange(12.0).reshape(6, 2), torch.arange(6.0).reshape(6, 1)


def test_rows_labels_and_clusters():
    alone, labelled = Samples.of(X), Samples.of((X, Y))
    assert alone.labels is None
    assert torch.equal(labelled.labels, Y)
    assert alone.units.tolist() == labelled.units.tolist() == [0, 1, 2, 3, 4, 5]
    marked = Samples.of([X, None, torch.tensor([7, 7, 3, 3, 3, 9])])
    assert marked.labels is None
    assert marked.units.tolist() == [1, 1, 0, 0, 0, 2]
    assert (alone.independent, marked.independent) == (6, 3)
    assert torch.equal(labelled.given()[0], X)
    assert torch.equal(labelled.given()[1], Y)


def test_batches_are_joined_in_order():
    batches = [(X[:4].numpy(), Y[:4].numpy(), np.zeros(4)), (X[4:], Y[4:], torch.ones(2))]
    found = Samples.of(iter(batches))
    assert torch.equal(found.inputs, X)
    assert torch.equal(found.labels, Y)
    assert found.units.tolist() == [0, 0, 0, 0, 1, 1]
    partly = Samples.of([(X[:4], Y[:4], torch.zeros(4)), (X[4:], None)])
    assert partly.labels is None
    assert partly.units.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(Samples.of([[X[:4]], X[4:]]).inputs) == 6


@pytest.mark.parametrize(("count", "seen"), [(2, 1), (5, 3), (6, 3)])
def test_halves_hold_every_unit_once_and_the_larger_one_chooses(count, seen):
    units = torch.arange(count).repeat_interleave(2)
    samples = Samples(torch.arange(2.0 * count)[:, None], torch.arange(2.0 * count) + 0.5, units)
    first, second = samples.halves(0)
    assert (first.independent, second.independent) == (seen, count - seen)
    assert not set(first.units.tolist()) & set(second.units.tolist())
    for half in (first, second):
        assert len(half.inputs) == 2 * half.independent
        assert torch.equal(half.labels, half.inputs[:, 0] + 0.5)
        assert torch.equal(half.units, (half.inputs[:, 0] / 2).long())
    order = torch.randperm(count, generator=torch.Generator().manual_seed(4))[:seen]
    assert set(samples.halves(4)[0].units.tolist()) == set(order.tolist())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((X, Y, torch.zeros(5)), "data: expected 6 clusters, one an input, got 5"),
        ((X, Y[:5]), "data: expected 6 labels, one an input, got 5"),
        (torch.ones(6), r"data: expected real inputs \(rows, ...\) as one tensor.*got \(6,\); x\[:, None\]"),
        ((None, Y), r"data: expected real inputs .*got none, \(6, 1\)"),
        ([(X, Y, Y, Y)], r"data: expected real inputs .*got \(6, 2\), \(6, 1\), \(6, 1\), \(6, 1\)"),
        ((X, "labels"), "data: expected tensors or arrays, got"),
        (7, "data: expected tensors or arrays, got int"),
        ((X, Y.clone().fill_(torch.inf)), "data: expected finite numbers"),
    ],
)
def test_what_is_no_sample_is_refused_by_name(data, words):
    with pytest.raises(ArgumentError, match=words):
        Samples.of(data)


def test_one_unit_cannot_be_divided():
    with pytest.raises(ArgumentError, match=r"data: expected at least two independent .*got 6 rows of one; give more"):
        Samples.of((X, None, torch.zeros(6))).halves(0)
