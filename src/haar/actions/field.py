"""Fields on grids: an element moves the points by exchanging, reversing and shifting axes, and turns the channels."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from haar.actions.action import Move
from haar.actions.affine import check_cocycle, extend_cocycle
from haar.actions.axes import FieldAxes
from haar.actions.field_move import FieldMove
from haar.actions.field_representation import Internal, field_representation
from haar.actions.grid import Grid
from haar.actions.layout import Layout
from haar.actions.on_grid import OnGrid
from haar.actions.representation import Representation
from haar.actions.representation.dtypes import require_floating
from haar.actions.representation.representation import check_representation
from haar.errors import ArgumentError, ShapeError, known_keywords
from haar.groups import FiniteGroup, Group, LieGroup, Subgroup
from haar.groups.real import real


class Field(OnGrid):
    """A field on a grid with 1, 2 or 3 space axes, which are the last ones; channels stand before them (or last).

    An array is indexed ``[x, y, z]``. An element exchanges the axes, reverses those with sign -1, shifts by whole cells
    and then turns the channels by `rep`. Points move by views and rolls, channels by an index and a sign: no matrix, no
    interpolation. Any dtype will do where it can hold the result: masks and label maps stay what they are unless an
    element changes signs.

    Args:
        rep: Representation on the channels.
        centring: ``"cell"``: values in the middle of cells, or on a closed grid of nodes (both ends stored): reversal
            is a flip. ``"node"``: a periodic grid of nodes (the end is not stored): reversal about node 0, a flip and a
            roll by one. One for all axes, or one for each.
        periodic: Along which axes the grid is periodic; by default along all. Shifts need it, and so does a reversal
            about a node: on a ``"node"`` grid an axis that is not periodic stores both ends and is reversed by a flip.
        channels: ``"first"`` for ``(batch, channel, x, y)``, ``"last"`` for ``(batch, x, y, channel)``, ``None`` for
            one channel without an axis, ``(batch, x, y)``, such as masks.
        offset: Affine part ``(order, channel, *space)``, float64, for an enumerated group: the element adds
            ``offset[g]`` after moving. Space axes of length 1 broadcast. `Field.affine` makes it from the generators'
            offsets.
        space_dim: Number of space axes, when the group moves none (a group of internal symmetries).

    Attributes:
        dim: Number of space axes.
        grid: How the group moves the points.
        layout: The fields behind the channels, where they are known (`Field.of_layout`).

    Raises:
        ArgumentError: If the group moves no grid and `space_dim` is not given, an option is unknown, the group shifts
            along an axis that is not periodic or exchanges a periodic axis with another, or the offset is not
            consistent with the group's products.

    Example:
        >>> import torch
        >>> from haar.actions.representation import Space
        >>> from haar.groups import dihedral
        >>> velocity = Field(Space(dihedral(4)))
        >>> velocity.act(torch.tensor(1), torch.ones(1, 2, 8, 8))[0, :, 0, 0].tolist()
        [-1.0, 1.0]
    """

    @known_keywords
    def __init__(
        self,
        rep: Representation,
        *,
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
        channels: str | None = "first",
        offset: Float[Tensor, "order channel *space"] | None = None,
        space_dim: int | None = None,
    ) -> None:
        check_representation("rep", rep)
        self.grid = Grid(rep.group, centring=centring, periodic=periodic, space_dim=space_dim)
        super().__init__(rep, self.grid.dim, channels)
        self.centring, self.periodic = self.grid.centring, self.grid.periodic
        self.offset = None if offset is None else real("offset", offset)
        if self.offset is not None:
            self._check_offset(self.offset)

    @classmethod
    def of_layout(
        cls,
        layout: Layout,
        group: Group,
        *,
        internal: Internal | None = None,
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
        channels: str | None = "first",
    ) -> Field:
        """The field whose channels are those of a layout; errors then name the channels.

        Args:
            layout: The fields in channel order, with history.
            group: A group that moves a grid, or one of internal symmetries.
            internal: More factors for some fields, see `field_representation`.
            centring: ``"cell"`` or ``"node"``, for all axes or for each.
            periodic: Along which axes the grid is periodic.
            channels: ``"first"``, ``"last"`` or None.

        Example:
            >>> from haar.groups import dihedral
            >>> Field.of_layout(Layout.parse("p, u:vector"), dihedral(4)).rep.dim
            3
        """
        rep = field_representation(layout, group, internal=internal)
        made = cls(rep, centring=centring, periodic=periodic, channels=channels, space_dim=layout.dim)
        made.layout = layout
        return made

    def with_rep(self, rep: Representation, *, channels: str | None = "same") -> Field:
        """Other channels on the same grid: without the offset and the layout of these.

        Args:
            rep: Representation on the new channels, of this group or of one that moves the same grids.
            channels: ``"first"``, ``"last"`` or None; where these stand if not given.

        Example:
            >>> from haar.actions import Space, Trivial
            >>> from haar.groups import dihedral
            >>> square = dihedral(4)
            >>> Field(Space(square), centring="node").with_rep(Trivial(square), channels=None).centring
            'node'
        """
        return Field(
            rep,
            centring=self.centring,
            periodic=self.periodic,
            channels=self.channels if channels == "same" else channels,
            space_dim=self.dim,
        )

    def check(self, x: Tensor, argument: str = "x") -> None:
        """Number of axes, channels, lengths of axes and dtype must fit.

        Raises:
            ShapeError: If an axis is missing or has another length than the channels, the group or the offset ask for.
            ArgumentError: If the dtype cannot hold what an element does to it.
        """
        space = self.axes.check(x, argument, self.rep.dim, self._channel_names)
        self.grid.check_shape(space, argument)
        if self.offset is not None and any(n not in (1, m) for n, m in zip(self.offset.shape[2:], space, strict=True)):
            fits, given = ("x".join(map(str, shape)) for shape in (self.offset.shape[2:], space))
            raise ShapeError(argument, expected=f"a grid that the offset's {fits} fits", got=given)
        self.rep.check_dtype(x, argument)
        if self.offset is not None:
            require_floating(x, argument, "an offset")

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Move points, then turn channels; for a batch of elements, one sample each."""
        self.check(x)
        if not self.is_batch(g, x):
            return self._moves(g.unsqueeze(0))[0].to(x.device).forward(x)
        self.axes.check_batch(x)
        g = g.cpu()
        y = self._act_by_kind(g, x)
        if not self.rep.is_signed_permutation:
            matrix = self.rep.matrix(g).to(device=x.device, dtype=x.dtype)
            first = self.axes.channels_first(y)
            matrix = matrix.reshape(len(g), *([1] * (first.ndim - self.dim - 2)), *matrix.shape[1:])
            y = self.axes.restored((matrix @ first.flatten(-self.dim)).reshape(first.shape))
        if self.offset is not None:
            offset = self.axes.restored(self.offset[g]).to(device=x.device, dtype=x.dtype)
            y = y + offset.reshape(len(g), *([1] * (x.ndim - offset.ndim)), *offset.shape[1:])
        return y

    def orbit(self, g: Tensor, x: Tensor) -> Tensor:
        """All of x moved by each of m elements: ``(m, *x.shape)``."""
        self.check(x)
        return torch.stack([move.to(x.device)(x) for move in self._moves(self.many(g))])

    def move(self, g: Tensor) -> Move:
        """Views, rolls, one gather of channels."""
        return self._moves(self.one(g).unsqueeze(0))[0]

    def linear(self) -> Field:
        """The same without the affine offset."""
        if self.offset is None:
            return self
        linear = copy.copy(self)
        linear.offset = None
        return linear

    def affine(self, offsets: Float[Tensor, "k channel *space"]) -> Field:
        """The same field with an affine part x -> A_g x + b_g, extended from the generators by b_gh = b_g + A_g b_h.

        Args:
            offsets: b_h for each of ``field.group.generators()``, float64; space axes of length 1 broadcast.

        Raises:
            ArgumentError: If the group is not enumerated, or two words of one element disagree.
            ShapeError: If there is not one offset ``(channel, *space)`` for each generator.

        Example:
            >>> import torch
            >>> from haar.actions import AxisSign
            >>> from haar.groups import reflections
            >>> buoyancy = Field(AxisSign(reflections(1), 0))
            >>> upside_down = buoyancy.affine(torch.ones(1, 1, 1, dtype=torch.float64))  # b -> 1 - b(mirrored)
            >>> upside_down.act(torch.tensor(1), torch.tensor([[[1.0, 0.75, 0.0]]])).tolist()
            [[[1.0, 0.25, 0.0]]]
        """
        group = self.group
        if not isinstance(group, FiniteGroup):
            raise ArgumentError("offsets", expected="an enumerated group for an affine action", got=group.name)
        offsets = real("offsets", offsets)
        if offsets.ndim != 2 + self.dim or offsets.shape[1] != self.rep.dim:
            raise ShapeError(
                "offsets",
                expected=f"(generator, {self.rep.dim} channels, *{self.dim} space axes)",
                got=tuple(offsets.shape),
            )
        moved = copy.copy(self)
        moved.offset = extend_cocycle(group, offsets, self._offset_orbit)
        moved._check_offset(moved.offset)  # noqa: SLF001 (its own kind)
        return moved

    def restrict(self, subgroup: Subgroup) -> Field:
        """The same field for the elements of a subgroup, which may move grids that the whole group cannot."""
        restricted = self.with_rep(self.rep.restrict(subgroup))
        if self.offset is not None:
            restricted.offset = self.offset[subgroup.embedding]
        restricted.layout = self.layout
        return restricted

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """The Lie algebra's matrix on the channels (an internal symmetry moves no points)."""
        if not isinstance(self.group, LieGroup):
            return super().tangent(direction, x)
        self.check(x)
        generator = torch.einsum("a,aij->ij", direction.to(torch.float64), self.rep.algebra()).to(x)
        first = self.axes.channels_first(x)
        return self.axes.restored((generator @ first.flatten(-self.dim)).reshape(first.shape))

    def _moves(self, g: Tensor, *, points_and_signs_only: bool = False) -> list[FieldMove]:
        """Moves for a batch of elements; motions and representations are computed for all of them together."""
        g = g.cpu()
        motion = self.grid.motion(g)
        rows = [motion.index.tolist(), motion.sign.tolist(), motion.shift.tolist()]
        signed = self.rep.signed_permutation(g) if self.rep.is_signed_permutation else None
        matrix = self.rep.matrix(g) if signed is None and not points_and_signs_only else None
        if matrix is not None and self.channels is None:
            signed, matrix = (torch.zeros(len(g), 1, dtype=torch.int64), matrix[..., 0]), None
        offset = self.axes.restored(self.offset[g]) if self.offset is not None and not points_and_signs_only else None
        return [
            FieldMove(
                self.axes.space,
                index=index,
                sign=sign,
                roll=roll,
                channel_axis=self.axes.channel,
                channel_index=None if signed is None else signed[0][k],
                channel_sign=None if signed is None else signed[1][k],
                channel_matrix=None if matrix is None else matrix[k],
                offset=None if offset is None else offset[k],
            )
            for k, (index, sign, roll) in enumerate(zip(*rows, strict=True))
        ]

    def _act_by_kind(self, g: Tensor, x: Tensor) -> Tensor:
        """Move the points (and turn the channels by index and sign): samples with the same effect go together."""
        if not len(g):
            return x
        motion = self.grid.motion(g)
        effect = [motion.index, motion.sign, motion.shift]
        if self.rep.is_signed_permutation:
            effect += list(self.rep.signed_permutation(g))
        _, groups = _kinds(torch.cat(effect, -1))
        moves = self._moves(g[torch.stack([rows[0] for rows in groups])], points_and_signs_only=True)
        if len(groups) == 1:
            return moves[0].to(x.device).forward(x)
        order = torch.cat(groups)
        sorted_by_kind = x.index_select(0, order.to(x.device)).split([len(rows) for rows in groups])
        pieces = [move.to(x.device).forward(piece) for move, piece in zip(moves, sorted_by_kind, strict=True)]
        return torch.cat(pieces).index_select(0, order.argsort().to(x.device))

    def _check_offset(self, offset: Tensor) -> None:
        if not isinstance(self.group, FiniteGroup):
            raise ArgumentError("offset", expected="an enumerated group for an affine action", got=self.group.name)
        if offset.shape[:2] != (self.group.order, self.rep.dim) or offset.ndim != 2 + self.dim:
            raise ShapeError(
                "offset",
                expected=f"(order, channel, *space) = ({self.group.order}, {self.rep.dim}, *{self.dim} axes)",
                got=tuple(offset.shape),
            )
        check_cocycle(self.group, offset, self._offset_orbit)

    def _offset_orbit(self, g: Tensor, offset: Float[Tensor, "channel *space"]) -> Float[Tensor, "m channel *space"]:
        """One offset moved by the linear part of each of m elements (space axes of length 1 stay)."""
        motion = self.grid.motion(g)
        # A roll does nothing along an axis of length 1: elements that differ in nothing else are moved once.
        rolls = motion.shift * (torch.tensor(offset.shape[1:])[motion.index] > 1)
        effect = [motion.index, motion.sign, rolls]
        if self.rep.is_signed_permutation:
            effect += list(self.rep.signed_permutation(g))
        else:
            effect.append(torch.arange(len(g)).unsqueeze(-1))
        which, groups = _kinds(torch.cat(effect, -1))
        first = torch.stack([rows[0] for rows in groups])
        linear = copy.copy(self.linear())
        linear.axes = FieldAxes(self.dim, "first")
        moved = torch.stack([move(offset) for move in linear._moves(g[first])])  # noqa: SLF001 (its own kind)
        return moved[which]


def _kinds(effects: Int[Tensor, "m k"]) -> tuple[Int[Tensor, " m"], list[Tensor]]:
    """The kind of every row (its number among the distinct rows), and the places of each kind."""
    _, which = effects.unique(dim=0, return_inverse=True)
    return which, list(which.argsort(stable=True).split(which.bincount().tolist()))
