"""What an action is: how group elements move one tensor, at once by `act` or one by one through a prepared `Move`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from haar.actions.axes import Axes
from haar.actions.representation import Representation
from haar.actions.statistics import mixed_channels
from haar.constants import ConstantsModule
from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, Group, Subgroup
from haar.groups.door import check_group
from haar.host import Hosted


class Move(ConstantsModule):
    """One group element prepared for one tensor layout: plain views and gathers that trace, export and compile."""

    def __init__(self) -> None:
        super().__init__()
        self._aside: dict[str, Tensor] = {}  # values of constants that are on the meta device

    def forward(self, x: Tensor) -> Tensor:
        """Move the tensor."""
        raise NotImplementedError

    def hold(self, **tensors: Tensor | None) -> None:
        """Keep tensors as constants that follow the module's device and are not saved; None stays a plain None.

        (A buffer that is None, registered before one that is not, confuses `torch.export`.)
        """
        for name, tensor in tensors.items():
            if tensor is None:
                setattr(self, name, None)
            else:
                self.register_constant(name, tensor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Move:  # noqa: FBT001, FBT002 (torch's own)
        """Follow a device and nothing else: the constants keep float64's digits, and their values.

        So a model that went through half precision, or through the meta device and ``to_empty``, still moves tensors as
        its group does.
        """
        values = {name: self._aside.pop(name, buffer) for name, buffer in self._buffers.items()}
        super()._apply(fn, recurse)
        for name, value in values.items():
            moved = self._buffers[name]
            if value is None or moved is None:
                continue
            if moved.is_meta:
                self._aside[name] = value
            else:
                self._buffers[name] = value.to(moved.device)
        return self


class Still(Move):
    """The identity: the tensor itself."""

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Action(Hosted, ABC):
    """How a group moves a tensor with layout.

    Attributes:
        group: The group that acts.
        batched: Whether axis 0 of the tensor counts samples. An unbatched tensor is passed to a model as it is.
        approximate: Whether elements act only up to an interpolation error.
        axes: Which axes one sample has, its channels' and those of space among them.
        rep: The representation that turns the channels, where there is one.
        relabelling: The representation that permutes the axis before the channels, where there is one.
    """

    makes_no_tensors = frozenset({"check", "is_batch", "one", "many"})

    group: Group
    batched: bool = True
    approximate: bool = False
    axes: Axes = Axes()
    rep: Representation | None = None
    relabelling: Representation | None = None

    @abstractmethod
    def check(self, x: Tensor, argument: str = "x") -> None:
        """Raise a `ShapeError` that names the argument if the action cannot act on x."""

    @abstractmethod
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Apply one element to all of x, or one of ``(batch, *element_shape)`` elements to each sample (axis 0)."""

    def orbit(self, g: Tensor, x: Tensor) -> Tensor:
        """All of x moved by each of m elements ``(m, *element_shape)``: a new leading axis of length m."""
        return torch.stack([self.act(element, x) for element in g])

    def is_batch(self, g: Tensor, x: Tensor | None = None) -> bool:
        """Whether g is a batch of elements, rather than one.

        Args:
            g: One element, or a batch of elements.
            x: If given, a batch of elements must have one for each sample of x.

        Raises:
            ShapeError: If g is neither, or has not one element for each sample.
            ArgumentError: If g is no element: of another dtype, or outside ``0 .. order - 1``.
        """
        axes = g.ndim - len(self.group.element_shape)
        if axes not in (0, 1) or tuple(g.shape[axes:]) != tuple(self.group.element_shape):
            raise ShapeError(
                "g",
                expected=f"one element {self.group.element_shape} of {self.group.name}, or one for each sample",
                got=tuple(g.shape),
            )
        if g.is_floating_point() != self.group.element_dtype.is_floating_point:
            expected = str(self.group.element_dtype).removeprefix("torch.")
            raise ArgumentError(
                "g", expected=f"{expected} elements of {self.group.name}", got=str(g.dtype).removeprefix("torch.")
            )
        if isinstance(self.group, FiniteGroup) and g.numel():
            least, most = (int(bound) for bound in g.aminmax())
            if least < 0 or most >= self.group.order:
                got = least if least < 0 else most
                raise ArgumentError("g", expected=f"elements 0..{self.group.order - 1} of {self.group.name}", got=got)
        if axes == 1 and x is not None and (x.ndim == 0 or len(g) != x.shape[0]):
            raise ShapeError(
                "g",
                expected=f"one element, or one for each of {x.shape[0] if x.ndim else 0} samples",
                got=f"{len(g)} elements",
                way_out="orbit() moves all of x by each of several elements",
            )
        return axes == 1

    def one(self, g: Tensor) -> Tensor:
        """The element g itself.

        Raises:
            ShapeError: If g is a batch of elements.
        """
        if self.is_batch(g):
            raise ShapeError(
                "g", expected=f"one element {self.group.element_shape} of {self.group.name}", got=tuple(g.shape)
            )
        return g

    def many(self, g: Tensor) -> Tensor:
        """The batch of elements g itself.

        Raises:
            ShapeError: If g is one element.
        """
        if not self.is_batch(g):
            raise ShapeError(
                "g", expected=f"elements (m, *{self.group.element_shape}) of {self.group.name}", got=tuple(g.shape)
            )
        return g

    @abstractmethod
    def move(self, g: Tensor) -> Move:
        """Prepare one element for repeated use."""

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """A random tensor that the action fits, float64, standard normal unless it is a place on a grid.

        Args:
            batch: Samples on axis 0.
            size: Length of the axes whose length the action leaves open: points along an axis of space, points of a
                cloud, nodes of a graph.
            generator: Source of randomness; the global one if not given.

        Raises:
            ArgumentError: If the action does not tell the shape of its tensor.
        """
        del batch, size, generator
        raise ArgumentError(
            "example",
            expected=f"one batch of inputs: {type(self).__name__} does not tell its shape",
            got="none",
            way_out="give example=(input, ...)",
        )

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """Channels that some element mixes, by way of others too: one unit must do for all of them.

        Args:
            size: Length of the channel axis.
        """
        return [tuple(range(size))] if self.rep is None else mixed_channels(self.rep)

    def channel_blocks(self, size: int) -> list[tuple[str, tuple[int, ...]]]:
        """The fields behind the channels: those that elements mix, or that are known to be one field, with a name.

        Args:
            size: Length of the channel axis.
        """
        mixed = self.mixed_channels(size)
        return [(channel_name(block) if len(mixed) > 1 else "", block) for block in mixed]

    def linear(self) -> Action:
        """The linear part: how differences of tensors move. The action itself unless it is affine."""
        return self

    def tangent(self, direction: Tensor, x: Tensor) -> Tensor:
        """Derivative of t -> act(exp(t X), x) at t = 0, where X is a combination of the Lie algebra's basis.

        Args:
            direction: Coefficients ``(dim,)`` of X.
            x: A tensor that the action fits.

        Raises:
            ArgumentError: If the group is finite.
        """
        del direction, x
        raise ArgumentError(
            "symmetry",
            expected="an action of a Lie group for a Lie derivative",
            got=f"{type(self).__name__} of {self.group.name}",
        )

    def restrict(self, subgroup: Subgroup) -> Action:
        """The same action for the elements of a subgroup.

        Raises:
            ArgumentError: If it is no subgroup of the acting group.
        """
        return RestrictedAction(self, subgroup)


class Invariant(Action):
    """Nothing moves: a class label, an energy, a time, a parameter, a name, None.

    Args:
        group: The group that leaves it alone.
        batched: Whether axis 0 counts samples; False for a tensor or number that all samples share.

    Example:
        >>> from haar.groups import dihedral
        >>> import torch
        >>> Invariant(dihedral(4)).act(torch.tensor(3), torch.ones(2)).tolist()
        [1.0, 1.0]
    """

    def __init__(self, group: Group, *, batched: bool = True) -> None:
        check_group("group", group)
        if not isinstance(batched, bool):
            raise ArgumentError("batched", expected="True or False", got=repr(batched))
        self.group, self.batched = group, batched

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Any tensor will do."""

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Return x."""
        self.is_batch(g)
        return x

    def orbit(self, g: Tensor, x: Tensor) -> Tensor:
        """One view of x for each element."""
        return x.expand(len(self.many(g)), *x.shape)

    def move(self, g: Tensor) -> Move:
        """The identity."""
        self.one(g)
        return Still()

    def tangent(self, direction: Tensor, x: Tensor) -> Tensor:
        """Zero."""
        del direction
        return torch.zeros_like(x)

    def restrict(self, subgroup: Subgroup) -> Invariant:
        """Invariant under the subgroup too."""
        _check_subgroup(self, subgroup)
        return Invariant(subgroup, batched=self.batched)


class RestrictedAction(Action):
    """An action restricted to a subgroup, for actions that know no better way."""

    def __init__(self, action: Action, subgroup: Subgroup) -> None:
        _check_subgroup(action, subgroup)
        self.action, self.group = action, subgroup
        self.batched, self.approximate = action.batched, action.approximate
        self._subgroup = subgroup

    def check(self, x: Tensor, argument: str = "x") -> None:
        """As the whole group's action."""
        self.action.check(x, argument)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """As the same elements of the whole group."""
        self.is_batch(g)
        return self.action.act(self._subgroup.include(g), x)

    def orbit(self, g: Tensor, x: Tensor) -> Tensor:
        """As the same elements of the whole group."""
        return self.action.orbit(self._subgroup.include(self.many(g)), x)

    def move(self, g: Tensor) -> Move:
        """As the same element of the whole group."""
        return self.action.move(self._subgroup.include(self.one(g)))

    @property
    def axes(self) -> Axes:  # type: ignore[override]
        """As for the whole group."""
        return self.action.axes

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """As for the whole group."""
        return self.action.example(batch, size, generator)

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """As for the whole group."""
        return self.action.mixed_channels(size)

    def channel_blocks(self, size: int) -> list[tuple[str, tuple[int, ...]]]:
        """As for the whole group."""
        return self.action.channel_blocks(size)

    def linear(self) -> Action:
        """The linear part, restricted."""
        return RestrictedAction(self.action.linear(), self._subgroup)


def channel_name(block: tuple[int, ...]) -> str:
    """Some channels, in words.

    Example:
        >>> channel_name((2,)), channel_name((1, 2))
        ('channel 2', 'channels 1, 2')
    """
    return f"channel{'s' if len(block) > 1 else ''} " + ", ".join(map(str, block))


def _check_subgroup(action: Action, subgroup: Subgroup) -> None:
    parent = getattr(subgroup, "parent", None)
    if parent != action.group:
        raise ArgumentError(
            "subgroup",
            expected=f"a subgroup of {action.group.name}",
            got=f"a subgroup of {parent.name}" if isinstance(parent, Group) else repr(subgroup),
            way_out="make it with group.subgroup(...) of the same group object",
        )
