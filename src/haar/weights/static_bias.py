"""Removal of parameter symmetries by a fixed random bias of every parameter ("syre")."""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from haar.errors import ArgumentError


class StaticBias(nn.Module):
    """A model that runs with theta + theta_0: theta_0 is random and fixed, theta alone is trained and decayed.

    A parameter symmetry of the model moves theta_0 too, so no symmetric point is favoured by weight decay any more.

    Args:
        model: Any module; a copy of it is kept, itself is not changed.
        scale: Standard deviation of theta_0.
        seed: Seed of theta_0.
        weighted: Decay every parameter with a random positive weight of its own (uniform in [1/2, 3/2]), which also
            removes the symmetries that the isotropic penalty leaves.

    Raises:
        ArgumentError: If the scale is not positive.

    Source: Ziyin et al., "Remove symmetries to control model expressivity" (arXiv 2408.15495).

    Example:
        >>> wrapped = StaticBias(nn.Linear(2, 1), scale=0.1)
        >>> x = torch.ones(1, 2)
        >>> bool(torch.equal(wrapped(x), wrapped.shifted()(x)))
        True
    """

    def __init__(self, model: nn.Module, *, scale: float | int = 0.05, seed: int = 0, weighted: bool = False) -> None:
        super().__init__()
        if scale <= 0:
            raise ArgumentError("scale", expected="a number > 0", got=scale)
        self.model = copy.deepcopy(model)
        source = torch.Generator().manual_seed(seed)
        for number, (_, value) in enumerate(self.model.named_parameters()):
            noise = scale * torch.randn(value.shape, dtype=torch.float64, generator=source)
            weight = 0.5 + torch.rand(value.shape, dtype=torch.float64, generator=source)
            self.register_buffer(f"bias_{number}", noise.to(value))
            self.register_buffer(f"weight_{number}", weight.to(value) if weighted else torch.ones_like(value))

    def _effective(self) -> dict[str, Tensor]:
        named = enumerate(self.model.named_parameters())
        return {name: value + self.get_buffer(f"bias_{number}") for number, (name, value) in named}

    def forward(self, *arguments: Any) -> Any:
        """What the model gives with theta + theta_0."""
        return functional_call(self.model, self._effective(), arguments)

    def decay(self, strength: float | int = 1.0) -> Float[Tensor, ""]:
        """strength/2 sum_i d_i theta_i^2, d_i = 1 unless weighted: the penalty on theta alone."""
        total = torch.stack(
            [
                (self.get_buffer(f"weight_{number}") * value.square()).sum()
                for number, value in enumerate(self.model.parameters())
            ]
        ).sum()
        return 0.5 * strength * total

    @torch.no_grad()
    def shifted(self) -> nn.Module:
        """A plain copy of the model with theta + theta_0 written into it."""
        plain = copy.deepcopy(self.model)
        for value, effective in zip(plain.parameters(), self._effective().values(), strict=True):
            value.copy_(effective)
        return plain
