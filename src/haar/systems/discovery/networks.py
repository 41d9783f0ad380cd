"""Small networks, random and trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from haar.training import Plan, Run, draw

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU, "silu": nn.SiLU}


class Sine(nn.Module):
    """The sine of every number."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        return x.sin()


def network(sizes: Sequence[int], activation: str, seed: int) -> nn.Module:
    """Layers of some sizes with one activation, weights as torch draws them, biases standard normal."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise(sizes)):
            linear = nn.Linear(inputs, outputs, dtype=torch.float64)
            with torch.no_grad():
                linear.weight.normal_(0, (1.0 if k else 1.5) / math.sqrt(inputs))
                linear.bias.normal_(0, 0.5)
            layers.append(linear)
            if k < len(sizes) - 2:
                layers.append(Sine() if activation == "sin" else _ACTIVATIONS[activation]())
    return nn.Sequential(*layers)


class Fitted(nn.Module):
    """A trained network between standardised inputs and outputs; with `residual` it gives the change of its input."""

    def __init__(self, x: Tensor, y: Tensor, width: int, *, residual: bool = False, squash: bool = False) -> None:
        super().__init__()
        n, m = x[0].numel(), y[0].numel()
        self.residual, self.squash = residual, squash
        self.net = nn.Sequential(
            nn.Linear(n, width, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(width, width, dtype=torch.float64),
            nn.SiLU(),
            nn.Linear(width, m, dtype=torch.float64),
        )
        inside = self._inside(x.flatten(1))
        target = y.flatten(1) - x.flatten(1) if residual else y.flatten(1)
        self.register_buffer("mean", inside.mean(0))
        self.register_buffer("scale", inside.std(0))
        self.register_buffer("out_mean", target.mean(0))
        self.register_buffer("out_scale", target.std(0))
        self.mean: Tensor
        self.scale: Tensor

    def _inside(self, x: Tensor) -> Tensor:
        return torch.asinh(x) if self.squash else x

    def forward(self, x: Tensor) -> Tensor:
        """From inputs ``(b, ...)`` to outputs ``(b, m)``."""
        flat = x.flatten(1)
        out = self.net((self._inside(flat) - self.mean) / self.scale) * self.out_scale + self.out_mean
        found: Tensor = flat + out if self.residual else out
        return found


def train(
    x: Tensor,
    y: Tensor,
    *,
    width: int = 128,
    steps: int = 1500,
    seed: int = 0,
    residual: bool = False,
    squash: bool = False,
    learning_rate: float = 3e-3,
) -> Fitted:
    """Fit a network by mean squared error in units of the outputs' spread."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Fitted(x, y, width, residual=residual, squash=squash)
    scale = y.flatten(1).std(0)

    def loss(step: int, generator: torch.Generator) -> Tensor:
        del step
        rows = draw(len(x), 128, generator)
        found: Tensor = ((model(x[rows]) - y[rows].flatten(1)) / scale).square().mean()
        return found

    plan = Plan(steps=steps, learning_rate=learning_rate, schedule="cosine")
    Run(model.parameters(), loss, plan, seed=seed).train()
    return model.eval()


def relative_error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Root mean square of the error over the spread of the outputs."""
    with torch.no_grad():
        wrong = (model(x).reshape(y.shape) - y).square().mean()
    return float((wrong / (y - y.mean(0)).square().mean()).sqrt())
