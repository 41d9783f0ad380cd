"""The assertion for tables of parameters: right ones pass, wrong ones are told by tensor and axis."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from haar.testing import assert_function_preserved
from haar.weights import traced

X = torch.randn(5, 2)


def test_a_right_table_passes_and_a_wrong_one_is_told():
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    action = traced(model, X)
    assert_function_preserved(model, action, X)
    wrong = replace(action, tensors={**action.tensors, "0.bias": (None,)})
    with pytest.raises(AssertionError, match=r"units0 \(.*\); 0.bias, axis 0: expected 'units0', the table says None"):
        assert_function_preserved(model, wrong, X)
    assert_function_preserved(model, wrong, X, tolerance=1e3)
