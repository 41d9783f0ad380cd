from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from haar.statistics import holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_between_the_raw_and_the_bonferroni_p(values):
    adjusted = holm(values)
    for p, q in zip(values, adjusted, strict=True):
        assert p <= q <= min(1.0, len(values) * p + 1e-15) or q == max(adjusted)
    assert [values[k] for k in sorted(range(len(values)), key=adjusted.__getitem__)] == sorted(values) or len(
        set(adjusted)
    ) < len(adjusted)


def test_holm_against_its_definition():
    assert holm([0.01, 0.04, 0.03]) == [0.03, 0.06, 0.06]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_test_without_a_p_value_counts_as_one():
    assert holm([math.nan, 0.01, 0.04]) == holm([1.0, 0.01, 0.04]) == [1.0, 0.03, 0.08]
