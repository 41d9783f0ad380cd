"""The verification at both ends of the homotopy, on both sides of each tolerance."""

from __future__ import annotations

import copy

import pytest
import torch
from relax_worlds import SYMMETRY, data
from torch import nn

from haar.errors import ArgumentError, NotEquivariantError
from haar.relax import homotopise
from haar.relax.wrapping.verification import verify

X, _ = data(8)


class Leaning(nn.Module):
    """Adds a little to the first coordinate only."""

    def __init__(self, layer, size):
        super().__init__()
        self.layer, self.size = layer, size

    def forward(self, x):
        y = self.layer(x)
        return y + self.size * y.abs().max() * torch.tensor([1.0, 0.0], dtype=y.dtype)


def leaning(size):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Linear(6, 2)).double()
    homotopy = homotopise(copy.deepcopy(plain), SYMMETRY)
    homotopy.model[0] = Leaning(homotopy.model[0], size)
    return homotopy, plain


def test_a_break_of_a_ten_millionth_is_no_rounding():
    assert verify(*leaning(1e-12), (X,)) < 1e-11
    with pytest.raises(NotEquivariantError, match=r"at gamma = 0 the model is not equivariant under .* of C4"):
        verify(*leaning(1e-7), (X,))


def test_at_gamma_one_it_is_the_model_to_a_millionth():
    with pytest.raises(ArgumentError, match="model: expected the same outputs at gamma = 1"):
        verify(*leaning(1e-5), (X,))
