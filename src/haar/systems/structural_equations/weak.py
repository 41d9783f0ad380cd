"""Whether instruments say anything: first-stage F, effective F, and the sets that do not need them to be strong."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc, fdtri

from haar.errors import ArgumentError, HaarWarning
from haar.systems.structural_equations.linear import with_constant
from haar.systems.structural_equations.tables import Problem

#: Below this first-stage F instruments are called weak.
WEAK = 10.0


@dataclass(frozen=True)
class FirstStage:
    """What excluded instruments say of an endogenous regressor, beside all that is exogenous.

    Attributes:
        f: The partial F statistic, for errors of one variance.
        effective: The effective F of Olea and Pflueger, for errors of any variance.
        p: The p-value of `f`.
    """

    f: float
    effective: float
    p: float

    @property
    def weak(self) -> bool:
        """Whether either statistic is below 10."""
        return not min(self.f, self.effective) >= WEAK


def first_stage(made: Problem) -> dict[str, FirstStage]:
    """The first stage of every endogenous regressor, by its name.

    Source: Olea and Pflueger, A robust test for weak instruments, 2013 (effective F, with the HC1 covariance).
    """
    excluded, exogenous = _partialled(made, made.z.values), len(made.exogenous) + 1
    found = {}
    for place in made.endogenous:
        x = _partialled(made, made.x.values[:, [place]])[:, 0]
        found[made.x.names[place]] = _first_stage(x, excluded, exogenous)
    return found


def _first_stage(x: Float[np.ndarray, " rows"], z: Float[np.ndarray, "rows instruments"], exogenous: int) -> FirstStage:
    rows, count = z.shape
    left = rows - count - exogenous
    gram = z.T @ z
    slope = np.linalg.solve(gram, z.T @ x)
    error = x - z @ slope
    explained = float(slope @ gram @ slope)
    unexplained = float(error @ error)
    f = math.inf if unexplained == 0 else explained / count / (unexplained / left)
    scores = z * error[:, None]
    meat = scores.T @ scores * rows / left
    noise = float(np.trace(np.linalg.solve(gram, meat)))  # tr(V Z'Z) with V = (Z'Z)^-1 meat (Z'Z)^-1
    effective = math.inf if noise == 0 else explained / noise
    return FirstStage(f, effective, float(fdtrc(count, left, f)))


def warn_of_weak(made: Problem) -> Mapping[str, FirstStage]:
    """The first stages; each weak one is warned of with its statistics."""
    rows, least = len(made.y), len(made.z.names) + len(made.exogenous) + 2
    if rows <= least:
        raise ArgumentError("X", expected=f"more than {least} rows for so many instruments", got=rows)
    found = first_stage(made)
    for name, stage in found.items():
        if stage.weak:
            warnings.warn(
                f"Z: weak instruments for {name!r}: first-stage F {stage.f:.3g}, effective F {stage.effective:.3g}, "
                f"below {WEAK:.0f}; linear estimates lean towards the regression: see anderson_rubin",
                HaarWarning,
                stacklevel=2,
            )
    return found


@contextmanager
def said_before() -> Iterator[None]:
    """Within it nobody is warned of weak instruments: of the same rows it was said, or stands in a table."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Z: weak instruments", HaarWarning)
        yield


@dataclass(frozen=True)
class ConfidenceSet:
    """The coefficients of one endogenous regressor that a test does not reject.

    Attributes:
        level: Coverage.
        pieces: Intervals, ascending; ends may be infinite; none where every value is rejected.
    """

    level: float
    pieces: tuple[tuple[float, float], ...]

    @property
    def bounded(self) -> bool:
        """Whether it says that the coefficient is finite."""
        return all(math.isfinite(end) for piece in self.pieces for end in piece)

    def __contains__(self, value: float) -> bool:
        return any(low <= value <= high for low, high in self.pieces)

    def __str__(self) -> str:
        """As intervals."""
        told = " or ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.pieces)
        return told or "empty: the instruments contradict each other"


def anderson_rubin(made: Problem, level: float = 0.95) -> ConfidenceSet:
    """The Anderson-Rubin set of the linear coefficient of the one endogenous regressor, valid for weak instruments.

    All values b for which the excluded instruments do not explain y - x b, by an F test; the solution of a quadratic
    inequality: an interval, two rays, the whole line, or nothing.

    Args:
        made: The problem.
        level: Coverage.

    Raises:
        ArgumentError: If there is more than one endogenous regressor, or the level is not between 0 and 1.

    Source: Anderson and Rubin 1949; Dufour 1997 for its shape.
    """
    if len(made.endogenous) != 1:
        raise ArgumentError("X", expected="one endogenous regressor", got=len(made.endogenous))
    if not 0 < level < 1:
        raise ArgumentError("level", expected="between 0 and 1", got=level)
    z = _partialled(made, made.z.values)
    x = _partialled(made, made.x.values[:, list(made.endogenous)])[:, 0]
    y = _partialled(made, made.y[:, None])[:, 0]
    rows, count = z.shape
    left = rows - count - len(made.exogenous) - 1
    bound = float(fdtri(count, left, level)) * count / left
    basis = np.linalg.qr(z)[0]

    def form(one: np.ndarray, other: np.ndarray) -> float:
        seen = float((basis.T @ one) @ (basis.T @ other))
        value: float = seen - bound * (float(one @ other) - seen)
        return value

    return ConfidenceSet(level, _at_most_zero(form(x, x), -2 * form(x, y), form(y, y)))


def _at_most_zero(a: float, b: float, c: float) -> tuple[tuple[float, float], ...]:
    """Where a t^2 + b t + c <= 0."""
    inside = b * b - 4 * a * c
    if inside < 0:
        return () if a > 0 else ((-math.inf, math.inf),)
    low, high = sorted((-b - sign * math.sqrt(inside)) / (2 * a) for sign in (-1, 1))
    return ((low, high),) if a > 0 else ((-math.inf, low), (high, math.inf))


def _partialled(made: Problem, values: Float[np.ndarray, "rows some"]) -> Float[np.ndarray, "rows some"]:
    """What the exogenous regressors and a constant leave of some columns."""
    basis = np.linalg.qr(with_constant(made.x.values[:, list(made.exogenous)]))[0]
    left: np.ndarray = values - basis @ (basis.T @ values)
    return left
