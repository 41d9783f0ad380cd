"""Fields on grids: an element moves the points by exchanging, reversing and shifting axes, and turns the channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.layout import FieldSpec, Layout
from haar.actions.representation import Determinant, Representation, Space, Trivial, direct_sum, tensor_power
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group, Motion


class Field(Action):
    """A field on a grid with 1, 2 or 3 space axes, which are the last ones; channels stand before them.

    An array is indexed ``[x, y, z]``. An element exchanges the axes, reverses those with sign -1, shifts by whole cells and then
    turns the channels by `rep`. Points move by views and rolls, channels by an index and a sign: no matrix, no interpolation.

    Args:
        rep: Representation on the channels.
        centring: ``"cell"``: values in the middle of cells, or on a closed grid of nodes (both ends stored): reversal is a flip.
            ``"node"``: a periodic grid of nodes (the end is not stored): reversal about node 0, a flip and a roll by one.
        periodic: Along which axes a ``"node"`` grid is periodic; by default along all.
        channels: ``"first"`` for ``(batch, channel, x, y)``, ``"last"`` for ``(batch, x, y, channel)``, ``None`` for one channel
            without an axis, ``(batch, x, y)``, such as masks.
        offset: Affine part ``(order, channel, *space)`` for an enumerated group: the element adds ``offset[g]`` after moving.
        space_dim: Number of space axes, when the group moves none (a group of internal symmetries).

    Raises:
        ArgumentError: If the group moves no grid and `space_dim` is not given, or an option is unknown.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> velocity = Field(Space(dihedral(4)))
        >>> velocity.act(torch.tensor(1), torch.ones(1, 2, 8, 8))[0, :, 0, 0].tolist()
        [-1.0, 1.0]
    """

    def __init__(
        self,
        rep: Representation,
        *,
        centring: Literal["cell", "node"] = "cell",
        periodic: bool | Sequence[bool] = True,
        channels: Literal["first", "last"] | None = "first",
        offset: Float[Tensor, "order channel *space"] | None = None,
        space_dim: int | None = None,
    ) -> None:
        self.rep, self.group = rep, rep.group
        dim = rep.group.space_dim if rep.group.space_dim is not None else space_dim
        if dim is None:
            raise ArgumentError(
                "rep", expected="a group that moves a grid", got=rep.group.name, way_out="give space_dim for an internal symmetry"
            )
        if centring not in ("cell", "node"):
            raise ArgumentError("centring", expected="'cell' or 'node'", got=repr(centring))
        if channels not in ("first", "last", None):
            raise ArgumentError("channels", expected="'first', 'last' or None", got=repr(channels))
        if channels is None and rep.dim != 1:
            raise ArgumentError("channels", expected="'first' or 'last' for more than one channel", got=f"None with {rep.dim}")
        self.dim, self.centring, self.channels, self.offset = dim, centring, channels, offset
        self.periodic = (periodic,) * dim if isinstance(periodic, bool) else tuple(periodic)
        if len(self.periodic) != dim:
            raise ArgumentError("periodic", expected=f"one value for each of {dim} axes", got=self.periodic)
        self._exchanges: bool | None = None

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Channels, number of axes and, for groups that exchange axes, equal lengths must fit."""
        needed = self.dim + (self.channels is not None)
        where = {"first": "(batch, channel, *space)", "last": "(batch, *space, channel)", None: "(batch, *space)"}[self.channels]
        if x.ndim < needed:
            raise ShapeError(argument, expected=f"{where} with {self.dim} space axes", got=tuple(x.shape))
        if self.channels is not None and x.shape[self._channel_axis] != self.rep.dim:
            raise ShapeError(
                argument,
                expected=f"{self.rep.dim} channels on axis {self._channel_axis} of {where} ({self.rep.name})",
                got=f"{x.shape[self._channel_axis]} in {tuple(x.shape)}",
                way_out="name all fields and the history that the model's tensor has",
            )
        space = [int(x.shape[axis]) for axis in self._space_axes]
        shape = getattr(self.group, "shape", None)
        if shape is not None and tuple(shape) != tuple(space):
            raise ShapeError(argument, expected=f"a grid {'x'.join(map(str, shape))} ({self.group.name})", got="x".join(map(str, space)))
        if len(set(space)) > 1 and self._moves_axes_of(space):
            raise ShapeError(
                argument,
                expected=f"axes of equal length for {self.group.name}, which exchanges them",
                got="x".join(map(str, space)),
                way_out=f"use haar.groups.reflections({self.dim})",
            )

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Move points, then turn channels; for a batch of elements, one sample each."""
        self.check(x)
        if not self.is_batch(g):
            return self.move(g)(x)
        flat = g.reshape(len(g), -1)
        kinds, which = flat.unique(dim=0, return_inverse=True)
        if len(kinds) == 1:
            return self.move(g[0])(x)
        out: Tensor | None = None
        for k in range(len(kinds)):
            rows = torch.nonzero(which == k).squeeze(1)
            moved = self.move(g[rows[0]])(x[rows.to(x.device)])
            out = x.new_zeros(x.shape) if out is None else out
            out = out.index_copy(0, rows.to(x.device), moved)
        return x if out is None else out

    def move(self, g: Tensor) -> Move:
        """Views, rolls, one gather of channels."""
        offset = None
        if self.offset is not None:
            offset = self.offset[int(g)]
            if self.channels == "last":
                offset = offset.movedim(0, -1)
        return _FieldMove(self, self._motion(g), g, offset)

    def linear(self) -> Field:
        """The same without the affine offset."""
        if self.offset is None:
            return self
        return Field(
            self.rep, centring=self.centring, periodic=self.periodic, channels=self.channels, space_dim=self.dim  # type: ignore[arg-type]
        )

    def tangent(self, direction: Tensor, x: Tensor) -> Tensor:
        """The Lie algebra's matrix on the channels (an internal symmetry moves no points)."""
        generator = torch.einsum("a,aij->ij", direction.to(torch.float64), self.rep.algebra()).to(x)
        return (x.movedim(self._channel_axis, -1) @ generator.T).movedim(-1, self._channel_axis)

    @property
    def _channel_axis(self) -> int:
        return -1 - self.dim if self.channels == "first" else -1

    @property
    def _space_axes(self) -> tuple[int, ...]:
        last = 1 if self.channels == "last" else 0
        return tuple(axis - self.dim - last for axis in range(self.dim))

    def _motion(self, g: Tensor) -> Motion:
        if self.group.space_dim is not None:
            return self.group.motion(g)
        still = torch.arange(self.dim)
        return Motion(still, torch.ones_like(still), torch.zeros_like(still))

    def _moves_axes_of(self, space: Sequence[int]) -> bool:
        """Whether a generator exchanges axes of different length."""
        lengths = torch.tensor(list(space))
        for g in self.group.generators():
            index = self._motion(g).index
            if bool((lengths[index] != lengths).any()):
                return True
        return False


class _FieldMove(Move):
    """One element on one field layout."""

    channel_index: Tensor | None
    channel_sign: Tensor | None
    channel_matrix: Tensor | None
    offset: Tensor | None

    def __init__(self, field: Field, motion: Motion, g: Tensor, offset: Tensor | None) -> None:
        super().__init__()
        axes = field._space_axes  # noqa: SLF001 (one idea in two classes)
        index, sign, shift = motion.index.tolist(), motion.sign.tolist(), motion.shift.tolist()
        if field.centring == "node":
            # The reversal i -> -i mod N about node 0 is a flip followed by a roll by one.
            shift = [t + (1 if s < 0 and p else 0) for t, s, p in zip(shift, sign, field.periodic, strict=True)]
        self.axes = axes
        self.source = [axes[i] for i in index] if index != list(range(field.dim)) else None
        self.flips = [axis for axis, s in zip(axes, sign, strict=True) if s < 0]
        self.rolls = [(t, axis) for axis, t in zip(axes, shift, strict=True) if t]
        self.channel_axis = field._channel_axis if field.channels is not None else None  # noqa: SLF001
        channel_index = channel_sign = channel_matrix = None
        if field.rep.is_signed_permutation:
            pair = field.rep.signed_permutation(g)
            channel_index = None if bool((pair[0] == torch.arange(field.rep.dim)).all()) else pair[0]
            channel_sign = None if bool((pair[1] == 1).all()) else pair[1].to(torch.float64)
        else:
            channel_matrix = field.rep.matrix(g)
        self.register_buffer("channel_index", channel_index, persistent=False)
        self.register_buffer("channel_sign", channel_sign, persistent=False)
        self.register_buffer("channel_matrix", channel_matrix, persistent=False)
        self.register_buffer("offset", offset, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Exchange, reverse, shift; then gather and sign the channels, then add the offset."""
        if self.source is not None:
            order = list(range(x.ndim))
            for axis, source in zip(self.axes, self.source, strict=True):
                order[axis] = x.ndim + source
            x = x.permute(order)
        if self.flips:
            x = x.flip(self.flips)
        if self.rolls:
            x = x.roll([t for t, _ in self.rolls], [axis for _, axis in self.rolls])
        if self.channel_matrix is not None and self.channel_axis is not None:
            x = (x.movedim(self.channel_axis, -1) @ self.channel_matrix.to(x.dtype).T).movedim(-1, self.channel_axis)
        if self.channel_index is not None and self.channel_axis is not None:
            x = x.index_select(x.ndim + self.channel_axis, self.channel_index)
        if self.channel_sign is not None:
            trailing = 0 if self.channel_axis is None else -self.channel_axis - 1
            x = x * self.channel_sign.to(x.dtype).reshape(-1, *([1] * trailing)).squeeze(0 if self.channel_axis is None else ())
        if self.offset is not None:
            x = x + self.offset.to(x.dtype)
        return x


def field_representation(
    layout: Layout, group: Group, *, internal: Mapping[str, Representation] | None = None
) -> Representation:
    """The representation on the channels of a layout: scalars, vectors and tensors of the grid's axes, with parities.

    Args:
        layout: The fields in channel order, with history.
        group: A group that moves a grid of the layout's dimension (or an internal group, for scalars alone).
        internal: For some fields one more one-dimensional factor, such as the sign of a tracer.

    Raises:
        ArgumentError: If the dimensions differ or `internal` names an unknown field or is not one-dimensional.

    Example:
        >>> from haar.groups import dihedral
        >>> field_representation(Layout.parse("p, u:vector", history=4), dihedral(4)).dim
        12
    """
    internal = dict(internal or {})
    names = [field.name for field in layout.fields]
    for name, rep in internal.items():
        if name not in names:
            raise ArgumentError("internal", expected=f"fields among {', '.join(names)}", got=name)
        if rep.dim != 1 or rep.group is not group:
            raise ArgumentError("internal", expected=f"one-dimensional representations of {group.name}", got=f"{name}: {rep}")
    if group.space_dim is not None and group.space_dim != layout.dim:
        raise ArgumentError("group", expected=f"a group of a {layout.dim}-dimensional grid", got=f"{group.name} ({group.space_dim})")
    made: dict[FieldSpec, Representation] = {}
    for field in layout.fields:
        if group.space_dim is None:
            if field.order or field.parity < 0:
                raise ArgumentError("fields", expected=f"scalars, as {group.name} moves no grid", got=f"{field.name}: {field.kind}")
            rep: Representation = Trivial(group)
        else:
            space = Space(group)
            rep = tensor_power(space, field.order)
            if field.parity < 0:
                rep = Determinant(space) if field.order == 0 else rep @ Determinant(space)
        if field.name in internal:
            rep = internal[field.name] if rep.dim == 1 and isinstance(rep, Trivial) else rep @ internal[field.name]
        made[field] = rep
    return direct_sum([made[field] for field, _ in layout.blocks()])
