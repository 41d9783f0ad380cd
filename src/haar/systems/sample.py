r"""Samples: the independent units of a seed, and a statistic of all units of all seeds with its interval.

A claim about trajectories, graphs, molecules or networks is judged by what they say together, not one by one: the ratio
of two medians, a mean, a share. Its interval has the spread between seeds and the spread between the units of a seed:
seeds are drawn with replacement, then units within each (the cluster bootstrap), and the statistic is computed of every
draw.

Example:
    >>> first = ratio([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    >>> second = ratio([2.0, 3.0, 4.0], [4.0, 6.0, 8.0])
    >>> first.value, combined([first, second]).value
    (0.5, 0.5)

Source: Davison and Hinkley, Bootstrap Methods and their Application, section 3.8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError
from haar.statistics import Estimate

Middle = Literal["median", "mean", "rms"]
Form = Literal["value", "ratio", "difference"]
Units = Iterable[Any] | Mapping[Any, Any]
#: Draws of a bootstrap: the ends of an interval of 95 % then lie at their 25th smallest and largest.
DRAWS = 1000


@dataclass(frozen=True)
class Sample:
    """The independent units of one seed and what is computed of them.

    Args:
        columns: One column of numbers, or two for a ratio or a difference; what is not a number counts as NaN.
        middle: Of every column: its median, mean, or root mean square.
        form: The middle itself, or the ratio or difference of the two.
        paired: Whether the rows of two columns are of the same units (one trajectory under two methods), which are
            then drawn together; otherwise the columns are of unrelated units (networks trained apart).

    Raises:
        ArgumentError: If paired columns have different lengths, or their number does not fit the form.
    """

    columns: tuple[tuple[float, ...], ...]
    middle: Middle = "median"
    form: Form = "value"
    paired: bool = True

    def __post_init__(self) -> None:
        wanted = 1 if self.form == "value" else 2
        if len(self.columns) != wanted:
            raise ArgumentError("columns", expected=f"{wanted} for a {self.form}", got=len(self.columns))
        lengths = [len(column) for column in self.columns]
        if self.paired and len(set(lengths)) > 1:
            way_out = "say paired=False for units that have nothing to do with one another"
            raise ArgumentError("columns", expected="as many rows in both", got=lengths, way_out=way_out)

    @property
    def size(self) -> int:
        """Number of units, of the shorter column."""
        return min(len(column) for column in self.columns)

    @property
    def value(self) -> float:
        """The statistic of this seed's units; NaN if one of them is not finite, or there is none."""
        return combined([self], draws=0).value


def value(units: Units, of: Middle = "median") -> Sample:
    """The middle of the units of a seed.

    Args:
        units: A number of every unit (a mapping's values); truth values give a share with ``of="mean"``.
        of: ``"median"``, ``"mean"`` or ``"rms"``.

    Example:
        >>> value([True, False, True, True], "mean").value
        0.75
    """
    return Sample((_column(units),), of)


def ratio(above: Units, below: Units, of: Middle = "median", *, paired: bool = True) -> Sample:
    """The ratio of two middles, not the middle of ratios.

    Args:
        above: A number of every unit.
        below: The same; of the same units in the same order, if paired.
        of: ``"median"``, ``"mean"`` or ``"rms"``.
        paired: Whether both are of the same units.

    Example:
        >>> ratio([1.0, 8.0, 2.0], [4.0, 2.0, 4.0]).value
        0.5
    """
    return Sample((_column(above), _column(below)), of, "ratio", paired)


def difference(first: Units, second: Units, of: Middle = "median", *, paired: bool = True) -> Sample:
    """The difference of two middles.

    Args:
        first: A number of every unit.
        second: The same; of the same units in the same order, if paired.
        of: ``"median"``, ``"mean"`` or ``"rms"``.
        paired: Whether both are of the same units.

    Example:
        >>> difference([1.0, 5.0, 6.0], [1.0, 2.0, 9.0]).value
        3.0
    """
    return Sample((_column(first), _column(second)), of, "difference", paired)


def combined(samples: Sequence[Sample], *, level: float = 0.95, draws: int = DRAWS) -> Estimate:
    """The statistic of all units of all seeds, with the interval of a cluster bootstrap.

    Args:
        samples: One a seed, all of the same kind.
        level: Coverage of the interval.
        draws: Number of draws; with 0 there is no interval.

    Returns:
        NaN where something is not finite, a seed has no unit, or a ratio is one over 0.

    Raises:
        ArgumentError: If the samples are of different kinds.
    """
    kinds = {(sample.middle, sample.form, sample.paired) for sample in samples}
    if len(kinds) != 1:
        raise ArgumentError("samples", expected="one kind of sample for all seeds", got=sorted(kinds))
    columns = [[np.asarray(sample.columns[place]) for sample in samples] for place in range(len(samples[0].columns))]
    if not all(len(units) and np.isfinite(units).all() for seeds in columns for units in seeds):
        return Estimate(math.nan, math.nan, math.nan)
    whole = float(_statistic(columns, [None] * len(columns), samples[0])[0])
    if not draws or math.isnan(whole):
        return Estimate(whole, math.nan, math.nan)
    found = _statistic(columns, _drawn(columns, draws, paired=samples[0].paired), samples[0])
    if not np.isfinite(found).all():
        return Estimate(whole, math.nan, math.nan)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(whole, float(low), float(high))


def _column(units: Units) -> tuple[float, ...]:
    given = units.values() if isinstance(units, Mapping) else units
    return tuple(math.nan if unit is None else float(unit) for unit in given)


def _drawn(columns: Sequence[Sequence[np.ndarray]], draws: int, *, paired: bool) -> list[np.ndarray]:
    """How often each unit of each column is in every draw; paired columns are drawn together."""
    generator = np.random.default_rng(0)  # the same digits every time
    seeds = len(columns[0])
    times = generator.multinomial(seeds, [1 / seeds] * seeds, size=draws)
    alone = columns[:1] if paired else columns
    counts = [_within(times, [len(units) for units in column], generator) for column in alone]
    return counts * len(columns) if paired else counts


def _within(
    times: np.ndarray, sizes: Sequence[int], generator: np.random.Generator
) -> Float[np.ndarray, "draws units"]:
    """Units drawn within seeds, of which one that is drawn k times gives k times as many."""
    parts = [
        generator.multinomial(times[:, seed] * size, [1 / size] * size)  # k draws of n units each
        for seed, size in enumerate(sizes)
    ]
    return np.concatenate(parts, axis=1).astype(float)


def _statistic(
    columns: Sequence[Sequence[np.ndarray]], counts: Sequence[np.ndarray | None], kind: Sample
) -> Float[np.ndarray, " draws"]:
    """The middles of the columns, formed as a sample is."""
    pairs = zip(columns, counts, strict=True)
    return _FORMS[kind.form]([_middle(np.concatenate(seeds), each, kind.middle) for seeds, each in pairs])


def _middle(
    units: Float[np.ndarray, " units"], counts: Float[np.ndarray, "draws units"] | None, middle: Middle
) -> Float[np.ndarray, " draws"]:
    """Of units as often as they were drawn."""
    weights = np.ones((1, len(units))) if counts is None else counts
    if middle == "median":
        order = units.argsort()
        ordered, upto = units[order], weights[:, order].cumsum(1)
        half = upto[:, -1:] / 2
        lower, upper = (upto < half).sum(1), (upto <= half).sum(1)  # of an even number, the two in the middle
        medians: np.ndarray = (ordered[lower] + ordered[upper]) / 2
        return medians
    powers = units if middle == "mean" else units**2
    means: np.ndarray = weights @ powers / weights.sum(1)
    return means if middle == "mean" else np.sqrt(means)


_FORMS: Mapping[Form, Callable[[Sequence[np.ndarray]], np.ndarray]] = {
    "value": lambda middles: middles[0],
    "ratio": lambda middles: np.divide(
        middles[0], middles[1], out=np.full_like(middles[0], np.nan), where=middles[1] != 0
    ),
    "difference": lambda middles: middles[0] - middles[1],
}
