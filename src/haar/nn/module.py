"""What every equivariant module offers: its symmetry, a plain copy, and the same function under less symmetry."""

from __future__ import annotations

import copy
from typing import Any, Literal

from torch import Tensor

from haar.actions import Action, Field, Symmetry, Vector
from haar.actions.representation import Representation
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group, Subgroup
from haar.intertwiners import Intertwiners
from haar.nn.precision import check_numbers
from haar.nn.representations import restricted

Channels = Literal["last", "first"]
#: What copies of a module share: it never changes, and layers are compared by it.
_SHARED = (Representation, Group, Intertwiners)


class EquivariantModule(ConstantsModule):
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
    def channels_out(self) -> Channels:
        """Where the output's channels stand; as the input's, unless the module changes it."""
        return self.channels

    @property
    def symmetry(self) -> Symmetry:
        """The symmetry that the module has, as `haar.audit` verifies it."""
        return Symmetry(
            self.rep_in.group, _action(self.rep_in, self.channels), _action(self.rep_out, self.channels_out)
        )

    def restrict(self, subgroup: Subgroup) -> EquivariantModule:
        """The same function with the freedom of a subgroup: a new module, the old one is not changed.

        Raises:
            ArgumentError: If it is no subgroup of the module's group object.
        """
        looser = copy.deepcopy(self)
        looser.restrict_parts(subgroup)
        return looser

    def export(self) -> ConstantsModule | Any:
        """A plain torch module with equal outputs; a copy of the module itself where it is plain torch already."""
        return copy.deepcopy(self)

    def restrict_parts(self, subgroup: Subgroup) -> None:
        """Replace the representations that this module holds, and those of its children, by their restrictions."""
        for module in self.modules():
            for name, value in list(module.__dict__.items()):
                if isinstance(value, Representation):
                    module.__dict__[name] = restricted(value, subgroup)

    def check_input(self, x: Tensor, rep: Representation | None = None, argument: str = "x") -> None:
        """Raise unless the channel axis is that of a representation, by default `rep_in`.

        Raises:
            ShapeError: Naming the shape that was expected.
            ArgumentError: If they are whole numbers or booleans.
        """
        rep = self.rep_in if rep is None else rep
        axis = -1 if self.channels == "last" else 1
        if x.ndim < (1 if self.channels == "last" else 2) or x.shape[axis] != rep.dim:
            where = "last axis" if self.channels == "last" else "axis 1 (channels first)"
            raise ShapeError(
                argument,
                expected=f"{rep.dim} on the {where} ({rep.name} of {rep.group.name})",
                got=tuple(x.shape),
                way_out="" if self.channels == "first" else "channels='first' is for fields on grids",
            )
        check_numbers(x, argument)

    def extra_repr(self) -> str:
        """Representation and group."""
        if self.rep_in is self.rep_out:
            return f"{self.rep_in.name} of {self.rep_in.group.name}"
        return f"{self.rep_in.name} -> {self.rep_out.name} of {self.rep_in.group.name}"

    def __deepcopy__(self, memo: dict[int, Any]) -> EquivariantModule:
        new = self.__class__.__new__(self.__class__)
        memo[id(self)] = new
        for name, value in self.__dict__.items():
            new.__dict__[name] = value if isinstance(value, _SHARED) else copy.deepcopy(value, memo)
        return new

    @property
    def _axis(self) -> int:
        return -1 if self.channels == "last" else 1


def _action(rep: Representation, channels: Channels) -> Action:
    return Vector(rep) if channels == "last" else Field(rep)


def check_channels(channels: str) -> Channels:
    """Return it if it is ``"last"`` or ``"first"``.

    Raises:
        ArgumentError: Else.
    """
    if channels not in ("last", "first"):
        raise ArgumentError("channels", expected="'last' (vectors) or 'first' (fields)", got=repr(channels))
    return channels  # type: ignore[return-value]
