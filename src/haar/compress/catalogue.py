"""Perturbations by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence

from haar.compress.calibrated import (
    Importance,
    ScaledQuantise,
    SparseGPT,
    Surgeon,
    Taylor,
    Wanda,
    WandaNofM,
    WeightedLowRank,
)
from haar.compress.decoding import Decoding
from haar.compress.entries import Magnitude, NofM, Noise, Random
from haar.compress.low_rank import LowRank
from haar.compress.perturbation import Perturbation
from haar.compress.projected import Projected
from haar.compress.quantise import Activations, Quantise
from haar.compress.structured import AttentionHeads, Deepen, Depth, HiddenUnits
from haar.errors import ArgumentError

Wanted = str | Perturbation | Sequence[str | Perturbation]

PERTURBATIONS: Mapping[str, Callable[[], Perturbation]] = {
    made().name: made
    for made in (
        Noise,
        Random,
        Magnitude,
        lambda: Magnitude("row"),
        lambda: Magnitude("global"),
        lambda: NofM("2:4"),
        lambda: NofM("4:8"),
        Quantise,
        lambda: Quantise("tensor"),
        lambda: Quantise(64),
        lambda: Quantise(asymmetric=True),
        Activations,
        LowRank,
        Wanda,
        lambda: WandaNofM("2:4"),
        lambda: WandaNofM("4:8"),
        Importance,
        Taylor,
        lambda: Taylor(squares=True),
        Surgeon,
        lambda: Surgeon(0.01),
        SparseGPT,
        WeightedLowRank,
        ScaledQuantise,
        HiddenUnits,
        AttentionHeads,
        Depth,
        Deepen,
        Decoding,
    )
}
"""All perturbations that a name stands for, with their usual settings."""

#: What is tried where nothing is asked for: none of these needs more than the model and the data.
USUAL = ("noise", "magnitude", "quantise", "low rank")
_PATTERN = re.compile(r"([0-9]+:[0-9]+)( \(wanda\))?")
#: Before the name of one: see `haar.compress.Projected`.
_PROJECTED = "projected "
_GROUPED = re.compile(r"quantise \(([0-9]+) inputs(, asymmetric)?\)")


def perturbation_of(wanted: str | Perturbation) -> Perturbation:
    """One perturbation.

    Args:
        wanted: A name, or a perturbation.

    Raises:
        ArgumentError: If there is none of that name.

    Example:
        >>> perturbation_of("2:4").levels
        (0.5,)
    """
    if isinstance(wanted, Perturbation):
        return wanted
    if isinstance(wanted, str):
        if wanted in PERTURBATIONS:
            return PERTURBATIONS[wanted]()
        if found := _GROUPED.fullmatch(wanted):
            return Quantise(int(found[1]), asymmetric=bool(found[2]))
        if found := _PATTERN.fullmatch(wanted):
            return WandaNofM(found[1]) if found[2] else NofM(found[1])
        if wanted.startswith(_PROJECTED):
            return Projected(perturbation_of(wanted.removeprefix(_PROJECTED)))
    close = difflib.get_close_matches(str(wanted), PERTURBATIONS, n=1)
    raise ArgumentError(
        "perturbations",
        expected=f"names among {', '.join(PERTURBATIONS)}",
        got=repr(wanted),
        way_out=f"did you mean {close[0]!r}?" if close else "",
    )


def perturbations_of(wanted: Wanted | None) -> tuple[Perturbation, ...]:
    """The perturbations that are asked for, each once.

    Args:
        wanted: Names or perturbations; None for the usual ones.

    Raises:
        ArgumentError: If a name is unknown, two have one name, or there are none.
    """
    if isinstance(wanted, (str, Perturbation)):
        wanted = [wanted]
    found = tuple(map(perturbation_of, USUAL if wanted is None else wanted))
    names = [one.name for one in found]
    if not found or len(set(names)) < len(names):
        raise ArgumentError("perturbations", expected="at least one, each with a name of its own", got=names)
    return found
