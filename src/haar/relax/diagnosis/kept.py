"""A rule that does nothing: a trained model as it stands, for reports that read rules."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from haar.relax.rule import Rule


class Kept(Rule):
    """The gammas stay as they are."""

    name: ClassVar[str] = "as it is"

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss."""
        return loss
