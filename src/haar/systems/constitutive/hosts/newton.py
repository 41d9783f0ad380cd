"""Newton's method on a finite-element model, with what every step left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from haar.errors import HaarError

#: Residuals over the first one that are no larger may be rounding alone.
_ROUNDING = 1e-11


class NotConvergedError(HaarError):
    """Newton's method did not come to an end within its steps."""


@dataclass
class Solution:
    """A displacement and how it was found.

    Attributes:
        displacement: Values of all degrees of freedom after the last increment.
        residuals: For every increment the relative norm of the free residual before every correction, and in the end.
        loads: Share of the load of every increment.
        reaction: The load on what is moved, after every increment.
    """

    displacement: NDArray[np.float64]
    residuals: list[list[float]] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    reaction: list[float] = field(default_factory=list)

    @property
    def steps(self) -> list[int]:
        """Corrections of every increment."""
        return [len(one) - 1 for one in self.residuals]

    def orders(self) -> list[float]:
        """Observed order of convergence of every increment: log r_{k+1} / log r_k where the residual is small enough.

        Quadratic convergence doubles the digits: the ratio of their gains is 2. Residuals from a tenth down to where
        rounding begins tell.
        """
        found = []
        for residuals in self.residuals:
            logs = [np.log10(r) for r in residuals if _ROUNDING < r <= 0.1]
            if len(logs) >= 3:
                found.append(float((logs[-1] - logs[-2]) / (logs[-2] - logs[-3])))
        return found


def newton(
    assemble: Callable[[NDArray[np.float64]], tuple[Any, NDArray[np.float64]]],
    solve: Callable[[Any, NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]],
    start: NDArray[np.float64],
    free: NDArray[np.int64],
    *,
    tolerance: float = 1e-10,
    most: int = 20,
) -> tuple[NDArray[np.float64], list[float]]:
    """Solve r(u) = 0 on the free degrees of freedom.

    Args:
        assemble: Stiffness matrix and internal forces of a displacement.
        solve: Correction of the free degrees of freedom, of matrix, right side and their numbers.
        start: Displacement that meets what is prescribed.
        free: Numbers of the free degrees of freedom.
        tolerance: Of the residual over the first one.
        most: Corrections at most.

    Raises:
        NotConvergedError: If they do not suffice, or the residual is not finite; the way out is smaller increments.
    """
    u = start.copy()
    residuals: list[float] = []
    scale = 0.0
    for _ in range(most + 1):
        matrix, force = assemble(u)
        size = float(np.linalg.norm(force[free]))
        scale = scale or max(size, 1e-300)
        residuals.append(size / scale)
        if not np.isfinite(size):
            break
        if residuals[-1] <= tolerance:
            return u, residuals
        u = u.copy()
        u[free] += solve(matrix, -force, free)
    trail = ", ".join(f"{r:.1e}" for r in residuals[-4:])
    raise NotConvergedError(
        f"Newton's method left {trail} of the first residual after {len(residuals) - 1} corrections; "
        "load in more increments, or see whether the tangent is positive definite there (haar constitutive check)"
    )
