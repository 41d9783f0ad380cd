from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch
from scipy import stats

from haar.errors import ArgumentError
from haar.moments import kstats
from haar.moments.laws import Discrete, Exponential

LAW = Discrete((-1, 0, 3), (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)))


@pytest.mark.parametrize("n", [4, 5])
def test_k_statistics_are_unbiased_by_enumeration_of_all_samples(n):
    samples = torch.tensor(list(itertools.product(LAW.values, repeat=n)), dtype=torch.float64).mT
    weights = torch.tensor([float(p) for p in LAW.probabilities], dtype=torch.float64)
    chance = torch.tensor(list(itertools.product(weights.tolist(), repeat=n)), dtype=torch.float64).prod(-1)
    expected = (kstats(samples).values * chance).sum(-1)
    exact = torch.tensor([float(LAW.cumulant(k)) for k in range(1, 5)], dtype=torch.float64)
    torch.testing.assert_close(expected, exact, rtol=1e-11, atol=1e-11)


def test_k_statistics_agree_with_scipy(generator):
    x = torch.randn(50, dtype=torch.float64, generator=generator).exp()
    expected = torch.tensor([stats.kstat(x.numpy(), k) for k in range(1, 5)], dtype=torch.float64)
    torch.testing.assert_close(kstats(x).values, expected, rtol=1e-11, atol=1e-11)


def test_standard_errors_have_the_spread_of_repeated_estimates(generator):
    x = Exponential().sample((2000, 400), generator)
    found = kstats(x)
    spread = found.values.std(-1)
    torch.testing.assert_close(found.errors.mean(-1)[:3], spread[:3], rtol=0.25, atol=0.0)


def test_errors_on_normal_data_are_the_textbook_ones(generator):
    x = torch.randn(4000, dtype=torch.float64, generator=generator) * 2
    found = kstats(x)
    rough = torch.tensor([(6 * 64 / 4000) ** 0.5, (24 * 256 / 4000) ** 0.5], dtype=torch.float64)
    torch.testing.assert_close(found.gaussian_errors[2:], rough, rtol=0.15, atol=0.0)
    torch.testing.assert_close(found.errors[2:], found.gaussian_errors[2:], rtol=0.3, atol=0.0)


def test_errors_of_four_normal_numbers_are_the_textbook_ones():
    x = torch.tensor([-3.0, -1.0, 1.0, 3.0], dtype=torch.float64) * (3 / 20) ** 0.5  # of variance 1
    expected = torch.tensor([1 / 4, 2 / 3, 6 * 4 / (3 * 2), 24 * 4 * 5 / (3 * 2 * 1)], dtype=torch.float64).sqrt()
    torch.testing.assert_close(kstats(x).gaussian_errors, expected)


def test_to_dict_has_a_schema():
    found = kstats(torch.arange(8.0)).to_dict()
    assert found["schema"] == 1
    assert found["count"] == 8
    assert len(found["values"]) == 4


@pytest.mark.parametrize("shape", [(3,), (2, 5)])
def test_too_few_samples_are_refused(shape):
    with pytest.raises(ArgumentError, match="samples: expected at least 4 samples"):
        kstats(torch.zeros(shape))
