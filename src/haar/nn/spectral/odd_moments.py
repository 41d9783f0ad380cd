"""What may stand where a bias would: odd moments of a cloud, which change sign with their column."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from haar.errors import ArgumentError
from haar.nn.precision import wide_dtype
from haar.nn.spectral.columns import cloud_mean
from haar.nn.spectral.given import check_columns, check_mask


def odd_moments(
    x: Float[Tensor, "*batch n k"],
    *,
    power: int = 3,
    mask: Bool[Tensor, "*batch n"] | None = None,
    eps: float | int = 1e-6,
) -> Float[Tensor, "*batch k"]:
    """m / (|m| + eps) with m_c the mean over the points of x_c^power: a soft sign of each column's skewness.

    Fed to a network as one more column-valued input it plays the part of a bias, which no sign-equivariant layer may
    have. It is 0 for a column whose cloud is symmetric.

    Args:
        x: Clouds in columns.
        power: An odd exponent; 3 or more for centred clouds.
        mask: Which rows hold a point.
        eps: Keeps the quotient smooth where the moment vanishes.

    Raises:
        ArgumentError: If the power is not odd and positive, or `eps` is not positive.

    Example:
        >>> import torch
        >>> odd_moments(torch.tensor([[2.0, 1.0], [-1.0, -1.0], [-1.0, 0.0]])).round(decimals=3).tolist()
        [1.0, 0.0]
    """
    if not isinstance(power, int) or power < 1 or power % 2 == 0:
        raise ArgumentError("power", expected="an odd positive number", got=repr(power))
    check_columns(x, x.shape[-1] if x.ndim else 0)
    check_mask(mask, x)
    if not eps > 0:
        raise ArgumentError("eps", expected="a positive number", got=eps)
    wide = x.to(wide_dtype(x.dtype))
    moment: Tensor = cloud_mean(wide.pow(power), mask).squeeze(-2)
    return (moment / (moment.abs() + max(eps, torch.finfo(wide.dtype).tiny))).to(x.dtype)
