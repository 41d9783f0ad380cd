"""The networks that moments are followed through: He-initialised perceptrons, and activations in and out of torch."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn


class Quadratic(nn.Module):
    def forward(self, z):
        return z + 0.5 * z**2


class Own(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, z):
        return self.function(z)


ACTIVATIONS = {
    "relu": nn.ReLU(),
    "gelu": nn.GELU(),
    "erf": Own(torch.erf),
    "quadratic": Quadratic(),
    "sin": Own(torch.sin),
    "tanh": nn.Tanh(),
    "leaky": nn.LeakyReLU(0.2),
}


def mlp(width, depth, activation=None, *, seed=0, inputs=None, outputs=None, dtype=torch.float64):
    """He-initialised, as the accuracy table asks for."""
    torch_state = torch.get_rng_state()
    torch.manual_seed(seed)
    sizes = [inputs or width, *([width] * depth), outputs or width]
    layers = []
    for a, b in itertools.pairwise(sizes):
        layer = nn.Linear(a, b)
        nn.init.normal_(layer.weight, std=math.sqrt(2 / a))
        nn.init.normal_(layer.bias, std=0.1)
        layers += [layer, activation or nn.ReLU()]
    torch.set_rng_state(torch_state)
    return nn.Sequential(*layers[:-1]).to(dtype)
