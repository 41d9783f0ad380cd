"""What must come out, judged on the measures of all seeds; each seed is a pair of mixtures of every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haar.systems.claim import Claim, over

Measures = Mapping[str, Any]
_PART = "mixtures"
_TRIAL = "our first run"


def chosen(pair: Measures) -> float:
    """The least barrier of the three ways to order experts."""
    return float(min(way["barrier"] for way in pair["ways"].values()))


def alone(pair: Measures) -> float:
    """The least barrier of the three orders without an order of units."""
    return float(min(way["order alone"] for way in pair["ways"].values()))


def _each(statistic: Callable[[Measures], float]) -> Callable[[Measures], Any]:
    return lambda pairs: over(pairs.values(), statistic)


CLAIMS = (
    Claim(
        "it has learned",
        "both mixtures are better than their trunk alone (the greater loss over the trunk's)",
        "baseline",
        _each(lambda pair: max(pair["losses"]) / pair["trunk"]),
        at_most=1.0,
        part=_PART,
    ),
    Claim(
        "orders and units",
        "the best of gates, Gram matrices and inner products leaves at most half the barrier of plain averages (ratio)",
        f"MoE-LMC, algorithm 1; {_TRIAL}",
        _each(lambda pair: chosen(pair) / pair["naive"]),
        at_most=0.5,
        part=_PART,
    ),
    Claim(
        "orders matter",
        "... and at most 0.8 of what units alone leave, with experts in the order that they have (ratio)",
        _TRIAL,
        _each(lambda pair: chosen(pair) / pair["inner alone"]),
        at_most=0.8,
        part=_PART,
    ),
    Claim(
        "units matter",
        "orders of experts alone, without their units, leave at least 0.6 of the barrier (ratio)",
        _TRIAL,
        _each(lambda pair: alone(pair) / pair["naive"]),
        at_least=0.6,
        part=_PART,
    ),
    Claim(
        "gates are seen up to a translation",
        "a translation of all gates changes no output (largest relative change, double precision)",
        "MoE-LMC, theorem 4.1",
        _each(lambda pair: pair["translated"]),
        at_most=1e-10,
        every=True,
        part=_PART,
    ),
    Claim(
        "barriers are not",
        "... and no barrier (change)",
        "MoE-LMC, proposition D.1",
        _each(lambda pair: pair["barrier translated"]),
        at_most=1e-6,
        every=True,
        part=_PART,
    ),
    Claim(
        "planted elements",
        "a mixture whose experts, units and gates were moved is found again (relative distance)",
        "by construction",
        _each(lambda pair: pair["planted"]),
        at_most=1e-5,
        every=True,
        part=_PART,
    ),
)
