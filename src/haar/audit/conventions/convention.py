"""One reading of the same tensors: where points stand, which axis a component belongs to, what a mirror does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from haar.actions import Field, FieldSpec, Layout, Symmetry
from haar.errors import ArgumentError
from haar.groups import Group


@dataclass(frozen=True)
class Convention:
    """How fields are read.

    Args:
        centring: ``"cell"`` or ``"node"``, for all axes.
        parity: Of every field, +1 or -1.
        backwards: Fields whose components stand in the reverse order of the axes.
    """

    centring: str
    parity: tuple[tuple[str, int], ...]
    backwards: frozenset[str] = frozenset()

    def with_parity(self, name: str, parity: int) -> Convention:
        """The same with another parity of one field."""
        changed = tuple((other, parity if other == name else own) for other, own in self.parity)
        return replace(self, parity=changed)

    def with_order(self, names: frozenset[str], *, backwards: bool) -> Convention:
        """The same with the components of some fields in another order."""
        kept = self.backwards - names
        return replace(self, backwards=kept | names if backwards else kept)


class Reading:
    """Inputs and labels of one symmetry of fields, read by one convention or another.

    Args:
        symmetry: Of fields that have names, as `Symmetry.of_fields` makes it.

    Raises:
        ArgumentError: If it is another.
    """

    def __init__(self, symmetry: Symmetry) -> None:
        found = fields_of(symmetry)
        if found is None:
            raise ArgumentError(
                "symmetry",
                expected="a symmetry of one input and one output of named fields on one grid",
                got=repr(symmetry),
                way_out="make it by Symmetry.of_fields",
            )
        self.group: Group = symmetry.group
        self.fields = tuple(field for field, _ in found)
        self.layouts = tuple(layout for _, layout in found)
        known = {spec.name: spec for layout in self.layouts for spec in layout.fields}
        self.specs: list[FieldSpec] = list(known.values())
        first = self.fields[0].centring
        centring = {first} if isinstance(first, str) else set(first)
        self.uniform = len(centring) == 1
        parity = tuple((spec.name, spec.parity) for spec in self.specs)
        self.stated = Convention(centring.pop() if self.uniform else "mixed", parity)

    @property
    def dim(self) -> int:
        """Axes of space."""
        return self.layouts[0].dim

    def numbers(self, x: Tensor) -> int:
        """How many numbers a fitted law takes of one sample."""
        return x.numel() * int(3**self.dim + 2 * self.dim + 2)

    @property
    def choose_centring(self) -> bool:
        """Whether there is a choice: an axis with both ends stored has its middle."""
        return self.uniform and any(self.fields[0].periodic)

    @property
    def directed(self) -> list[str]:
        """Fields with components that belong to axes."""
        return [spec.name for spec in self.specs if spec.order and self.dim > 1]

    def moved(self, convention: Convention, g: Tensor, x: Tensor, side: int) -> Tensor:
        """A tensor moved by one element, as the convention reads it.

        Args:
            convention: The reading.
            g: One element.
            x: Inputs (side 0) or labels (side 1), channels as in the symmetry.
            side: Which of the two.
        """
        field, layout = self.fields[side], self.layouts[side]
        parity = dict(convention.parity)
        read = replace(layout, fields=tuple(replace(spec, parity=parity[spec.name]) for spec in layout.fields))
        centring = field.centring if convention.centring == "mixed" else convention.centring
        action = Field.of_layout(read, self.group, centring=centring, periodic=field.periodic, channels=field.channels)
        order = _order(layout, convention.backwards)
        axis = field.axes.channel or -1 - self.dim
        back = action.act(g, x.index_select(axis, order))
        return back.index_select(axis, order)  # a reversal is its own inverse


def fields_of(symmetry: Symmetry) -> tuple[tuple[Field, Layout], tuple[Field, Layout]] | None:
    """Input and output with their layouts, if both are fields with names and channels, without internal factors."""
    sides = [_named(side) for side in (*symmetry.inputs, symmetry.outputs)]
    if len(sides) != 2 or symmetry.group.space_dim is None or symmetry.group.order is None:
        return None
    first, second = sides
    return None if first is None or second is None else (first, second)


def _named(side: object) -> tuple[Field, Layout] | None:
    if not isinstance(side, Field) or side.layout is None or side.offset is not None or side.channels is None:
        return None
    return (side, side.layout) if side.rep.dim == side.layout.channels else None


def _order(layout: Layout, backwards: frozenset[str]) -> Tensor:
    """Channels with the components of some fields in reverse."""
    order: list[int] = []
    for spec, _ in layout.blocks():
        block = list(range(len(order), len(order) + spec.size(layout.dim)))
        order += block[::-1] if spec.name in backwards else block
    return torch.tensor(order)
