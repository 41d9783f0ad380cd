"""Sums merge exactly and intervals cover."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit.sums import Estimate, OrbitSums, Resampler
from haar.errors import ArgumentError


def add(sums, predictions, labels, clusters):
    f = predictions[0]
    sums.update(predictions, f + 0.0, labels, f - f.mean(-1, keepdim=True), clusters)


@given(st.integers(1, 5), st.integers(2, 40), st.integers(0, 10_000))
def test_any_split_of_the_samples_gives_the_same_sums(parts, samples, seed):
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn(4, samples, 6, generator=generator, dtype=torch.float64)
    labels = torch.randn(samples, 6, generator=generator, dtype=torch.float64)
    clusters = torch.randint(100, (samples,), generator=generator)
    whole = OrbitSums.zeros(4, bins=8)
    add(whole, predictions, labels, clusters)
    merged = OrbitSums.zeros(4, bins=8)
    for rows in torch.arange(samples).tensor_split(parts):
        part = OrbitSums.zeros(4, bins=8)
        if len(rows):
            add(part, predictions[:, rows], labels[rows], clusters[rows])
        merged = merged.merge(part)
    for a, b in zip(whole.tensors(), merged.tensors(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


def test_merging_other_elements_is_refused():
    with pytest.raises(ArgumentError, match="other: expected sums of shape"):
        OrbitSums.zeros(3).merge(OrbitSums.zeros(4))


def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(5)
    hits = 0
    for _ in range(200):
        sums = OrbitSums.zeros(1, bins=64)
        values = torch.randn(64, generator=generator, dtype=torch.float64).exp()
        sums.samples += 1
        estimate = Resampler(sums, draws=500).ratio(values, sums.samples)
        hits += estimate.low <= math.exp(0.5) <= estimate.high
    # A percentile bootstrap of a skewed law covers a little less than 95 %: 178 of 200 is 89 %.
    assert 168 <= hits <= 198


def test_estimates_format_with_their_interval():
    assert f"{Estimate(1.0, 0.5, 2.0):.1f}" == "1.0 [0.5, 2.0]"
    assert Estimate(1.0, 0.5, 2.0).to_dict() == {"value": 1.0, "low": 0.5, "high": 2.0}
