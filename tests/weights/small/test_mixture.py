"""The small mixture of experts is what a plain loop over samples, experts and units says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.weights import verify
from haar.weights.small import SmallMixture


def normed(x):
    return x / np.sqrt(np.mean(x**2) + 1e-6)


@pytest.mark.parametrize("chosen", [1, 2, 3, None])
def test_the_greatest_gates_count(chosen):
    torch.manual_seed(0)
    model = SmallMixture(4, 2, dim=5, experts=3, units=6, chosen=chosen).double()
    with torch.no_grad():
        for bias in (model.up_bias, model.down_bias):
            bias.normal_()
    x = torch.randn(7, 4, dtype=torch.float64)
    p = {name: value.numpy() for name, value in model.state_dict().items()}
    for row, found in zip(x.numpy(), model(x).detach(), strict=True):
        h = p["trunk.weight"] @ row + p["trunk.bias"]
        z = normed(h)
        scores = p["gate.weight"] @ z + p["gate.bias"]
        best = np.argsort(scores)[::-1][: chosen or 3]
        shares = np.exp(scores[best]) / np.exp(scores[best]).sum()
        for share, e in zip(shares, best, strict=True):
            units = np.maximum(p["up"][e] @ z + p["up_bias"][e], 0)
            h = h + share * (p["down"][e] @ units + p["down_bias"][e])
        expected = p["head.weight"] @ normed(h) + p["head.bias"]
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-12)
    assert verify(model, model.action, x).preserved
