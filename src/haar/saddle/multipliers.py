"""A second player of few numbers: the multipliers of constraints, as a module."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.errors import check_count
from haar.saddle.updates import feasible


class Multipliers(nn.Module):
    """A vector of multipliers that an objective reads as ``dual()``.

    Args:
        count: Number of constraints.
        equality: Whether they are equalities, whose multipliers have either sign; those of inequalities (violation at
            most 0) are put back to at least 0 after every step of a game.
        dtype: Of the vector.

    Raises:
        ArgumentError: If the number is below 1.

    Example:
        >>> Multipliers(2)().detach()
        tensor([0., 0.])
    """

    def __init__(self, count: int, *, equality: bool = True, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        check_count("count", count)
        self.equality = equality
        self.values = nn.Parameter(torch.zeros(count, dtype=dtype))

    def forward(self) -> Float[Tensor, " count"]:
        """The multipliers."""
        return self.values.view(-1)

    @torch.no_grad()
    def project(self) -> None:
        """Put them back into their cone."""
        if not self.equality:
            self.values.copy_(feasible(self.values, equality=False))
