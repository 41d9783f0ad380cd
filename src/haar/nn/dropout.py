"""Dropout that keeps the symmetry: whole parts are dropped, never single components."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import part_count, part_runs


class Dropout(EquivariantModule):
    """Sets parts to zero at random in training, for fields at all points at once; scales the others by 1 / (1 - p).

    For every draw of the mask the map commutes with the group; in eval it is the identity. The mask comes from torch's
    random state of the device, as that of `torch.nn.Dropout` does.

    Args:
        rep: Any representation; its parts are those of the direct sum.
        p: Probability of dropping a part.
        channels: ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: If p is not a probability below 1.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Defining
        >>> from haar.groups import SO
        >>> Dropout(4 * Defining(SO(3)), 0.5).eval()(torch.ones(1, 12)).sum().item()
        12.0
    """

    def __init__(self, rep: Representation, p: float = 0.5, *, channels: str = "last") -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ArgumentError("p", expected="a probability from 0 to below 1", got=p)
        self.rep_in = self.rep_out = rep
        self.channels, self.p = check_channels(channels), p
        self.parts = part_count(rep)
        numbers = [
            torch.arange(run.first, run.first + run.copies).repeat_interleave(run.rep.dim) for run in part_runs(rep)
        ]
        self.register_constant("part_of", torch.cat(numbers), torch.int64)
        self.part_of: Tensor

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Drop.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        if not self.training or self.p == 0:
            return x
        first = self.channels == "first"
        lead = x.shape[:1] if first else x.shape[:-1]
        mask = nn.functional.dropout(x.new_ones(*lead, self.parts), self.p)[..., self.part_of]
        return x * (mask.reshape(*mask.shape, *[1] * (x.ndim - 2)) if first else mask)
