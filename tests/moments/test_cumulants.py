from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.moments.cumulants import joint_cumulant, joint_moment, set_partitions, to_cumulants, to_moments

rationals = st.fractions(min_value=-3, max_value=3, max_denominator=7)


@given(st.lists(rationals, min_size=1, max_size=8))
def test_moments_and_cumulants_are_inverse_to_each_other_in_rationals(values):
    assert to_moments(to_cumulants(values)) == values
    assert to_cumulants(to_moments(values)) == values


@given(rationals)
def test_poisson_has_all_cumulants_equal_to_its_rate(rate):
    # Touchard polynomials: the n-th moment counts set partitions by their number of blocks.
    moments = [sum((rate ** len(p) for p in set_partitions(range(n))), Fraction(0)) for n in range(1, 7)]
    assert to_cumulants(moments) == [rate] * 6


@given(st.lists(st.tuples(rationals, st.integers(1, 5)), min_size=1, max_size=4))
def test_joint_cumulants_of_one_variable_are_the_univariate_ones(atoms):
    total = sum(weight for _, weight in atoms)
    moments = [sum((Fraction(w, total) * v**n for v, w in atoms), Fraction(0)) for n in range(1, 6)]
    found = [joint_cumulant(lambda block: moments[len(block) - 1], [0] * n) for n in range(1, 6)]
    assert found == to_cumulants(moments)


@given(st.lists(st.tuples(rationals, rationals, rationals), min_size=2, max_size=4))
def test_joint_moments_and_cumulants_are_inverse_to_each_other(points):
    def moment(block):
        return sum((math.prod((p[i] for i in block), start=Fraction(1)) for p in points), Fraction(0)) / len(points)

    def cumulant(block):
        return joint_cumulant(moment, block)

    for indices in ((0, 1, 2), (0, 0, 1, 2), (0, 0, 1, 1), (0, 1)):
        assert joint_moment(cumulant, indices) == moment(indices)


def test_cumulants_of_tensors_keep_their_gradient():
    moments = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.5, 1.0, 2.0)]
    third = to_cumulants(moments)[2]
    third.backward()
    assert moments[1].grad.item() == pytest.approx(-3 * 0.5)


def test_bell_numbers():
    assert [len(list(set_partitions(range(n)))) for n in range(7)] == [1, 1, 2, 5, 15, 52, 203]


@pytest.mark.parametrize("function", [joint_cumulant, joint_moment])
def test_no_index_is_refused(function):
    with pytest.raises(ArgumentError, match="indices: expected at least one variable index, got none"):
        function(lambda _block: 1, [])
