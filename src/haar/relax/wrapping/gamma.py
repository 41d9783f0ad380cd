"""What has a gamma: a number between equivariant, 0, and free, 1."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn


class Gamma(nn.Module):
    """A part of a model with a homotopy parameter of its own: a layer, or a whole module.

    Attributes:
        gamma: The homotopy parameter, shape ``()`` or ``(k,)`` along a chain of k groups.
        mode: How the free part is made: ``"weight"``, ``"branches"`` or ``"function"``.
    """

    gamma: nn.Parameter
    mode: str
    _fixed: Tensor | None

    @abstractmethod
    def effective_size(self) -> Tensor:
        """How far the part is from equivariant, of gamma's shape: |gamma| times the free part over the equivariant."""

    @abstractmethod
    def export(self) -> nn.Module:
        """The same at the gamma in force, which is trained no more."""

    def fix(self, gamma: Tensor | None) -> Tensor | None:
        """Run at this gamma instead of the learned one (None: the learned one); returns what was in force."""
        before, self._fixed = self._fixed, gamma
        return before

    def _gamma(self) -> Tensor:
        """The gamma in force, of gamma's shape."""
        return self.gamma if self._fixed is None else self._fixed.to(self.gamma).expand(self.gamma.shape)
