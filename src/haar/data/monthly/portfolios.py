"""Returns of portfolios and of the factors that are used to explain them, from the data of `linearmodels`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from haar.errors import require

#: The factors of the file; then comes the riskless rate, then the portfolios.
FACTORS = ("MktRF", "SMB", "HML", "Mom")


@dataclass(frozen=True, eq=False)
class Portfolios:
    """Monthly returns.

    Attributes:
        dates: The first day of every month.
        names: Of the portfolios.
        returns: Above the riskless rate, ``(months, portfolios)``.
        factors: Market above the riskless rate, size, value, momentum: ``(months, 4)``.
    """

    dates: np.ndarray
    names: tuple[str, ...]
    returns: Float[np.ndarray, "months portfolios"]
    factors: Float[np.ndarray, "months 4"]


def french_portfolios() -> Portfolios:
    """Thirty portfolios of US stocks by industry, size and value, 1949 to 2017.

    Raises:
        MissingExtraError: If linearmodels is not there.

    Source: K. French's data library, as it comes with linearmodels.
    """
    table = require("linearmodels.datasets.french", "econometrics").load()
    names = tuple(str(name) for name in table.columns[len(FACTORS) + 2 :])
    rate = table["RF"].to_numpy(float)
    return Portfolios(
        table["dates"].to_numpy("datetime64[D]"),
        names,
        table[list(names)].to_numpy(float) - rate[:, None],
        table[list(FACTORS)].to_numpy(float),
    )
