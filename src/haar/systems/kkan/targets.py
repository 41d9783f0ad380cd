"""Functions that are fitted: products of one function of each coordinate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

Points = Float[Tensor, "points 2"]
#: Half the side of the square on which each is fitted.
HALVES: Mapping[str, float] = {"oscillatory": 1.0, "discontinuous": 2.0, "two frequencies": 1.0}


def _oscillatory(x: Tensor) -> Tensor:
    return sum((torch.sin(k * torch.pi * x) / k for k in (3, 5, 7)), torch.sin(x))


def _discontinuous(x: Tensor) -> Tensor:
    below = 5 + sum((torch.sin(k * x) for k in (2, 3, 4)), torch.sin(x))
    return torch.where(x < 0, below, torch.cos(10 * x))


def _two_frequencies(x: Tensor) -> Tensor:
    """A slow wave, and one eight times as fast."""
    return torch.sin(torch.pi * x) + 0.5 * torch.sin(8 * torch.pi * x)


_FACTORS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "oscillatory": _oscillatory,
    "discontinuous": _discontinuous,
    "two frequencies": _two_frequencies,
}


def target(name: str) -> Callable[[Points], Float[Tensor, "points 1"]]:
    """A function by its name, on [-1, 1]^2: coordinates of all networks are scaled alike.

    Example:
        >>> target("oscillatory")(torch.zeros(1, 2)).item()
        0.0
    """
    factor, half = _FACTORS[name], HALVES[name]
    return lambda x: factor(half * x[:, :1]) * factor(half * x[:, 1:])


def grid(side: int) -> Points:
    """All points of a uniform grid."""
    axis = torch.linspace(-1, 1, side)
    return torch.cartesian_prod(axis, axis)


def relative(found: Tensor, wanted: Tensor) -> float:
    """Relative error in L2."""
    return float((found - wanted).norm() / wanted.norm())
