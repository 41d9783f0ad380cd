"""An effect: what a paper claims, what came out over seeds, and whether it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from haar.errors import ArgumentError
from haar.systems.claim import Bound, Judged, Verdict

__all__ = ["Bound", "Effect"]


@dataclass(frozen=True)
class Effect:
    """One claim and what became of it.

    Attributes:
        name: A short name.
        claim: What is claimed, in a sentence, with the paper's own number where it has one.
        source: Where it is claimed: paper, section or table; for a theorem its place.
        value: Median over seeds of what was measured.
        spread: Least and greatest value over seeds.
        bound: Where the value must lie, in words.
        holds: Whether it does: in every seed, or its median where the claim is one about the middle.
        values: What was measured, seed by seed.
    """

    name: str
    claim: str
    source: str
    value: float
    spread: tuple[float, float]
    bound: str
    holds: bool
    values: tuple[float, ...]

    @classmethod
    def measured(
        cls,
        name: str,
        values: Sequence[float | int | None],
        bound: Bound,
        *,
        claim: str,
        source: str,
        in_every_seed: bool = True,
    ) -> Effect:
        """Judge measurements against a bound.

        Args:
            name: A short name.
            values: One measurement a seed; None (nothing finite came out) never holds.
            bound: Where they must lie.
            claim: What is claimed.
            source: Where.
            in_every_seed: Whether every seed must show it, or only the median.

        Raises:
            ArgumentError: If there is no value.

        Example:
            >>> effect = Effect.measured("gain", [0.1, 0.3, 0.2], Bound(low=0), claim="it helps", source="section 1")
            >>> effect.value, effect.spread, effect.holds
            (0.2, (0.1, 0.3), True)
        """
        if not values:
            raise ArgumentError("values", expected="one value a seed", got="none")
        numbers = tuple(math.nan if value is None else float(value) for value in values)
        undefined = any(math.isnan(number) for number in numbers)
        middle = math.nan if undefined else median(numbers)
        spread = (math.nan, math.nan) if undefined else (min(numbers), max(numbers))
        holds = all(map(bound.holds, numbers)) if in_every_seed else bound.holds(middle)
        return cls(name, claim, source, middle, spread, str(bound), holds, numbers)

    def judged(self) -> Judged:
        """The same as a judged claim."""
        verdict: Verdict = "holds" if self.holds else "open" if math.isnan(self.value) else "contradicted"
        return Judged(self.name, self.claim, self.source, self.value, *self.spread, self.bound, verdict, self.values)
