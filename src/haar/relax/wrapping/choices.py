"""What the layers of a network make: as it was fixed, noted or chosen, the same at every use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from haar.actions.representation import Representation, Trivial
from haar.errors import ArgumentError
from haar.groups import Group
from haar.nn.representations import same_representation
from haar.relax.wrapping.elements import Elements
from haar.relax.wrapping.feature import Leg, Notes
from haar.relax.wrapping.hidden import narrow_representation
from haar.relax.wrapping.notes import Noted
from haar.relax.wrapping.projection import TensorProjection
from haar.relax.wrapping.proposals import Hidden, Proposal, other_forms
from haar.relax.wrapping.refusals import refuse
from haar.relax.wrapping.step import Step
from haar.relax.wrapping.twins import kernel_points

#: Place of what a layer returns among its axes.
OUT = -1


@dataclass(frozen=True)
class Use:
    """A layer with parameters, as the network uses it.

    Attributes:
        into: Representation on its input.
        out: Representation on its output.
        node: The step at which it is used first.
    """

    into: Representation
    out: Representation
    node: int


class Choices:
    """The representations of a network's layers and parameters.

    Args:
        group: The group that the network shall respect.
        fixed: (representation in, representation out) of some layers by name.
        hidden: Representation of a hidden layer by its width.

    Attributes:
        elements: Elements of the group to try on.
        uses: The layers with parameters, by name.
        noted: What was asked for so far.
        place: The step that is being followed.
    """

    def __init__(
        self, group: Group, fixed: Mapping[str, tuple[Representation, Representation]], hidden: Hidden
    ) -> None:
        self.group, self.elements = group, Elements(group)
        self.uses: dict[str, Use] = {}
        self.noted = Noted()
        self.place = 0
        self._fixed, self._of_width, self._narrow = fixed, hidden, narrow_representation(group)
        self._kernels: dict[tuple[int, ...], Tensor] = {}
        self._unsettled: dict[str, ArgumentError] = {}

    def layer(
        self,
        step: Step,
        module: nn.Module,
        path: str,
        comes: tuple[Representation, Leg | None],
        width: int,
        *,
        moves: bool = False,
        keeps: bool = False,
    ) -> Leg:
        """Note a layer with parameters and return what it makes; used twice, both uses must agree.

        Args:
            step: The step that calls the layer.
            module: The layer with parameters.
            path: Name of the layer in the network.
            comes: What it takes, and the leg that brings it.
            width: Channels that it makes.
            moves: Whether it moves points.
            keeps: Whether it makes what it takes.
        """
        into, leg = comes
        if path in self._fixed:
            wanted_in, wanted_out = self._fixed[path]
            self.meet(leg, wanted_in, step.where, into)
            out = Leg(wanted_out)
        elif keeps:
            out = leg or Leg(into)
        else:
            out = self._chosen(
                path, width, grouped=_grouped(module, into), still=not moves and self.elements.still(into)
            )
        seen = self.uses.get(path)
        if seen is None:
            self.uses[path] = Use(into, out.rep, self.place)
        elif not same_representation(seen.into, into):
            self.meet(leg, seen.into, f"{step.where}, which is used twice", into)
        elif not same_representation(seen.out, out.rep):
            refuse(f"{step.where}, which is used twice", f"{seen.out.name} meets {out.rep.name}")
        return out

    def parameter(self, name: str, axis: int, size: int) -> Leg | None:
        """What an axis of a parameter carries that the network reads by itself."""
        key = name, axis
        if key in self.noted.notes:
            return Leg(self.noted.notes[key])
        if size == 1:
            return None
        return Leg(self.noted.choices.get(key) or Trivial(self.group, size), partial(_note, key), own=True)

    def meet(self, leg: Leg | None, wanted: Representation, where: str, now: Representation | None = None) -> None:
        """A leg must carry a representation: it does, or whoever makes it is asked to.

        Raises:
            ArgumentError: If nobody can.
        """
        rep = leg.rep if leg is not None else now or Trivial(self.group, wanted.dim)
        if rep.dim != wanted.dim:
            refuse(where, f"{rep.dim} channels meet {wanted.dim}")
        if same_representation(rep, wanted):
            return
        if leg is not None:
            self.noted.again({leg: wanted})
        refuse(where, f"{rep.name} meets {wanted.name}")

    def other_forms(self, leg: Leg | None, sizes: list[list[int]]) -> list[Proposal]:
        """Other representations that a leg may be asked for."""
        if leg is None or leg.ask is None:
            return []
        found: list[Proposal] = [{leg: rep} for rep in other_forms(leg.rep.dim, sizes, self.hidden, leg.rep)]
        return [legs for legs in found if self.noted.asked(legs)]

    def hidden(self, width: int) -> Representation:
        """Of a hidden layer, or a piece of one, which may be narrower than the group."""
        try:
            rep = self._of_width(width)
            return self._narrow(width) if self.elements.still(rep) else rep
        except ArgumentError:
            return Trivial(self.group, width)

    def kernel(self, size: tuple[int, ...]) -> Tensor:
        """A random kernel of one channel that the group keeps."""
        if size not in self._kernels:
            drawn = torch.randn(prod(size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
            space = TensorProjection([kernel_points(Trivial(self.group), size)], drawn.shape)
            self._kernels[size] = space(drawn).reshape(1, 1, *size)
        return self._kernels[size]

    def forget(self, place: int) -> None:
        """The layers that are used from a step on are chosen for again."""
        self.uses = {path: use for path, use in self.uses.items() if use.node < place}

    def check_settled(self) -> None:
        """Nobody asked for what nothing could be chosen for.

        Raises:
            ArgumentError: The first reason why nothing could.
        """
        for path, error in self._unsettled.items():
            if (path, OUT) not in self.noted.notes:
                raise error

    def _chosen(self, path: str, width: int, *, grouped: Representation | None, still: bool) -> Leg:
        key = path, OUT
        if key in self.noted.notes:
            return Leg(self.noted.notes[key])
        if key in self.noted.choices:
            rep = self.noted.choices[key]
        elif still:
            rep = Trivial(self.group, width)
        elif grouped is not None:
            rep = grouped
        else:
            try:
                rep = self._of_width(width)
            except ArgumentError as error:  # somebody may still ask for another
                self._unsettled[path] = error
                rep = Trivial(self.group, width)
        if rep.dim != width:
            raise ArgumentError(
                "hidden", expected=f"a representation of dimension {width}", got=f"{rep.name} of {rep.dim}"
            )
        return Leg(rep, partial(_note, key))


def _note(key: tuple[str, int], rep: Representation) -> Notes:
    return {key: rep}


def _grouped(module: Any, into: Representation) -> Representation | None:
    """A convolution in groups of channels makes what it takes, where it can."""
    same = getattr(module, "groups", 1) > 1 and module.in_channels == module.out_channels
    return into if same else None
