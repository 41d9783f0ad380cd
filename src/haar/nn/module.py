"""What every equivariant module offers: its symmetry, a plain copy, and the same function under less symmetry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from torch import nn

from haar.actions import Action, Field, Symmetry, Vector
from haar.actions.representation import Representation
from haar.errors import ArgumentError
from haar.groups import Subgroup

Channels = Literal["last", "first"]


class EquivariantModule(nn.Module, ABC):
    """A module that commutes with a group by construction.

    Attributes:
        rep_in: Representation on the input's channels.
        rep_out: Representation on the output's channels.
        channels: ``"last"``: vectors ``(*batch, n)``; ``"first"``: fields on grids ``(batch, n, *space)``.
    """

    rep_in: Representation
    rep_out: Representation
    channels: Channels = "last"

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry that the module has, as `haar.audit` verifies it."""
        return Symmetry(self.rep_in.group, self._action(self.rep_in), self._action(self.rep_out))

    @abstractmethod
    def restrict(self, subgroup: Subgroup) -> EquivariantModule:
        """The same function with the freedom of a subgroup: a new module, the old one is not changed."""

    def export(self) -> nn.Module:
        """A plain torch module with equal outputs; the module itself where it holds nothing but torch operations."""
        return self

    def _action(self, rep: Representation) -> Action:
        return Vector(rep) if self.channels == "last" else Field(rep)

    @property
    def _axis(self) -> int:
        return -1 if self.channels == "last" else 1


def check_channels(channels: str) -> Channels:
    """Return it if it is ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: Else.
    """
    if channels not in ("last", "first"):
        raise ArgumentError("channels", expected="'last' (vectors) or 'first' (fields)", got=repr(channels))
    return channels  # type: ignore[return-value]
