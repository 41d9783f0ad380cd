"""Small networks that are compressed."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.weights.small import LlamaSizes, SmallGPT2, SmallLlama


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture
def perceptron():
    torch.manual_seed(0)
    layers = (nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
    return nn.Sequential(*layers).double()


@pytest.fixture
def pairs():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(48, 8, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (48,), generator=generator)
    return list(zip(x.split(16), y.split(16), strict=True))


@pytest.fixture
def near():
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(48, 8, generator=generator, dtype=torch.float64)
    return [(x, torch.randint(3, (48,), generator=generator))]


def _shaken(model):
    """No norm has gains of 1, no bias is 0, no weights are equal."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.double().eval()


@pytest.fixture
def llama():
    torch.manual_seed(3)
    return _shaken(SmallLlama(LlamaSizes(23, layers=2, dim=16, heads=4, groups=2, hidden=24)))


@pytest.fixture
def gpt2():
    torch.manual_seed(4)
    return _shaken(SmallGPT2(23, 12, layers=2, dim=16, heads=2, activation="relu"))


@pytest.fixture
def texts():
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(23, (6, 12), generator=generator) for _ in range(2)]
