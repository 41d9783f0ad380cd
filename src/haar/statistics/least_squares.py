"""Least squares that come out the same every time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def least_squares(design: Float[Tensor, "*batch n k"], targets: Float[Tensor, "*batch n m"]) -> Tensor:
    """The coefficients of least squared error; of several the smallest.

    torch's own choice of a driver rounds by where in memory its work space begins, so that the same numbers give
    another last digit from one call to the next. On a CPU this is the driver by singular values, which does not.

    Args:
        design: Values of k regressors at n rows.
        targets: m columns to be fitted.

    Returns:
        Coefficients (..., k, m).

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> least_squares(rows, torch.tensor([[1.0], [3.0], [5.0]])).flatten().round(decimals=5).tolist()
        [1.0, 2.0]
    """
    driver = "gelsd" if design.device.type == "cpu" else None
    solution: Tensor = torch.linalg.lstsq(design, targets, driver=driver).solution
    return solution
