"""Keypoints and boxes on a grid: coordinates that move together with the fields on it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from haar.actions.action import Action, Move
from haar.actions.axes import Axes
from haar.actions.grid import Grid
from haar.errors import ArgumentError, ShapeError, check_count
from haar.groups import Group, Subgroup
from haar.groups.door import check_group

_WHERE = ("index", "edge")
_ORDERS = ("ij", "xy")
_FORMATS = ("xyxy", "cxcywh")


class Keypoints(Action):
    """Points given by their place on a grid, ``(..., d)``: they go where `Field` moves the values under them.

    Args:
        group: A group that moves a grid.
        shape: Cells along every axis of the grid, in the order of the array's axes.
        order: ``"ij"``: coordinates in the order of the array's axes; ``"xy"``: in reverse, as for images, where x
            counts columns (the last axis).
        coordinates: ``"index"``: the middle of cell i is i (a node is its own index); ``"edge"``: cell i reaches from i
            to i + 1, so that its middle is i + 1/2 and the grid ends at 0 and N.
        centring: ``"cell"`` or ``"node"``, as for `Field`. Nodes have no edges.
        periodic: Along which axes the grid is periodic. Points that leave it at one end come back at the other, where
            the group moves points through the ends.

    Raises:
        ArgumentError: If an option is unknown or the group moves no grid.
        ShapeError: If the group cannot act on a grid of this shape.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> corners = Keypoints(dihedral(4), (8, 8))
        >>> corners.act(torch.tensor(1), torch.tensor([[0, 0], [0, 7]])).tolist()
        [[7, 0], [0, 0]]
    """

    axes = Axes(1, -1)

    def __init__(
        self,
        group: Group,
        shape: Sequence[int],
        *,
        order: str = "ij",
        coordinates: str = "index",
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
    ) -> None:
        for name, value, known in (("order", order, _ORDERS), ("coordinates", coordinates, _WHERE)):
            if value not in known:
                raise ArgumentError(name, expected=" or ".join(map(repr, known)), got=repr(value))
        check_group("group", group)
        for n in shape:
            check_count("shape", n)
        self.group = group
        self.grid = Grid(group, centring=centring, periodic=periodic, space_dim=len(shape))
        self.shape = tuple(int(n) for n in shape)
        if len(self.shape) != self.grid.dim:
            raise ArgumentError("shape", expected=f"{self.grid.dim} lengths for {group.name}", got=self.shape)
        self.grid.check_shape(self.shape, "shape")
        if "node" in self.grid.centrings and coordinates == "edge":
            raise ArgumentError("coordinates", expected="'index' on a grid of nodes", got="'edge'")
        self.dim, self.order, self.coordinates = self.grid.dim, order, coordinates
        self._displacement = False

    @property
    def columns(self) -> int:
        """How many numbers describe one thing."""
        return self.dim

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Points of the grid, `size` for each sample."""
        return self._columns(self._places(batch, size, generator))

    def _places(self, batch: int, size: int, generator: torch.Generator | None) -> Tensor:
        """Points between the grid's first and last, in the order of the array's axes."""
        unit = torch.rand(batch, size, self.dim, generator=generator, dtype=torch.float64)
        return unit * (torch.tensor(self.shape) - (1 if self.coordinates == "index" else 0))

    def _columns(self, places: Tensor) -> Tensor:
        return places if self.order == "ij" else places.flip(-1)

    def check(self, x: Tensor, argument: str = "x") -> None:
        """The last axis must have one number for each coordinate, of a signed dtype."""
        if not x.ndim or x.shape[-1] != self.columns:
            raise ShapeError(
                argument,
                expected=f"{self.columns} numbers on the last axis for {type(self).__name__}",
                got=tuple(x.shape),
            )
        if not x.dtype.is_signed or x.is_complex():
            raise ArgumentError(
                argument, expected="signed integers or floating numbers", got=str(x.dtype).removeprefix("torch.")
            )

        longest = max(self.shape) if not self._displacement else 1
        if not x.is_floating_point() and torch.iinfo(x.dtype).max < longest:
            raise ArgumentError(
                argument,
                expected=f"a dtype that holds coordinates up to {longest}",
                got=str(x.dtype).removeprefix("torch."),
            )

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Where the points go."""
        self.check(x)
        if not self.is_batch(g, x):
            return self.move(g).to(x.device).forward(x)
        if x.ndim == 1:
            raise ShapeError("x", expected="a batch axis, for one element a sample", got=tuple(x.shape))
        spread = (len(g), *([1] * (x.ndim - 2)), self.columns)
        index, sign, constant = (rule.reshape(spread) for rule in self._rule(g.cpu()))
        return _CoordinateMove(index, sign, constant, self._wraps()).to(x.device).forward(x)

    def move(self, g: Tensor) -> Move:
        """A gather, signs, a constant, and the way back onto a periodic grid."""
        index, sign, constant = (rule[0] for rule in self._rule(self.one(g).cpu().unsqueeze(0)))
        return _CoordinateMove(index, sign, constant, self._wraps())

    def linear(self) -> Keypoints:
        """How displacements move: the same without constants and without coming back at the other end."""
        linear = copy.copy(self)
        linear._displacement = True  # noqa: SLF001 (its own kind)
        return linear

    def restrict(self, subgroup: Subgroup) -> Keypoints:
        """The same for the elements of a subgroup."""
        restricted = type(self)(subgroup, self.shape, **self._options())
        restricted._displacement = self._displacement  # noqa: SLF001 (its own kind)
        return restricted

    def _options(self) -> dict[str, Any]:
        return {
            "order": self.order,
            "coordinates": self.coordinates,
            "centring": self.grid.centring,
            "periodic": self.grid.periodic,
        }

    def _rule(self, g: Tensor) -> tuple[Int[Tensor, "m k"], Int[Tensor, "m k"], Int[Tensor, "m k"]]:
        """Index, sign and constant on the columns: y_c = sign_c x_index(c) + constant_c."""
        return self._point_rule(g)

    def _point_rule(self, g: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        motion = self.grid.motion(g)
        # A flip takes the middle of cell i to N - 1 - i, and the edge i to N - i.
        last = torch.tensor(self.shape) - (1 if self.coordinates == "index" else 0)
        constant = motion.shift + (motion.sign < 0) * last
        constant = torch.zeros_like(constant) if self._displacement else constant
        if self.order == "ij":
            return motion.index, motion.sign, constant
        return self.dim - 1 - motion.index.flip(-1), motion.sign.flip(-1), constant.flip(-1)

    def _wraps(self) -> list[tuple[int, list[int], int, float]]:
        """For every axis through whose ends points pass: a column, those that go with it, the period, the start."""
        if self._displacement:
            return []
        through = self.grid.shifted_axes()
        wraps = []
        for axis in range(self.dim):
            column = axis if self.order == "ij" else self.dim - 1 - axis
            if through[axis]:
                start = -0.5 if self.coordinates == "index" and self.grid.centrings[axis] == "cell" else 0.0
                wraps.append((column, self._wrapped_columns(column), self.shape[axis], start))
        return wraps

    def _wrapped_columns(self, column: int) -> list[int]:
        return [column]


class Boxes(Keypoints):
    """Boxes along the axes of a grid, ``(..., 2 d)``: corners or middle and size.

    A box that a shift moves across a periodic end keeps its size; its first corner (or its middle) stays on the grid.

    Args:
        group: A group that moves a grid.
        shape: Cells along every axis of the grid, in the order of the array's axes.
        form: ``"xyxy"``: all coordinates of the lowest corner, then all of the highest; ``"cxcywh"``: the middle, then
            the sizes. With ``order="ij"`` these are (i, j, i, j) and (middle i, middle j, size i, size j).
        order: ``"xy"`` (images: x counts columns) or ``"ij"`` (the order of the array's axes).
        coordinates: ``"edge"`` (cell i reaches from i to i + 1) or ``"index"`` (corners are cells, both included).
        centring: ``"cell"`` or ``"node"``, as for `Field`.
        periodic: Along which axes the grid is periodic.

    Raises:
        ArgumentError: If an option is unknown or the group moves no grid.
        ShapeError: If the group cannot act on a grid of this shape.

    Example:
        >>> import torch
        >>> from haar.groups import dihedral
        >>> boxes = Boxes(dihedral(4), (8, 8))
        >>> boxes.act(torch.tensor(1), torch.tensor([[0.0, 0.0, 2.0, 1.0]])).tolist()
        [[0.0, 6.0, 1.0, 8.0]]
    """

    def __init__(
        self,
        group: Group,
        shape: Sequence[int],
        *,
        form: str = "xyxy",
        order: str = "xy",
        coordinates: str = "edge",
        centring: str | Sequence[str] = "cell",
        periodic: bool | Sequence[bool] = True,
    ) -> None:
        super().__init__(group, shape, order=order, coordinates=coordinates, centring=centring, periodic=periodic)
        if form not in _FORMATS:
            raise ArgumentError("form", expected=" or ".join(map(repr, _FORMATS)), got=repr(form))
        self.form = form

    @property
    def columns(self) -> int:
        """Two numbers for each axis."""
        return 2 * self.dim

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Boxes with both corners on the grid, `size` for each sample."""
        one, other = (self._places(batch, size, generator) for _ in range(2))
        low, high = self._columns(one.minimum(other)), self._columns(one.maximum(other))
        return torch.cat([low, high] if self.form == "xyxy" else [(low + high) / 2, high - low], -1)

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "form": self.form}

    def _rule(self, g: Tensor) -> tuple[Int[Tensor, "m k"], Int[Tensor, "m k"], Int[Tensor, "m k"]]:
        """As for points; a reversal exchanges lowest and highest corner, and leaves sizes alone."""
        index, sign, constant = self._point_rule(g)
        if self.form == "cxcywh":
            ones, zeros = torch.ones_like(sign), torch.zeros_like(constant)
            return (
                torch.cat([index, index + self.dim], -1),
                torch.cat([sign, ones], -1),
                torch.cat([constant, zeros], -1),
            )
        turned = (sign < 0) * self.dim
        return torch.cat([index + turned, index + self.dim - turned], -1), sign.repeat(1, 2), constant.repeat(1, 2)

    def _wrapped_columns(self, column: int) -> list[int]:
        return [column, column + self.dim] if self.form == "xyxy" else [column]


class _CoordinateMove(Move):
    """One element, or one for each sample, on one layout of coordinates."""

    index: Tensor
    sign: Tensor
    constant: Tensor

    def __init__(
        self, index: Tensor, sign: Tensor, constant: Tensor, wraps: list[tuple[int, list[int], int, float]]
    ) -> None:
        super().__init__()
        self.wraps = wraps
        self.hold(index=index, sign=sign, constant=constant)

    def forward(self, x: Tensor) -> Tensor:
        """Gather, sign, add; then come back onto a periodic grid."""
        y = x.index_select(-1, self.index) if self.index.ndim == 1 else x.gather(-1, self.index.expand(x.shape))
        y = y * self.sign.to(x.dtype) + self.constant.to(x.dtype)
        if not self.wraps:
            return y
        columns = list(y.unbind(-1))
        for column, together, period, start in self.wraps:
            first = start if y.is_floating_point() else 0
            behind = columns[column] - ((columns[column] - first).remainder(period) + first)
            for other in together:
                columns[other] = columns[other] - behind
        return torch.stack(columns, -1)
