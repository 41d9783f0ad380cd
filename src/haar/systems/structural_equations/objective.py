"""The game behind a conditional moment: what the two players are given, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor


def conditional_moment(ridge: float | int = 0.0) -> Callable[[Any, Any, Any], Tensor]:
    """E[(f(X) - Y) u(Z) - u(Z)^2 / 2] + ridge / 2 E[f(X)^2], for batches (X, Y, Z).

    Its inner maximiser is u(z) = E[f(X) - Y | Z = z], and its value there half of the mean square of that: one sample
    of a row gives unbiased gradients to both players.

    Args:
        ridge: The price of E[f^2].

    Source: arXiv 2007.01290, section 3; the dual of the projected residual.
    """

    def objective(primal: Any, dual: Any, batch: Any) -> Tensor:
        x, y, z = batch
        fitted, played = primal(x), dual(z)
        value: Tensor = ((fitted - y) * played - played.square() / 2).mean()
        return value + float(ridge) / 2 * fitted.square().mean() if ridge else value

    return objective
