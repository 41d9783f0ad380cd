"""Functions with planted symmetries."""

from __future__ import annotations

import pytest
import torch


def normal(count, size, seed=0):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def draw():
    return normal


def vectors_to_vector(points, seed=0, breaking=0.0):
    mixing = normal(points, points, seed) / 2

    def function(x):
        v = x.unflatten(-1, (points, 3))
        gram = torch.einsum("bij,bkj->bik", v, v)
        weights = torch.tanh(torch.einsum("bij,jk->bik", gram, mixing.to(x))).sum(1)
        y = (weights[..., None] * v).sum(1) + 0.5 * torch.linalg.cross(v[:, 0], v[:, 1])
        return y + breaking * torch.stack([x[:, 0] * x[:, 4], x[:, 1].square(), x[:, 2] * x[:, 5].tanh()], 1)

    return function


@pytest.fixture
def turning():
    return vectors_to_vector
