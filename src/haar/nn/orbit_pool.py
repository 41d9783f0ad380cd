"""Pooling over parts: one invariant channel for every part."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.representation import Representation, Trivial
from haar.errors import ArgumentError
from haar.nn.module import EquivariantModule, check_channels
from haar.nn.parts import part_count, part_runs
from haar.nn.pointwise import check_permutation


class OrbitPool(EquivariantModule):
    """Maximum or mean over the channels of every part, which the group permutes: one invariant channel a part.

    Args:
        rep: A permutation representation, such as copies of the regular one.
        how: ``"max"`` or ``"mean"``.
        channels: ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: If `how` is unknown or the representation is not of permutation type.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Regular
        >>> from haar.groups import dihedral
        >>> OrbitPool(4 * Regular(dihedral(4)))(torch.randn(2, 32)).shape
        torch.Size([2, 4])
    """

    def __init__(self, rep: Representation, *, how: str = "max", channels: str = "last") -> None:
        super().__init__()
        if how not in ("mean", "max"):
            raise ArgumentError("how", expected="'mean' or 'max'", got=repr(how))
        check_permutation(rep, "pooling over its parts")
        self.rep_in, self.rep_out = rep, Trivial(rep.group, part_count(rep))
        self.channels, self.how = check_channels(channels), how
        self.runs = part_runs(rep)

    def forward(self, x: Float[Tensor, "*shape_in"]) -> Float[Tensor, "*shape_out"]:
        """Pool.

        Raises:
            ShapeError: If the channel axis does not fit.
        """
        self.check_input(x)
        axis = self._axis % x.ndim
        parts = [run.of(x, axis) for run in self.runs]
        pooled = [v.amax(axis + 1) if self.how == "max" else v.mean(axis + 1) for v in parts]
        return torch.cat(pooled, axis)
