"""How many units and directions of a layer are in use: dormant ratio, stable and effective rank of its features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import svdvals

from haar.errors import ArgumentError, check_rate

Features = Float[Tensor, "samples units"]


def dormant_ratio(features: Features, *, tau: float | int = 0.1) -> float:
    """The share of units whose mean size is at most tau times the mean of all units' mean sizes.

    Args:
        features: A layer's outputs, one row a sample.
        tau: How small is dormant.

    Raises:
        ArgumentError: If there is no sample or no unit, or tau is negative.

    Source:
        Sokar et al., The dormant neuron phenomenon in deep reinforcement learning, 2023, definition 3.1.

    Example:
        >>> dormant_ratio(torch.tensor([[0.0, 1.0, 2.0, -1.0], [0.0, 1.0, 0.0, 1.0]]))
        0.25
    """
    _check(features)
    check_rate("tau", tau, zero=True)
    sizes = features.detach().abs().double().mean(0)
    return float((sizes <= tau * sizes.mean()).double().mean())


def stable_rank(features: Features) -> float:
    """|H|_F^2 / |H|_2^2: 1 for a matrix of rank one, n for n orthogonal directions of one length; 0 for no signal.

    Args:
        features: A layer's outputs, one row a sample; any matrix.

    Raises:
        ArgumentError: If it is empty.

    Example:
        >>> round(stable_rank(torch.eye(5)), 6)
        5.0
    """
    _check(features)
    values = svdvals(features.detach().double())
    largest = float(values[0])
    return float((values / largest).square().sum()) if largest > 0 else 0.0


def effective_rank(features: Features, *, share: float | int = 0.99) -> int:
    """The least number of singular values that have a share of the sum of all; 0 for no signal.

    Args:
        features: A layer's outputs, one row a sample; any matrix.
        share: Of the sum of singular values.

    Raises:
        ArgumentError: If it is empty, or the share is none.

    Source:
        Kumar et al., arXiv 2010.14498 (srank).

    Example:
        >>> effective_rank(torch.diag(torch.tensor([90.0, 9.5, 0.5])))
        2
    """
    _check(features)
    if not 0 < share <= 1:
        raise ArgumentError("share", expected="a share above 0, at most 1", got=share)
    values = svdvals(features.detach().double())
    total = values.sum()
    if not float(total) > 0:
        return 0
    reached = (values.cumsum(0) / total) >= share - torch.finfo(values.dtype).eps * len(values)
    return int(reached.to(torch.int8).argmax()) + 1


def _check(features: Tensor) -> None:
    if not features.numel():
        raise ArgumentError("features", expected="at least one sample and one unit", got=tuple(features.shape))
