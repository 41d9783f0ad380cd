"""The seven transformations that FRED-MD's second row names by number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from haar.errors import ArgumentError, check_count

#: What each code does.
CODES: Mapping[int, str] = {
    1: "level",
    2: "first difference",
    3: "second difference",
    4: "log",
    5: "first difference of logs",
    6: "second difference of logs",
    7: "first difference of the growth rate",
}
#: Those that take logarithms.
LOGS = frozenset({4, 5, 6})


def transformed(values: Float[np.ndarray, " months"], code: int) -> Float[np.ndarray, " months"]:
    """A series by its code; the first months, which differences do not have, are NaN, as are missing ones.

    Args:
        values: One number a month, NaN where it is missing.
        code: 1 to 7, see `CODES`.

    Raises:
        ArgumentError: If there is no such code, a logarithm is asked of what is not positive, or a growth rate over 0.

    Source: McCracken and Ng, FRED-MD: A monthly database for macroeconomic research, JBES 34 (2016), appendix.

    Example:
        >>> transformed(np.array([1.0, 2.0, 4.0, 9.0]), 2).tolist()
        [nan, 1.0, 2.0, 5.0]
        >>> transformed(np.array([1.0, 2.0, 4.0, 9.0]), 7).tolist()
        [nan, nan, 0.0, 0.25]
    """
    check_count("code", code)
    if code not in CODES:
        raise ArgumentError("code", expected="1 to 7", got=code)
    if code in LOGS:
        if (values <= 0).any():
            got = f"{values[values <= 0][0]:g} among them"
            raise ArgumentError("values", expected=f"positive numbers for code {code} ({CODES[code]})", got=got)
        values = np.log(values)
    if code == 7:
        if (values[:-1] == 0).any():
            raise ArgumentError("values", expected=f"no 0 for code 7 ({CODES[7]})", got="0 among them")
        rates = np.full_like(values, np.nan)
        rates[1:] = values[1:] / values[:-1] - 1
        return _difference(rates)
    for _ in range({1: 0, 2: 1, 3: 2, 4: 0, 5: 1, 6: 2}[code]):
        values = _difference(values)
    return values


def _difference(values: np.ndarray) -> np.ndarray:
    found = np.full_like(values, np.nan, dtype=float)
    found[1:] = np.diff(values)
    return found
