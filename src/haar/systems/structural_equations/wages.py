"""Real data: wages and schooling, as they come with linearmodels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from haar.errors import ArgumentError, require


@dataclass(frozen=True)
class Wages:
    """A published equation with its data.

    Attributes:
        name: Of the data.
        x: Regressors, a data frame; the first is endogenous.
        y: Logarithm of the wage.
        z: Excluded instruments, a data frame.
        exogenous: Names of the exogenous regressors.
        source: Who published it.
    """

    name: str
    x: Any
    y: Any
    z: Any
    exogenous: tuple[str, ...]
    source: str


_EQUATIONS = {
    "card": (
        "lwage",
        ("educ", "exper", "expersq", "black", "south", "smsa"),
        ("nearc2", "nearc4"),
        "Card 1995: schooling, instrumented by colleges nearby",
    ),
    "mroz": (
        "lwage",
        ("educ", "exper", "expersq"),
        ("motheduc", "fatheduc"),
        "Mroz 1987: schooling of working wives, instrumented by their parents'",
    ),
}
#: The equations there are.
NAMES = tuple(_EQUATIONS)


def wages(name: str) -> Wages:
    """An equation of wages, rows with missing values left out.

    Args:
        name: ``"card"`` (3010 men) or ``"mroz"`` (428 women who work).

    Raises:
        ArgumentError: If there is none of this name.
        MissingExtraError: If linearmodels is not installed.
    """
    if name not in _EQUATIONS:
        raise ArgumentError("name", expected=" or ".join(map(repr, NAMES)), got=repr(name))
    outcome, regressors, instruments, source = _EQUATIONS[name]
    frame = require(f"linearmodels.datasets.{name}", "econometrics")
    data = frame.load()[[outcome, *regressors, *instruments]].dropna()
    x, z = data[list(regressors)], data[list(instruments)]
    return Wages(name, x, data[outcome], z, regressors[1:], source)
