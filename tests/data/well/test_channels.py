from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions.layout import FieldSpec
from haar.data.well import join_channels, split_channels
from haar.errors import ArgumentError, ShapeError


@given(st.integers(1, 3), st.lists(st.integers(0, 2), min_size=1, max_size=4), st.integers(0, 2))
def test_split_and_join_are_inverse(dim, orders, lead):
    fields = [FieldSpec(f"f{i}", order) for i, order in enumerate(orders)]
    channels = sum(field.size(dim) for field in fields)
    shape = (*(2, 3)[:lead], channels, *(4, 5, 2)[:dim])
    x = torch.arange(float(torch.Size(shape).numel())).reshape(shape)
    parts = split_channels(x, fields, dim)
    assert all(parts[f.name].shape == (*shape[:lead], *shape[lead + 1 :], *(dim,) * f.order) for f in fields)
    assert torch.equal(join_channels(parts, fields, dim), x)


def test_tensor_components_are_row_major():
    x = torch.arange(4.0).reshape(4, 1, 1)
    assert split_channels(x, [FieldSpec("t", 2)], 2)["t"][0, 0].tolist() == [[0.0, 1.0], [2.0, 3.0]]


def test_wrong_channels_are_refused():
    with pytest.raises(ShapeError, match=r"tensor: expected 3 channels \(p, u\) before 2 space axes, got shape \(2, 8"):
        split_channels(torch.zeros(2, 8, 8), [FieldSpec("p"), FieldSpec("u", 1)], 2)
    with pytest.raises(ShapeError, match="tensor: expected 1 channels"):
        split_channels(torch.zeros(1, 8), [FieldSpec("p")], 2)
    with pytest.raises(ArgumentError, match="arrays: expected the field u, got only p"):
        join_channels({"p": torch.zeros(8, 8)}, [FieldSpec("p"), FieldSpec("u", 1)], 2)
