"""Homotopies of whole modules: they have a gamma, and no weight that the group moves."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from haar.relax.wrapping.gamma import Gamma


class WholeModule(Gamma):
    """What mode "function" and side branches share.

    Attributes:
        ratio: Size of what gamma multiplies over that of the equivariant part, in the latest forward in training.
    """

    ratio: Tensor

    def effective_size(self) -> Tensor:
        """|gamma| times `ratio`, of gamma's shape."""
        return self._gamma().abs() * self.ratio

    def _fixed_copy(self) -> nn.Module:
        """This part with the gamma in force, which is trained no more."""
        fixed = copy.deepcopy(self)
        with torch.no_grad():
            fixed.gamma.copy_(self._gamma())
        fixed.fix(None)
        fixed.gamma.requires_grad_(False)
        return fixed
