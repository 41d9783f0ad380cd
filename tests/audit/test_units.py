"""Which units share a row: never by their numbers."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.audit.units import UnitTable

F64 = torch.float64


def table(units, values=None, capacity=None):
    made = UnitTable([()], capacity)
    made.add(units, [torch.arange(1.0, len(units) + 1) if values is None else torch.tensor(values)])
    return made


def test_units_have_rows_in_the_order_in_which_they_come():
    made = table([2**62, -7, 2**62, 128, 0])
    assert made.tensors[0].tolist() == [1 + 3, 2, 4, 5]
    assert made.tensors[0].tolist() == table([5, 6, 5, 7, 8]).tensors[0].tolist()


def test_beyond_the_capacity_units_share_rows_turn_by_turn():
    made = table(list(range(7)), capacity=3)
    assert made.tensors[0].tolist() == [1 + 4 + 7, 2 + 5, 3 + 6]
    assert made.sizes().tolist() == [3, 2, 2]


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40))
def test_tables_of_other_units_merged_in_order_are_the_table_of_all(capacity, first, second):
    a, b = list(range(first)), list(range(first, first + second))
    whole, merged = table(a + b, capacity=capacity), table(a, capacity=capacity)
    merged.merge(table(b, [float(k + 1) for k in b], capacity=capacity))
    assert merged.rows == whole.rows
    torch.testing.assert_close(merged.tensors[0], whole.tensors[0], rtol=1e-12, atol=1e-12)


def test_what_belongs_to_one_unit_comes_together():
    made = table([1, 2, 3])
    made.merge(table([3, 9], [10.0, 20.0]))
    assert made.tensors[0].tolist() == [1, 2, 3 + 10, 20]


def test_a_row_that_ties_units_joins_their_rows():
    made = table([1, 2, 3])
    made.add_together([1, 3], [torch.tensor([10.0, 20.0])])
    assert made.rows == {1: 0, 2: 1, 3: 0}
    assert made.tensors[0].tolist() == [1 + 3 + 10 + 20, 2, 0]
    made.merge(made.copy())
    assert made.tensors[0].tolist() == [68, 4, 0]


def test_rows_are_kept_apart_as_far_as_memory_allows():
    assert UnitTable([(1000, 1000)]).capacity == 128
    assert UnitTable([(8, 8)]).capacity == 2**25 // (8 * 64)
