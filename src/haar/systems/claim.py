"""Claims: rows of a table, and the one way to judge them.

A system's ``claims.py`` holds a table ``CLAIMS`` and small functions that read measures. A claim's statistic is given
the measures of one seed, as `haar.systems.recipe.Recipe` keeps them. What it returns says how all seeds are judged:

- a `haar.systems.sample.Sample`, such as ``ratio(above, below)`` of a seed's trajectories or networks: the statistic of
  all units of all seeds together, with an interval over seeds and the units within them;
- a number, or a list of them where one seed has several independent units: their median with its interval
  (`haar.statistics.median_interval`: of six numbers and more one that covers it with 95 %, of fewer from the least to
  the greatest);
- with ``every=True``, for what is exact or proved, every number must lie within the bound, and one that does not
  contradicts the claim.

But for ``every=True``, a claim is *open* as long as there are fewer than three independent numbers: they say nothing of
their spread.

Measures are JSON, where None stands for a number that was not finite. Do not test for it: whatever a statistic computes
with such a number counts as not finite (division by 0 too), and the claim is *open*, never held. So None must have no
other meaning: a protocol leaves out what it does not measure. Any other exception names its claim.

    from haar.systems.claim import Claim, over
    from haar.systems.sample import ratio

    CLAIMS = (
        Claim(
            "chain",
            "larger groups help more (ratio of errors)",
            "arXiv 2511.09573, abstract",
            lambda m: ratio(over(m["runs"], lambda run: run["D4"]), over(m["runs"], lambda run: run["C4"])),
            at_most=1.0,
            reported=".84",
        ),
        Claim("exact", "float64", "by construction", lambda m: m["defect"], at_most=1e-10, every=True),
        Claim("size", "a few percent", "section 4", lambda m: m["gain"], at_least=0.03, at_most=0.6),
        Claim("twins", "told apart", "section 5", lambda twins: twins["share"], at_least=0.7, part="twins"),
    )

``part="twins"`` gives the statistic ``m["twins"]`` (a tuple goes deeper), and leaves the claim out where a preset
did not measure that part; ``when=lambda m: ...`` leaves it out by any other condition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar

from haar.errors import ArgumentError, HaarError
from haar.statistics import Estimate, median_interval, spread
from haar.systems.sample import Sample, combined

T = TypeVar("T")
Number = float | int | None
Verdict = Literal["holds", "open", "contradicted"]
#: From fewer independent numbers nothing is said of a middle.
FEWEST = 3


@dataclass(frozen=True)
class Bound:
    """Where a number must lie.

    Args:
        low: Least value allowed, if any.
        high: Greatest value allowed, if any.

    Raises:
        ArgumentError: If neither is given, or the interval is empty.

    Example:
        >>> str(Bound(low=0.0, high=0.5)), Bound(high=1).holds(2)
        ('in [0, 0.5]', False)
    """

    low: float | int | None = None
    high: float | int | None = None

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise ArgumentError("bound", expected="a least or a greatest value", got="neither")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ArgumentError("bound", expected="low <= high", got=f"{self.low} > {self.high}")

    def holds(self, value: float | int) -> bool:
        """Whether a value lies there; NaN never does."""
        above = self.low is None or value >= self.low
        below = self.high is None or value <= self.high
        return above and below and not math.isnan(value)

    def excludes(self, low: float, high: float) -> bool:
        """Whether a whole interval lies on one side of it."""
        return (self.low is not None and high < self.low) or (self.high is not None and low > self.high)

    def __str__(self) -> str:
        if self.low is None:
            return f"<= {self.high:.4g}"
        if self.high is None:
            return f">= {self.low:.4g}"
        return f"in [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class Claim:
    """A row of a table of claims.

    Args:
        name: A short name, unique in its table.
        claim: What is claimed, in a sentence, with the paper's own number where it has one.
        source: Where it is claimed: paper, section or table; for a theorem its place.
        statistic: The measures of one seed, or of its `part`, to a sample, a number, or one for every independent unit.
        at_most: Greatest value allowed.
        at_least: Least value allowed.
        every: Whether every number must lie there, or their median.
        part: Key, or keys, of the part of the measures that the claim is about; where no seed has it, there is none.
        when: Whether the claim is one about these measures (of one seed, or of the part); None: it always is.
        reported: What the paper measured, with its unit, to stand beside ours.

    Raises:
        ArgumentError: If there is no bound, or one that nothing meets.

    Example:
        >>> claim = Claim("gain", "it helps", "section 1", lambda m: m["gain"], at_least=0)
        >>> [judge([claim], 3 * [{"gain": gain}])[0].verdict for gain in (0.5, None, -0.5)]
        ['holds', 'open', 'contradicted']
    """

    name: str
    claim: str
    source: str
    statistic: Callable[[Any], Sample | Number | Sequence[Number]]
    at_most: float | int | None = None
    at_least: float | int | None = None
    every: bool = False
    part: str | tuple[str, ...] = ()
    when: Callable[[Any], bool] | None = None
    reported: str = ""

    def __post_init__(self) -> None:
        _ = self.bound

    @property
    def bound(self) -> Bound:
        """Where the numbers must lie."""
        return Bound(self.at_least, self.at_most)


@dataclass(frozen=True)
class Judged:
    """A claim and what became of it.

    Attributes:
        name: A short name.
        claim: What is claimed.
        source: Where it is claimed.
        value: The statistic of all seeds: of a sample its own, else the median; NaN where a number is not finite.
        low: Lower end of its interval; the least number where every one must lie within the bound.
        high: The upper end; the greatest number.
        bound: Where the numbers must lie, in words.
        verdict: ``"holds"``, ``"open"`` (both sides are in the interval, there are too few numbers, or something is
            not finite) or ``"contradicted"``.
        values: The numbers, seed by seed; one a seed for a sample; NaN for what is not finite.
        reported: What the paper measured.
        units: Number of independent numbers that were judged.
    """

    name: str
    claim: str
    source: str
    value: float
    low: float
    high: float
    bound: str
    verdict: Verdict
    values: tuple[float, ...]
    reported: str
    units: int

    @property
    def holds(self) -> bool:
        """Whether it holds."""
        return self.verdict == "holds"

    @property
    def spread(self) -> tuple[float, float]:
        """The interval's ends."""
        return self.low, self.high

    def __str__(self) -> str:
        """In a line: the claim, what was measured, the bound and the verdict."""
        return f"{self.claim}: {self.value:.4g} [{self.low:.4g}, {self.high:.4g}], to be {self.bound}: {self.verdict}"


def judge(claims: Iterable[Claim], measures: Sequence[Any]) -> list[Judged]:
    """Judge every claim of a table that the measures are about.

    Args:
        claims: Table of all claims.
        measures: The measures of every seed.

    Returns:
        One verdict for every claim, in the table's order, without those whose part no seed has.

    Raises:
        HaarError: If a statistic fails; it names the claim.
    """
    seeds = [filled(each, _MISSING) for each in measures]
    found = []
    for claim in claims:
        parts = [part for seed in seeds for part in _parts(claim, seed)]
        if parts:
            found.append(_judged(claim, [_measured(claim, part) for part in parts]))
    return found


def over(units: Iterable[T] | Mapping[Any, T], statistic: Callable[[T], Number]) -> list[Number]:
    """A statistic of every unit (of a mapping's values); None where it is not finite.

    Args:
        units: For example the measures of every model of a seed.
        statistic: One number of one of them.

    Example:
        >>> over({"a": 1.0, "b": 0.0}, lambda run: 1 / run)
        [1.0, None]
    """
    return [_finite(statistic, unit) for unit in (units.values() if isinstance(units, Mapping) else units)]


def filled(measures: Any, stand_in: Any) -> Any:
    """Measures with something in place of every number that is not finite, which JSON keeps as None.

    Args:
        measures: Dictionaries, lists, and what is in them.
        stand_in: What to put there.

    Example:
        >>> filled({"a": [1.0, None]}, float("nan"))
        {'a': [1.0, nan]}
    """
    if isinstance(measures, Mapping):
        return {key: filled(value, stand_in) for key, value in measures.items()}
    if isinstance(measures, (list, tuple)):
        return [filled(value, stand_in) for value in measures]
    missing = measures is None or (isinstance(measures, float) and not math.isfinite(measures))
    return stand_in if missing else measures


class _NotFinite(Exception):  # noqa: N818 - no error: the answer of a statistic
    """Something was computed with a number that is not finite."""


class _Missing:
    """In place of a number that is not finite: NaN would be dropped by max, and None stops at the first sum."""

    def _refuse(self, *_: Any) -> NoReturn:
        raise _NotFinite

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = _refuse  # type: ignore[assignment]
    __bool__ = __float__ = __int__ = __index__ = __round__ = __format__ = __str__ = _refuse
    __len__ = __iter__ = __contains__ = __getitem__ = _refuse

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python's own questions
            raise AttributeError(name)
        raise _NotFinite


_MISSING = _Missing()


def _finite(statistic: Callable[[Any], T], measured: Any) -> T | None:
    try:
        found = statistic(measured)
    except (_NotFinite, ZeroDivisionError):
        return None
    return None if found is _MISSING else found


def _parts(claim: Claim, seed: Any) -> list[Any]:
    """The part of a seed's measures that a claim is about, if there is one."""
    with _naming(claim):
        for key in (claim.part,) if isinstance(claim.part, str) else claim.part:
            if seed is _MISSING:
                break
            if key not in seed:
                return []
            seed = seed[key]
        asked = True if claim.when is None else _finite(claim.when, seed)
    return [seed] if asked is None or asked else []


def _measured(claim: Claim, measured: Any) -> Sample | list[float]:
    """What a statistic says of one seed; NaN for what is not finite."""
    with _naming(claim):
        found = _finite(claim.statistic, measured)
        if isinstance(found, Sample):
            return found
        several: list[Any] = list(found) if isinstance(found, Sequence) else [found]
        numbers = [math.nan if one is None or one is _MISSING else float(one) for one in several]
    return [one if math.isfinite(one) else math.nan for one in numbers] or [math.nan]


@contextmanager
def _naming(claim: Claim) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise HaarError(f"claim {claim.name!r} cannot be judged: {cause}") from error


def _judged(claim: Claim, seeds: Sequence[Sample | list[float]]) -> Judged:
    samples = [seed for seed in seeds if isinstance(seed, Sample)]
    values = [one for seed in seeds for one in ([seed.value] if isinstance(seed, Sample) else seed)]
    units = sum(seed.size if isinstance(seed, Sample) else len(seed) for seed in seeds)
    found = spread(values)
    if not (claim.every or math.isnan(found.value)):
        with _naming(claim):
            found = combined(samples) if samples else median_interval(values)
    verdict = _of_every(claim.bound, values) if claim.every else _of_the_middle(claim.bound, found, units)
    ends = found.value, found.low, found.high
    names = claim.name, claim.claim, claim.source
    return Judged(*names, *ends, str(claim.bound), verdict, tuple(values), claim.reported, units)


def _of_every(bound: Bound, values: Sequence[float]) -> Verdict:
    if not all(bound.holds(value) for value in values if not math.isnan(value)):
        return "contradicted"
    return "open" if any(map(math.isnan, values)) else "holds"


def _of_the_middle(bound: Bound, found: Estimate, units: int) -> Verdict:
    if math.isnan(found.low) or units < FEWEST:
        return "open"
    if bound.holds(found.low) and bound.holds(found.high):
        return "holds"
    return "contradicted" if bound.excludes(found.low, found.high) else "open"
