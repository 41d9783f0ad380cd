"""Several actions side by side on one axis of a tensor, such as fields with coordinate channels that stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from haar.actions.action import Action, Invariant, Move
from haar.actions.axes import Axes, check_axis
from haar.errors import ArgumentError, ShapeError
from haar.groups import Subgroup


class Concatenated(Action):
    """Pieces of one axis, each moved by its own action.

    The channel axis of a model that is fed coordinates along with its fields: the fields are moved, the coordinates
    describe the frame and stay.

    Args:
        parts: Actions with the length of their piece, in the order of the axis; all of one group.
        axis: The axis, counted from the end (negative).

    Raises:
        ArgumentError: If there is no part, the axis is not negative, a length is not positive, or the groups differ.

    Example:
        >>> import torch
        >>> from haar.actions import Field, Invariant, Space
        >>> from haar.groups import dihedral
        >>> D4 = dihedral(4)
        >>> with_coordinates = Concatenated([(Field(Space(D4)), 2), (Invariant(D4), 2)], axis=-3)
        >>> x = torch.randn(1, 4, 8, 8)
        >>> torch.equal(with_coordinates.act(torch.tensor(1), x)[:, 2:], x[:, 2:])
        True
    """

    def __init__(self, parts: Sequence[tuple[Action, int]], *, axis: int) -> None:
        _check_pairs(parts)
        check_axis(axis)
        self.actions = [action for action, _ in parts]
        self.sizes = [size for _, size in parts]
        self.group, self.axis = self.actions[0].group, axis
        self.approximate = any(action.approximate for action in self.actions)
        most = max(-axis, *(action.axes.count or 0 for action in self.actions))
        space = next((action.axes.space for action in self.actions if action.axes.space), ())
        self.axes = Axes(most, axis, space)
        if min(self.sizes) < 1:
            raise ArgumentError("parts", expected="positive lengths", got=self.sizes)
        for action in self.actions[1:]:
            if action.group != self.group:
                raise ArgumentError(
                    "parts",
                    expected=f"actions of one group object, {self.group.name}",
                    got=action.group.name,
                    way_out="make the group once and pass the same object",
                )

    def example(self, batch: int, size: int, generator: torch.Generator | None = None) -> Tensor:
        """Every part's own; pieces that nothing moves are drawn like the first that tells its shape."""
        told = [action for action in self.actions if not isinstance(action, Invariant)]
        shape = (told or self.actions)[0].example(batch, size, generator).shape
        like = [*shape[: self.axis], 0, *shape[len(shape) + self.axis + 1 :]]
        pieces = []
        for action, length in self._parts():
            like[self.axis] = length
            if isinstance(action, Invariant):
                pieces.append(torch.randn(like, generator=generator, dtype=torch.float64))
            else:
                pieces.append(action.example(batch, size, generator))
        return torch.cat(pieces, self.axis)

    def mixed_channels(self, size: int) -> list[tuple[int, ...]]:
        """Those that are mixed within their part."""
        del size
        return [block for _, block in self._blocks(lambda action, n: [("", b) for b in action.mixed_channels(n)])]

    def channel_blocks(self, size: int) -> list[tuple[str, tuple[int, ...]]]:
        """The fields of every part."""
        del size
        return self._blocks(lambda action, n: action.channel_blocks(n))

    def _blocks(
        self, of_part: Callable[[Action, int], list[tuple[str, tuple[int, ...]]]]
    ) -> list[tuple[str, tuple[int, ...]]]:
        found, start = [], 0
        for number, (action, n) in enumerate(self._parts()):
            inside = of_part(action, n) if action.axes.channel == self.axis else [("", tuple(range(n)))]
            for name, block in inside:
                known = name and not name.startswith("channel")
                found.append((name if known else f"part {number}", tuple(start + k for k in block)))
            start += n
        return found

    def check(self, x: Tensor, argument: str = "x") -> None:
        """The axis must have the length of all parts, and every piece must fit its action."""
        if x.ndim < -self.axis or x.shape[self.axis] != sum(self.sizes):
            raise ShapeError(
                argument, expected=f"{' + '.join(map(str, self.sizes))} on axis {self.axis}", got=tuple(x.shape)
            )
        for k, (action, piece) in enumerate(zip(self.actions, x.split(self.sizes, self.axis), strict=True)):
            action.check(piece, f"{argument} (part {k})")

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """Every part by itself."""
        self.check(x)
        pieces = x.split(self.sizes, self.axis)
        return torch.cat([action.act(g, piece) for action, piece in zip(self.actions, pieces, strict=True)], self.axis)

    def move(self, g: Tensor) -> Move:
        """The prepared moves of all parts."""
        return _Pieces([action.move(g) for action in self.actions], self.sizes, self.axis)

    def linear(self) -> Concatenated:
        """The linear parts side by side."""
        return Concatenated([(action.linear(), size) for action, size in self._parts()], axis=self.axis)

    def tangent(self, direction: Float[Tensor, " k"], x: Tensor) -> Tensor:
        """The tangents side by side."""
        pieces = x.split(self.sizes, self.axis)
        tangents = [action.tangent(direction, piece) for action, piece in zip(self.actions, pieces, strict=True)]
        return torch.cat(tangents, self.axis)

    def restrict(self, subgroup: Subgroup) -> Concatenated:
        """The restrictions side by side."""
        return Concatenated([(action.restrict(subgroup), size) for action, size in self._parts()], axis=self.axis)

    def _parts(self) -> list[tuple[Action, int]]:
        return list(zip(self.actions, self.sizes, strict=True))


def _check_pairs(parts: Sequence[tuple[Action, int]]) -> None:
    """Actions with lengths."""
    if not isinstance(parts, Sequence) or not parts:
        raise ArgumentError(
            "parts", expected="at least one action with its length", got=repr(parts) if parts else "none"
        )
    for part in parts:
        pair = isinstance(part, (tuple, list)) and len(part) == 2
        if not pair or not isinstance(part[0], Action):
            raise ArgumentError("parts", expected="pairs (action, length)", got=repr(part))
        if isinstance(part[1], bool) or not isinstance(part[1], int):
            raise ArgumentError("parts", expected="whole numbers as lengths", got=repr(part[1]))


class _Pieces(Move):
    def __init__(self, moves: list[Move], sizes: list[int], axis: int) -> None:
        super().__init__()
        self.moves, self.sizes, self.axis = nn.ModuleList(moves), sizes, axis

    def forward(self, x: Tensor) -> Tensor:
        """Every part by itself."""
        pieces = x.split(self.sizes, self.axis)
        return torch.cat([move(piece) for move, piece in zip(self.moves, pieces, strict=True)], self.axis)
