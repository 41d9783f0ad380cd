"""Decimation of the Ising chain: enumeration, composition, free energy, sampling."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.systems.renormalisation.ising import (
    correlation_length,
    decimate,
    decimate_in_field,
    free_energy,
    sample_chain,
    transfer_matrix,
)

couplings = st.floats(-3, 3)


@given(couplings, st.integers(1, 5))
def test_the_law_of_tanh(coupling, b):
    made = decimate(torch.tensor(coupling, dtype=torch.float64), b)
    assert math.tanh(made.item()) == pytest.approx(math.tanh(coupling) ** b, rel=1e-10, abs=1e-15)


@given(couplings, st.integers(1, 4), st.integers(1, 4))
def test_decimations_compose(coupling, b, c):
    K = torch.tensor(coupling, dtype=torch.float64)
    torch.testing.assert_close(decimate(decimate(K, b), c), decimate(K, b * c), rtol=1e-9, atol=1e-12)


def test_strong_couplings_lose_half_a_logarithm():
    K = torch.tensor([20.0, 100.0, -300.0], dtype=torch.float64)
    torch.testing.assert_close(decimate(K, 3), K - torch.sign(K) * 0.5 * math.log(3), rtol=1e-12, atol=1e-12)


@given(st.floats(0.05, 2), st.floats(-1.5, 1.5), st.integers(1, 4))
def test_summing_over_spins_is_a_chain_with_new_couplings(coupling, field, b):
    K, h, g = decimate_in_field(coupling, field, b)
    torch.testing.assert_close(
        math.exp(g) * transfer_matrix(K, h),
        torch.linalg.matrix_power(transfer_matrix(coupling, field), b),
        rtol=1e-10,
        atol=1e-12,
    )
    assert b * free_energy(coupling, field) == pytest.approx(g + free_energy(K, h), rel=1e-10)


def test_decimation_by_enumeration():
    K, h = 0.7, 0.3
    weights = {}
    for spins in itertools.product((1, -1), repeat=3):
        ends = 0.5 * (spins[0] + spins[2])
        weight = math.exp(K * (spins[0] * spins[1] + spins[1] * spins[2]) + h * (ends + spins[1]))
        weights[spins[0], spins[2]] = weights.get((spins[0], spins[2]), 0.0) + weight
    K2, h2, g = decimate_in_field(K, h)
    for (left, right), weight in weights.items():
        assert math.exp(g + K2 * left * right + 0.5 * h2 * (left + right)) == pytest.approx(weight, rel=1e-12)


@given(st.floats(0.1, 3), st.integers(1, 5))
def test_the_correlation_length_shrinks_by_b(coupling, b):
    made = decimate(torch.tensor(coupling, dtype=torch.float64), b).item()
    assert b * correlation_length(made) == pytest.approx(correlation_length(coupling), rel=1e-9)


def test_samples_have_the_couplings_and_keep_them_when_decimated(generator):
    spins = sample_chain(0.8, 200, chains=400, generator=generator)
    for b in (1, 2, 3):
        kept = spins[:, ::b]
        found = (kept[:, 1:] * kept[:, :-1]).mean().item()
        expected = math.tanh(decimate(torch.tensor(0.8, dtype=torch.float64), b).item())
        assert found == pytest.approx(expected, abs=5 / math.sqrt(kept.numel()))
    assert abs(spins.mean().item()) < 5 * math.exp(0.8) / math.sqrt(spins.numel())


def test_ends_of_the_scale():
    assert correlation_length(0.0) == 0.0
    assert correlation_length(50.0) == math.inf
    with pytest.raises(ArgumentError, match="b: expected at least 1, got 0"):
        decimate(torch.ones(1), 0)
    with pytest.raises(ArgumentError, match="b: expected at least 1, got -1"):
        decimate_in_field(1.0, 0.0, -1)
    with pytest.raises(ArgumentError, match="sites: expected at least 1, got 0"):
        sample_chain(1.0, 0)
