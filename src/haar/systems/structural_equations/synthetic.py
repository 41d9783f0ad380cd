"""Made data: structural functions that are known, seen through an error that the regressor shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from haar.training import seed_of

FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "step": lambda x: (x >= 0).to(x.dtype),
    "sin": torch.sin,
    "x": lambda x: x,
}
"""Structural functions of one regressor."""

#: Where errors against the truth are measured.
REACH, POINTS = 3.0, 601
#: Points of the plane, at random, where errors of invariant functions are measured.
_PLANE = 4000


@dataclass(frozen=True)
class Sets:
    """Independent data sets of one law, and where the truth is known.

    Attributes:
        x: Regressors.
        y: Outcomes.
        z: Instruments.
        at: Where the truth is asked, the same for all.
        truth: The structural function there.
    """

    x: Float[Tensor, "rows sets columns"]
    y: Float[Tensor, "rows sets 1"]
    z: Float[Tensor, "rows sets instruments"]
    at: Float[Tensor, "points columns"]
    truth: Float[Tensor, " points"]

    def errors(self, answers: Float[Tensor, "points sets 1"]) -> list[float]:
        """Mean squared error of each set's answers."""
        found: list[float] = (answers[..., 0] - self.truth[:, None]).double().square().mean(0).tolist()
        return found

    def arrays(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One set in double precision."""
        x, y, z = (table[:, k].double().numpy() for table in (self.x, self.y, self.z))
        return x, y[:, 0], z


def on_a_line(name: str, rows: int, sets: int, seed: int) -> Sets:
    """Z ~ U(-3, 3), e ~ N(0, 1), X = Z + e + 0.1 n1, Y = g(X) + e + 0.1 n2.

    Args:
        name: Of g, one of `FUNCTIONS`.
        rows: Of every set.
        sets: How many.
        seed: Of everything.

    Source: Bennett et al., arXiv 1905.12495, section 5, in the form of Lewis and Syrgkanis, arXiv 1803.07164.
    """
    function = FUNCTIONS[name]
    generator = torch.Generator().manual_seed(seed_of(seed, 1))
    shape = rows, sets, 1
    z = 2 * REACH * torch.rand(shape, generator=generator) - REACH
    e, one, other = (torch.randn(shape, generator=generator) for _ in range(3))
    x = z + e + 0.1 * one
    at = torch.linspace(-REACH, REACH, POINTS)[:, None]
    return Sets(x, function(x) + e + 0.1 * other, z, at, function(at[:, 0]))


def in_the_plane(rows: int, sets: int, seed: int) -> Sets:
    """Data whose law every rotation leaves alone.

    Z ~ 1.2 N(0, I), e ~ N(0, 1), X = Z (1 + tanh(e) / 2) + 0.2 N, Y = sin(2 |X|) + e + 0.1 N.

    Args:
        rows: Of every set.
        sets: How many.
        seed: Of everything.
    """
    generator = torch.Generator().manual_seed(seed_of(seed, 2))

    def made(rows: int, sets: int) -> tuple[Tensor, Tensor, Tensor]:
        z = 1.2 * torch.randn(rows, sets, 2, generator=generator)
        e = torch.randn(rows, sets, 1, generator=generator)
        x = z * (1 + e.tanh() / 2) + 0.2 * torch.randn(rows, sets, 2, generator=generator)
        y = (2 * x.norm(dim=-1, keepdim=True)).sin() + e + 0.1 * torch.randn(rows, sets, 1, generator=generator)
        return x, y, z

    x, y, z = made(rows, sets)
    at = made(_PLANE, 1)[0][:, 0]
    return Sets(x, y, z, at, (2 * at.norm(dim=-1)).sin())
