"""How well scores tell pairs apart."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def area_under_curve(positive: Float[Tensor, " p"], negative: Float[Tensor, " n"]) -> float:
    """The probability that a positive scores higher than a negative; ties count one half.

    Example:
        >>> area_under_curve(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]))
        0.875
    """
    order = negative.sort().values
    below = torch.searchsorted(order, positive.contiguous())
    up_to = torch.searchsorted(order, positive.contiguous(), right=True)
    return float((below + up_to).double().mean() / (2 * len(negative)))


def paired_accuracy(
    positive: Float[Tensor, " p"], negative: Float[Tensor, " p"], *, tie: float = 1e-9
) -> tuple[float, float]:
    """The share of pairs in which the positive scores higher, ties one half; and the largest difference of a pair.

    Args:
        positive: Scores of the true pairs.
        negative: Of each its partner's.
        tie: Differences up to this share of the largest score are ties.

    Example:
        >>> paired_accuracy(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 2.0]))
        (0.75, 1.0)
    """
    apart = positive - negative
    limit = tie * max(1.0, float(positive.abs().max()))
    wins = (apart > limit).double() + 0.5 * (apart.abs() <= limit).double()
    return float(wins.mean()), float(apart.abs().max())
