"""A table beside its model: one that is wrong is refused; models that draw numbers are let alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.errors import ArgumentError
from haar.weights import ParameterAction, Units
from haar.weights.beside import check_beside

RIGHT = {"0.weight": ("a", None), "0.bias": ("a",), "2.weight": (None, "a*"), "2.bias": (None,)}


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_wrong_table_is_refused(dtype):
    model, x = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).to(dtype), torch.randn(4, 3, dtype=dtype)
    check_beside(model, [x], ParameterAction({"a": Units(6)}, RIGHT))
    with pytest.raises(ArgumentError, match="model: expected a model of which one run says which units"):
        check_beside(model, [x], ParameterAction({"a": Units(6)}, {**RIGHT, "0.bias": (None,)}))


def test_nothing_is_said_of_models_that_draw_numbers_or_hold_none_that_are_finite():
    noisy = nn.Sequential(nn.Linear(3, 6), Noisy(), nn.Linear(6, 2))
    check_beside(noisy, [torch.randn(4, 3)], ParameterAction({"a": Units(6)}, RIGHT))
    nn.init.constant_(noisy[0].weight, torch.nan)
    check_beside(noisy, [torch.randn(4, 3)], ParameterAction({"a": Units(6)}, RIGHT))
