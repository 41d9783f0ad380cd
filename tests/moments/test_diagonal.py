"""The diagonal backend: the dense one where units are uncorrelated, and refusals by name."""

from __future__ import annotations

import pytest
import torch
from moment_networks import mlp
from torch import nn

from haar.errors import ArgumentError
from haar.moments import Gaussian, propagate


def test_the_diagonal_backend_is_the_dense_one_where_units_are_uncorrelated():
    model = mlp(4, 1, inputs=3, outputs=2)
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].weight[:3] = torch.eye(3)
    law = Gaussian([0.1, 0.2, 0.3], torch.tensor([1.0, 0.5, 2.0]))
    dense, diagonal = propagate(model, law), propagate(model, law, backend="diagonal")
    torch.testing.assert_close(diagonal.mean, dense.mean)
    torch.testing.assert_close(diagonal.variance, dense.variance)
    assert not diagonal.exact
    conv = nn.Sequential(nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Dropout(0.2)).train()
    found = propagate(conv, law, backend="diagonal", input_shape=(1, 3))
    exact = propagate(conv, law, input_shape=(1, 3))
    torch.testing.assert_close(found.variance, exact.variance)


def test_the_diagonal_backend_refuses_what_it_cannot_do():
    law = Gaussian(torch.zeros(3))
    with pytest.raises(ArgumentError, match=r"got LayerNorm .*use backend='dense'"):
        propagate(nn.Sequential(nn.LayerNorm(3)), law, backend="diagonal", on_unsupported="linearise")
    wide = nn.Sequential(nn.Flatten())
    with pytest.raises(ArgumentError, match="backend: expected affine steps whose matrix fits 2 GB"):
        propagate(wide, Gaussian(torch.zeros(20_000)), backend="diagonal")
