"""How many factors there are: the largest ratio of neighbouring eigenvalues."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.errors import ArgumentError, ShapeError, check_count


def factor_count(eigenvalues: Float[Tensor, " m"], *, most: int | None = None) -> int:
    """The number of factors by the eigenvalue-ratio rule: the j with the largest lambda_j / lambda_{j+1}.

    Args:
        eigenvalues: Of a covariance or Gram matrix, falling.
        most: Largest number that is considered; by default half of the eigenvalues, at least one.

    Returns:
        A number of at least 1; where eigenvalues vanish to rounding, that of those that do not.

    Raises:
        ShapeError: If there are fewer than two eigenvalues.
        ArgumentError: If they do not fall, are not finite, all vanish, or `most` leaves no ratio.

    Source: Ahn and Horenstein, Eigenvalue ratio test for the number of factors, Econometrica 81 (2013), ER.

    Example:
        >>> factor_count(torch.tensor([9.0, 7.0, 5.0, 0.4, 0.3, 0.2, 0.15, 0.1]))
        3
    """
    count = len(eigenvalues)
    if count < 2:
        raise ShapeError("eigenvalues", expected="at least 2", got=count)
    values = eigenvalues.detach().to(torch.float64)
    if not bool(torch.isfinite(values).all()) or bool((values.diff() > 0).any()):
        raise ArgumentError("eigenvalues", expected="finite numbers that fall", got=eigenvalues.tolist())
    most = max(1, count // 2) if most is None else most
    check_count("most", most)
    # Rounding of a Gram matrix leaves this much of the largest where there is nothing.
    floor = float(values[0]) * count * torch.finfo(eigenvalues.dtype).eps
    if not floor > 0:
        raise ArgumentError("eigenvalues", expected="a positive one", got=f"{float(values[0]):g} at most")
    within = values.clamp(min=floor)
    last = min(most, count - 1)
    ratios = within[:last] / within[1 : last + 1]
    return int(ratios.argmax()) + 1
