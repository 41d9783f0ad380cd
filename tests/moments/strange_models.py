"""Models whose forward is given, and the check of what is sampled in place of being followed."""

from __future__ import annotations

import torch
from torch import nn

from haar.moments import Gaussian, propagate

LAW = Gaussian([0.3, -0.2, 0.5], [[1.0, 0.2, 0.0], [0.2, 0.5, 0.1], [0.0, 0.1, 0.7]])


class Model(nn.Module):
    """A layer, a buffer, and what forward does with them."""

    def __init__(self, forward):
        super().__init__()
        self.layer, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.register_buffer("count", torch.ones(()))
        self.calls = 0
        self.how = forward

    def forward(self, x):
        return self.how(self, x)


def check_sampled(model, law=LAW):
    """The sampled moments are those of the model, within five standard errors of both samples."""
    with torch.no_grad():
        found = propagate(model, law, on_unsupported="sample")
        y = model(law.sample(20_000, torch.Generator().manual_seed(5)).double()).reshape(20_000, -1)
    assert not found.exact
    assert ((found.mean - y.mean(0)).abs() <= 5 * (2 / 20_000) ** 0.5 * y.std(0) + 1e-12).all()
