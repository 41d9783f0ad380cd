"""Fixed ridge: gammas under a constant quadratic price, the control of every resilient run."""

from __future__ import annotations

from typing import Any, ClassVar

from haar.relax.duals.duals import Duals
from haar.relax.duals.ridge import Ridge


class FixedRidge(Duals):
    """J + weight/2 sum gamma^2, see `haar.relax.duals.ridge.Ridge`.

    Args:
        model: A wrapped model.
        weight: The price, rho of the resilient problem.
        steps: Optimiser steps of the whole training.
        gamma_rate: Rate of the gammas; by default 30 / steps.

    Raises:
        ArgumentError: If a number is not positive.
    """

    name: ClassVar[str] = "ridge"

    def __init__(
        self, model: Any, weight: float | int = 1.0, *, steps: int, gamma_rate: float | int | None = None
    ) -> None:
        super().__init__(model, "resilient", Ridge(gamma_rate), steps=steps, rho=weight)
