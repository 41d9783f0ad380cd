"""What claims read of measures: numbers of a network, and of every trajectory or graph that it was tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Measures = Mapping[str, Any]
PAPER = "arXiv 2312.02339"
OURS = "our experiment"


def of(measures: Measures, network: str, what: str = "accuracy") -> float:
    """One number of a network."""
    return float(measures["networks"][network][what])


def units(measures: Measures, network: str, what: str = "units") -> Sequence[Any]:
    """A number of every trajectory or graph that a network was tested on."""
    found: Sequence[Any] = measures["networks"][network][what]
    return found


def untrained(measures: Measures, name: str) -> Sequence[Any]:
    """The same of what needs no training."""
    found: Sequence[Any] = measures["untrained_units"][name]
    return found
