"""Free: the user's own model, as if it had not been wrapped."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from haar.relax.rule import Rule


class Free(Rule):
    """gamma = 1 throughout.

    Args:
        model: A wrapped model; its gammas are set and kept.

    Raises:
        ArgumentError: If it has no gammas.
    """

    name: ClassVar[str] = "free"
    in_parts: ClassVar[bool] = True

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.fix(1.0)

    def lagrangian(self, loss: Tensor) -> Tensor:
        """The loss."""
        return loss
