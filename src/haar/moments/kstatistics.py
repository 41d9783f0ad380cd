"""k-statistics: unbiased estimates of the first four cumulants, with standard errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError


@dataclass(frozen=True)
class KStatistics:
    """Unbiased estimates of k_1..k_4 and their standard errors; one entry per variable.

    Args:
        values: The four estimates, first axis the order 1..4.
        errors: Estimated standard errors, same shape.
        gaussian_errors: The standard errors these orders would have on normal data of the same variance (exact): the
            yardstick for "is there any skewness at all".
        count: Number of samples.

    Example:
        >>> kstats(torch.arange(6, dtype=torch.float64)).values.round(decimals=9).tolist()
        [2.5, 3.5, 0.0, -14.7]
    """

    values: Float[Tensor, "4 *batch"]
    errors: Float[Tensor, "4 *batch"]
    gaussian_errors: Float[Tensor, "4 *batch"]
    count: int

    def __str__(self) -> str:
        """As a table, one row a variable and order."""
        from haar.report.table import Table

        parts = (part.reshape(4, -1) for part in (self.values, self.errors, self.gaussian_errors))
        values, errors, normal = (part.T.tolist() for part in parts)
        rows = [
            (variable, order + 1, values[variable][order], errors[variable][order], normal[variable][order])
            for variable in range(len(values))
            for order in range(4)
        ]
        columns = ("variable", "cumulant", "estimate", "standard error", "on normal data")
        return str(Table(f"k-statistics of {self.count} samples", columns, rows))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, with a schema number."""
        return {
            "schema": 1,
            "count": self.count,
            "values": self.values.tolist(),
            "errors": self.errors.tolist(),
            "gaussian_errors": self.gaussian_errors.tolist(),
        }


def kstats(samples: Float[Tensor, "samples *batch"]) -> KStatistics:
    r"""Unbiased estimates k_1..k_4 of the cumulants, with standard errors.

    With central sample moments m_r (divided by n): k_2 = n m_2/(n-1), k_3 = n^2 m_3/((n-1)(n-2)),
    k_4 = n^2 [(n+1) m_4 - 3 (n-1) m_2^2]/((n-1)(n-2)(n-3)). Standard errors of k_1 and k_2 are the usual ones, of k_3
    and k_4 by the jackknife in closed form (to leading order in 1/n: the variance of the influence function over n).

    Args:
        samples: At least four samples along the first axis; computed in float64.

    Raises:
        ArgumentError: If there are fewer than four samples.

    Source: Fisher (1929); Kendall and Stuart, The Advanced Theory of Statistics, vol. 1, chapter 12.

    Example:
        >>> estimate = kstats(torch.randn(10000, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
        >>> bool((estimate.values - torch.tensor([0, 1, 0, 0])).abs().lt(4 * estimate.errors).all())
        True
    """
    n = samples.shape[0] if samples.ndim else 0
    if n < 4:
        raise ArgumentError("samples", expected="at least 4 samples along the first axis", got=n)
    x = samples.to(torch.float64)
    mean = x.mean(0)
    d = x - mean
    m2, m3, m4 = (d.pow(r).mean(0) for r in (2, 3, 4))
    k2 = n * m2 / (n - 1)
    k3 = n**2 * m3 / ((n - 1) * (n - 2))
    k4 = n**2 * ((n + 1) * m4 - 3 * (n - 1) * m2.square()) / ((n - 1) * (n - 2) * (n - 3))
    # Influence functions of the cumulant functionals at the sample law.
    influences = (
        d,
        d.square() - m2,
        d.pow(3) - 3 * m2 * d - m3,
        d.pow(4) - 6 * m2 * d.square() - 4 * m3 * d - m4 + 6 * m2.square(),
    )
    errors = torch.stack([(f.square().sum(0) / (n * (n - 1))).sqrt() for f in influences])
    gaussian = torch.stack(
        [
            (k2 / n).sqrt(),
            k2 * (2 / (n - 1)) ** 0.5,
            (6 * n * k2.pow(3) / ((n - 1) * (n - 2))).sqrt(),
            (24 * n * (n + 1) * k2.pow(4) / ((n - 1) * (n - 2) * (n - 3))).sqrt(),
        ]
    )
    return KStatistics(torch.stack([mean, k2, k3, k4]), errors, gaussian, n)
