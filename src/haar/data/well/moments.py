"""Mean and variance of a stream, in float64: pieces in any order and any number give the same answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Shaped


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations, component by component.

    Pieces are combined by the update of Chan, Golub and LeVeque (1979), which does not lose digits when the mean is
    large against the spread.

    Args:
        count: Number of values per component.
        mean: Their mean, float64.
        squares: Sum of squared deviations from the mean, float64.

    Example:
        >>> a, b = Moments.of(np.array([1.0, 2.0]), 0), Moments.of(np.array([6.0]), 0)
        >>> both = a.merge(b)
        >>> float(both.mean), float(both.std), float(both.rms)
        (3.0, 2.16..., 3.69...)
    """

    count: float
    mean: Float[np.ndarray, "..."]
    squares: Float[np.ndarray, "..."]

    @classmethod
    def of(cls, values: Shaped[np.ndarray, "..."], components: int, repeat: int = 1) -> Moments:
        """The moments over all but the last axes.

        Args:
            values: Any real array.
            components: How many trailing axes are components, kept apart.
            repeat: How often every value counts.
        """
        values = np.asarray(values, dtype=np.float64)
        over = tuple(range(values.ndim - components))
        count = int(np.prod(values.shape[: values.ndim - components], dtype=np.int64))
        if count == 0:
            return cls.empty(values.shape[values.ndim - components :])
        with np.errstate(invalid="ignore"):  # NaN and infinity in, NaN out
            mean = values.mean(axis=over)
            squares = np.square(values - mean).sum(axis=over)
        return cls(float(count * repeat), np.asarray(mean), np.asarray(squares * repeat))

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Moments:
        """No values yet."""
        return cls(0.0, np.zeros(shape), np.zeros(shape))

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets of values together."""
        count = self.count + other.count
        if count == 0.0:
            return self
        share = other.count / count
        with np.errstate(invalid="ignore"):
            shift = other.mean - self.mean
            mean = self.mean + shift * share
            squares = self.squares + other.squares + shift * shift * (self.count * share)
        return Moments(count, np.asarray(mean), np.asarray(squares))

    @property
    def std(self) -> Float[np.ndarray, "..."]:
        """Standard deviation (divided by the count: of the population, as in The Well's statistics)."""
        return np.asarray(np.sqrt(self.squares / self.count))

    @property
    def rms(self) -> Float[np.ndarray, "..."]:
        """Square root of the mean square."""
        return np.asarray(np.sqrt(self.squares / self.count + self.mean**2))
