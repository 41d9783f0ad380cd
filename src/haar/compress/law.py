r"""The piecewise law of damage, always beside a rival without a kink: is there a transition?

L(s) = L0 + a s^b up to s0, continued as L(s0) exp(c (s - s0)); the rival is log L = k + a s^b. Both are fitted to log L
by least squares, the law by a scan over s0. A transition is claimed only where the interval of s0 is short and the law
is worth its two further parameters.

Source: after Ma et al., Phase transitions in large language model compression (npj Artificial Intelligence 2026), whose
formula is reconstructed from its name; the rival, the interval and the rule are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

#: Parameters of the law and of its rival.
_OF_LAW, _OF_RIVAL = 5, 3
#: A transition has an interval shorter than this.
SHORTEST = 0.15
#: From fewer levels nothing is fitted: the law's five parameters would explain them all.
FEWEST_LEVELS = 6
_GRID, _STEPS = 161, 120
#: Squares below this are rounding.
_ROUNDING = 1e-22


@dataclass(frozen=True)
class Law:
    """What was fitted to one curve.

    Attributes:
        kink: s0, where the law turns; low and high are the ends of its profile interval.
        low: Lower end.
        high: Upper end.
        residual: Sum of squares of the law, in log L.
        rival: Sum of squares without a kink.
        gain: By how much the law's BIC is lower than the rival's; positive speaks for a kink.
        inside: Whether the whole interval lies between the levels at which a kink could be told.
    """

    kink: float
    low: float
    high: float
    residual: float
    rival: float
    gain: float
    inside: bool

    @property
    def transition(self) -> bool:
        """Whether there is one: a short interval, and more than a smooth curve explains."""
        return self.gain > 0 and self.inside and self.high - self.low < SHORTEST

    def __str__(self) -> str:
        """In words."""
        told = f"at {self.kink:.3g} [{self.low:.3g}, {self.high:.3g}]"
        return told if self.transition else f"no transition (best kink {told})"


def fit_law(damage: Float[np.ndarray, " levels"], values: Float[np.ndarray, " levels"]) -> Law | None:
    """Fit the law and its rival.

    Args:
        damage: Ascending levels, 0 for what changes nothing; 0 itself is left out.
        values: The metric, positive.

    Returns:
        None where fewer than six levels have a finite positive value.

    Example:
        >>> s = np.linspace(0.1, 0.9, 9)
        >>> values = np.where(s <= 0.55, 5 + 2 * s**3, (5 + 2 * 0.55**3) * np.exp(6 * (s - 0.55)))
        >>> found = fit_law(s, values)
        >>> round(found.kink, 2), found.transition
        (0.55, True)
    """
    from scipy.special import fdtri

    with np.errstate(invalid="ignore"):
        kept = np.isfinite(values) & (values > 0) & (damage > 0)
    s, y = damage[kept], np.log(values[kept])
    n = len(s)
    if n < FEWEST_LEVELS:
        return None
    kinks = np.linspace(s[2], s[-2], _GRID)[:-1]  # three levels at least for the part before, two for the part after
    squares = _scan(s, y, kinks)
    best = int(squares.argmin())
    least, rival = float(squares[best]), _without_kink(s, y)
    reach = 1 + float(fdtri(1, n - _OF_LAW, 0.95)) / (n - _OF_LAW)
    within = kinks[squares <= max(least * reach, _ROUNDING)]
    gain = n * math.log(max(rival, _ROUNDING) / max(least, _ROUNDING)) - (_OF_LAW - _OF_RIVAL) * math.log(n)
    inside = bool(within.min() > kinks[0] and within.max() < kinks[-1])
    return Law(float(kinks[best]), float(within.min()), float(within.max()), least, rival, gain, inside)


def _scan(
    s: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], kinks: Float[np.ndarray, " kinks"]
) -> Float[np.ndarray, " kinks"]:
    """The least sum of squares for every place of the kink: all fits at once, from several beginnings each."""
    first = float(np.exp(y[0]))
    rise = max(float(np.exp(y[len(y) // 2])) - first, 1e-3 * first)
    slope = max(float((y[-1] - y[-2]) / (s[-1] - s[-2])), 1e-2)
    begins = [
        [math.log(level * first), math.log(rise) - power * math.log(s[len(s) // 2]), math.log(power), slope]
        for power in (1.0, 2.0, 4.0, 8.0)
        for level in (1.0, 0.7)
    ]
    theta = np.array([begin for _ in kinks for begin in begins])
    where = np.repeat(kinks, len(begins))[:, None]
    damping = np.full((len(theta), 1, 1), 1e-2)
    residual, slopes = _law(theta, s, where)
    residual = residual - y
    for _ in range(_STEPS):
        normal = slopes.transpose(0, 2, 1) @ slopes
        pull = (slopes.transpose(0, 2, 1) @ residual[..., None])[..., 0]
        scale = np.maximum(np.einsum("bii->bi", normal), 1e-9)[:, :, None] * np.eye(4)
        step = np.linalg.solve(normal + damping * scale, -pull[..., None])[..., 0]
        tried = np.clip(theta + np.clip(step, -1.0, 1.0), [-50, -50, -4, -500], [50, 50, 4, 500])
        found, found_slopes = _law(tried, s, where)
        found = found - y
        better = (found**2).sum(1) < (residual**2).sum(1)
        damping = np.clip(damping * np.where(better, 0.4, 4.0)[:, None, None], 1e-12, 1e12)
        theta = np.where(better[:, None], tried, theta)
        residual = np.where(better[:, None], found, residual)
        slopes = np.where(better[:, None, None], found_slopes, slopes)
    squares: np.ndarray = (residual**2).sum(1).reshape(len(kinks), -1).min(1)
    return squares


def _law(
    theta: Float[np.ndarray, "fits 4"], s: Float[np.ndarray, " n"], kink: Float[np.ndarray, "fits 1"]
) -> tuple[Float[np.ndarray, "fits n"], Float[np.ndarray, "fits n 4"]]:
    """log L of parameters log L0, log a, log b, c, and its slopes."""
    level, factor, power = (np.exp(theta[:, k : k + 1]) for k in range(3))
    at = np.minimum(s, kink)
    part = factor * at**power
    whole = level + part
    beyond = np.maximum(s - kink, 0)
    slopes = np.stack([level / whole, part / whole, part / whole * power * np.log(at), beyond], -1)
    return np.log(whole) + theta[:, 3:] * beyond, slopes


def _without_kink(s: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> float:
    """The least sum of squares of k + a s^b."""
    from scipy.optimize import minimize_scalar

    def left(power: float) -> float:
        basis = np.stack([np.ones_like(s), (s / s[-1]) ** math.exp(power)], 1)
        found = np.linalg.lstsq(basis, y, rcond=None)[0]
        return float(((basis @ found - y) ** 2).sum())

    grid = np.linspace(-2.5, 4.0, 66)
    near = grid[int(np.argmin([left(power) for power in grid]))]
    refined = minimize_scalar(left, bounds=(near - 0.1, near + 0.1), method="bounded", options={"xatol": 1e-10})
    return min(float(refined.fun), left(float(near)))
