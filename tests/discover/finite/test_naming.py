"""Groups by their names in the field, whatever generators are given; p-values of defects against scipy's."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from haar.discover.finite.exchange import Exchange
from haar.discover.finite.naming import name_of
from haar.discover.finite.symmetry_judge import told
from haar.groups import PermutationGroup


def shifted(*cycle, n):
    """The permutation of n places that sends each of a cycle to the next."""
    places = list(range(n))
    for here, there in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
        places[here] = there
    return places


def product(*permutations):
    """One after the other."""
    found = list(range(len(permutations[0])))
    for one in permutations:
        found = [one[place] for place in found]
    return found


SWAPS = [shifted(0, 1, n=4), shifted(2, 3, n=4)]
PLAIN = {
    "none": [list(range(3))],
    "S2": [shifted(1, 2, n=3)],
    "S3": [shifted(0, 1, 2, n=4), shifted(0, 1, n=4)],
    "S3 x S2": [shifted(0, 1, 2, n=5), shifted(0, 1, n=5), shifted(3, 4, n=5)],
    "S2 x S2": SWAPS,
    "C2": [product(*SWAPS)],
    "C3": [shifted(0, 1, 2, n=3)],
    "C4": [shifted(0, 1, 2, 3, n=4)],
    "C2^2": [product(*SWAPS), product(shifted(0, 2, n=4), shifted(1, 3, n=4))],
    "D4": [shifted(0, 1, 2, 3, n=4), shifted(0, 2, n=4)],
    "A4": [shifted(0, 1, 2, n=4), shifted(1, 2, 3, n=4)],
    "A5": [shifted(0, 1, 2, n=5), shifted(0, 1, 2, 3, 4, n=5)],
    "F20": [shifted(0, 1, 2, 3, 4, n=5), shifted(1, 2, 4, 3, n=5)],
    "F21": [shifted(0, 1, 2, 3, 4, 5, 6, n=7), product(shifted(1, 2, 4, n=7), shifted(3, 6, 5, n=7))],
    "S3 wr S2": [
        shifted(0, 1, 2, n=6),
        shifted(0, 1, n=6),
        product(shifted(0, 3, n=6), shifted(1, 4, n=6), shifted(2, 5, n=6)),
    ],
    "Q8": [
        product(shifted(0, 1, 2, 3, n=8), shifted(4, 7, 6, 5, n=8)),
        product(shifted(0, 4, 2, 6, n=8), shifted(1, 5, 3, 7, n=8)),
    ],
}


@pytest.mark.parametrize("name", PLAIN)
def test_exchanges_without_signs(name):
    rows = PLAIN[name]
    count = len(rows[0])
    exchange = Exchange((count,), -1, False, (0,) * count, "invariant", (1,))
    assert name_of(PermutationGroup(rows), exchange) == name


SIGNED = {
    "sign": [([0, 1], [-1, 1])],
    "B2": [([1, 0], [1, 1]), ([0, 1], [-1, 1])],
    "sign x sign": [([0, 1], [-1, 1]), ([0, 1], [1, -1])],
    "B2 x sign": [([1, 0, 2], [1, 1, 1]), ([0, 1, 2], [-1, 1, 1]), ([0, 1, 2], [1, 1, -1])],
    "B3": [([1, 2, 0], [1, 1, 1]), ([1, 0, 2], [1, 1, 1]), ([0, 1, 2], [-1, 1, 1])],
    "C2": [([0, 1], [-1, -1])],
    "S3": [([1, 2, 0], [1, 1, 1]), ([1, 0, 2], [1, 1, 1])],
}


@pytest.mark.parametrize("name", SIGNED)
def test_exchanges_with_signs(name):
    count = len(SIGNED[name][0][0])
    exchange = Exchange((count,), -1, True, (0,) * count, "invariant", (1,))
    rows = [exchange.of_entries(*one).tolist() for one in SIGNED[name]]
    assert name_of(PermutationGroup(rows), exchange) == name


@pytest.mark.parametrize(("middle", "tolerance"), [(0.3, 0.6), (0.3, 0.5), (0.1, 0.5)])
def test_a_defect_below_the_tolerance_is_told_as_a_t_test_tells_it(middle, tolerance):
    top = middle + 0.1 * torch.randn(12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    estimate, p = told(top, torch.ones(12, dtype=torch.float64), tolerance, 0.1)
    expected = stats.ttest_1samp(top.numpy(), tolerance**2, alternative="less").pvalue
    assert p == pytest.approx(expected, rel=1e-9)
    assert estimate.value == pytest.approx(float(top.mean()) ** 0.5, rel=1e-12)
    assert told(4 * top, 4 * torch.ones(12, dtype=torch.float64), tolerance, 0.1)[1] == pytest.approx(p, rel=1e-9)


def test_errors_that_are_all_alike_are_below_or_not():
    top, bottom = torch.full((8,), 0.25, dtype=torch.float64), torch.ones(8, dtype=torch.float64)
    assert [told(top, bottom, level, 0.05)[1] for level in (0.4, 0.5, 0.6)] == [1.0, 1.0, 0.0]
    assert told(top[:2], bottom[:2], 0.6, 0.05)[1] == 1.0  # two say nothing
