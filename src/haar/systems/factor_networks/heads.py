"""What follows factors: a perceptron, or a sum of one small perceptron a factor."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


def perceptron(sizes: Sequence[int], generator: torch.Generator | None = None) -> nn.Sequential:
    """Linear maps with ReLU between them.

    Args:
        sizes: Of the input, the hidden layers and the output.
        generator: Source of the first weights; by default torch's.

    Example:
        >>> [tuple(p.shape) for p in perceptron((3, 8, 1)).parameters()]
        [(8, 3), (8,), (1, 8), (1,)]
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.ReLU()] * bool(layers) + [drawn_linear(inputs, outputs, generator)]
    return nn.Sequential(*layers)


def drawn_linear(inputs: int, outputs: int, generator: torch.Generator | None = None) -> nn.Linear:
    """torch's linear layer with torch's own law of first weights, drawn from a generator."""
    linear = nn.Linear(inputs, outputs)
    bound = inputs**-0.5
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return linear


class AdditiveHead(nn.Module):
    """m(f) = b + sum of m_j(f_j), one perceptron for every factor, computed together.

    Args:
        k: Number of factors.
        hidden: Hidden units of each layer of every m_j.
        generator: Source of the first weights; by default torch's.

    Source: after the additive layers that arXiv 2502.11310 names; the sizes are ours.

    Example:
        >>> AdditiveHead(3, (8,))(torch.zeros(5, 3)).shape
        torch.Size([5, 1])
    """

    def __init__(self, k: int, hidden: Sequence[int], generator: torch.Generator | None = None) -> None:
        super().__init__()
        sizes = (1, *hidden, 1)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in itertools.pairwise(sizes):
            bound = inputs**-0.5
            weight, bias = torch.empty(k, inputs, outputs), torch.empty(k, 1, outputs)
            for drawn, found in ((weight, self.weights), (bias, self.biases)):
                found.append(nn.Parameter(drawn.uniform_(-bound, bound, generator=generator)))

    def terms(self, f: Float[Tensor, "b k"]) -> Float[Tensor, "b k"]:
        """Every m_j(f_j)."""
        x = f.mT.unsqueeze(-1)
        last = len(self.weights) - 1
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            if place < last:
                x = x.relu()
        return x.squeeze(-1).mT

    def forward(self, f: Float[Tensor, "b k"]) -> Float[Tensor, "b 1"]:
        """Their sum."""
        return self.terms(f).sum(-1, keepdim=True)
