"""The game behind a conditional moment: what the two players are given, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from haar.errors import check_rate


@dataclass(frozen=True)
class ConditionalMoment:
    """E[(f(X) - Y) u(Z) - u(Z)^2 / 2] + ridge / 2 E[f(X)^2], for batches (X, Y, Z).

    Its inner maximiser is u(z) = E[f(X) - Y | Z = z], and its value there half of the mean square of that: one sample
    of a row gives unbiased gradients to both players.

    Args:
        ridge: The price of E[f^2].

    Raises:
        ArgumentError: If it is negative.

    Source: arXiv 2007.01290, section 3; the dual of the projected residual.
    """

    ridge: float | int = 0.0

    def __post_init__(self) -> None:
        check_rate("ridge", self.ridge, zero=True)

    def __call__(self, primal: Any, dual: Any, batch: Any) -> Tensor:
        """The mean over a batch."""
        x, y, z = batch
        fitted, played = primal(x), dual(z)
        value: Tensor = ((fitted - y) * played - played.square() / 2).mean()
        return value + float(self.ridge) / 2 * fitted.square().mean() if self.ridge else value
