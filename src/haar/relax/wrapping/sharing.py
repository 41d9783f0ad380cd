"""Effective weights made once for all forwards of a step, their gradients passed on once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from haar.errors import ArgumentError
from haar.probing import transformed

Made = tuple[Tensor, Tensor | None]


class SharedWeight:
    """A layer's weight and bias for several forward and backward passes.

    They are made from the layer's parameters at the first forward. Forwards use leaves of their own, so that every
    backward pass is free to let its graph go, and gradients of all passes add up there; `pass_on` sends them through
    the making once. Since that is linear, parameters receive what they would have received pass by pass.

    Args:
        sources: The parameters that they are made from.
    """

    def __init__(self, sources: list[Tensor]) -> None:
        self._sources, self._versions = sources, [p._version for p in sources]  # noqa: SLF001 (torch's own counter of writes)
        self._made: list[Tensor] = []
        self._leaves: list[Tensor] = []
        self._gamma: Tensor | None = None

    def get(self, gamma: Tensor, make: Callable[[], Made]) -> Made:
        """What is shared, or what `make` gives where there is nothing to share.

        Args:
            gamma: The gamma in force; at another one than the first nothing is shared.
            make: Makes weight and bias.

        Raises:
            ArgumentError: If a parameter was written since they were made.
        """
        wanted = torch.is_grad_enabled() and any(p.requires_grad for p in self._sources)
        if not wanted or transformed() or (self._gamma is not None and gamma is not self._gamma):
            return make()
        if self._gamma is None:
            self._gamma = gamma
            self._made = [made for made in make() if made is not None]
            self._leaves = [made.detach().requires_grad_(made.requires_grad) for made in self._made]
        self._check()
        weight, *bias = self._leaves
        return weight, bias[0] if bias else None

    def pass_on(self) -> tuple[list[Tensor], list[Tensor]]:
        """What was made, and the gradients that have arrived there."""
        self._check()
        pairs = zip(self._made, self._leaves, strict=True)
        found = [(made, leaf.grad) for made, leaf in pairs if leaf.grad is not None]
        return [made for made, _ in found], [gradient for _, gradient in found]

    def _check(self) -> None:
        if [p._version for p in self._sources] != self._versions:  # noqa: SLF001 (torch's own counter of writes)
            raise ArgumentError(
                "shared",
                expected="weights that stay as they are within the block",
                got="a parameter that was written",
                way_out="step the optimiser after the block",
            )


def send_back(shared: list[SharedWeight]) -> None:
    """One backward pass from all layers' gradients to their parameters.

    Args:
        shared: Of every layer.
    """
    made: list[Tensor] = []
    gradients: list[Any] = []
    for each in shared:
        tensors, arrived = each.pass_on()
        made += tensors
        gradients += arrived
    if made:
        torch.autograd.backward(made, gradients)
