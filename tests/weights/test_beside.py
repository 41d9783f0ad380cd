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
    with torch.no_grad():
        model[2].bias += 7
    check_beside(model, [x], ParameterAction({"a": Units(6)}, RIGHT))
    wrong = ParameterAction({"a": Units(6)}, {**RIGHT, "0.bias": (None,)})
    with torch.no_grad():
        here = model(x)
        moved = wrong.act(wrong.random(0, dtype=dtype), dict(model.state_dict()))
        share = float((torch.func.functional_call(model, moved, (x,)) - here).abs().max() / here.abs().max())
    with pytest.raises(ArgumentError, match="model: expected a model of which one run says which units") as caught:
        check_beside(model, [x], wrong)
    assert f"got Sequential, whose outputs change by {share:.2g} of their size when they do;" in str(caught.value)


def test_nothing_is_said_of_models_that_draw_numbers_or_hold_none_that_are_finite():
    noisy = nn.Sequential(nn.Linear(3, 6), Noisy(), nn.Linear(6, 2))
    check_beside(noisy, [torch.randn(4, 3)], ParameterAction({"a": Units(6)}, RIGHT))
    nn.init.constant_(noisy[0].weight, torch.nan)
    check_beside(noisy, [torch.randn(4, 3)], ParameterAction({"a": Units(6)}, RIGHT))
