"""Parameters of torch's own layers drawn from a generator, the same when they are drawn again later."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from haar.constants import target_device

L = TypeVar("L", bound=nn.Linear)


class Projection(nn.Linear):
    """`torch.nn.Linear` that starts with variance 1 / features of its weights and no bias."""

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights."""
        with torch.no_grad():
            self.weight.normal_(0, self.in_features**-0.5, generator=generator)
            if self.bias is not None:
                self.bias.zero_()


class Unshifted(nn.Linear):
    """`torch.nn.Linear` that starts without a bias."""

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Draw the weights by torch's own law."""
        draw_uniform(self, self.in_features**-0.5, generator)
        with torch.no_grad():
            if self.bias is not None:
                self.bias.zero_()


def linear_of(
    kind: type[L],
    before: int,
    after: int,
    *,
    bias: bool = True,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> L:
    """A linear layer of a kind, drawn from a generator; torch's own are uniform within 1 / sqrt(before)."""
    layer: L = nn.utils.skip_init(kind, before, after, bias=bias, dtype=dtype)
    if isinstance(layer, Projection | Unshifted):
        layer.reset_parameters(generator)
    else:
        draw_uniform(layer, before**-0.5, generator)
    return layer.to(target_device())


def draw_uniform(module: nn.Module, bound: float, generator: torch.Generator | None = None) -> None:
    """Every parameter of the module's own, uniform between -bound and bound."""
    with torch.no_grad():
        for parameter in module.parameters(recurse=False):
            parameter.uniform_(-bound, bound, generator=generator)


def draw_by_size(*parameters: Tensor, generator: torch.Generator | None = None) -> None:
    """Parameters uniform within 1 / sqrt of their last size, each."""
    with torch.no_grad():
        for parameter in parameters:
            bound = parameter.shape[-1] ** -0.5
            parameter.uniform_(-bound, bound, generator=generator)
