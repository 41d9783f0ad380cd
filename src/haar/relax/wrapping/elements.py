"""Some elements of the group, and what they do to the axes of tensors, prepared once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from haar.actions import Field
from haar.actions.representation import Representation
from haar.groups import Group
from haar.nn.representations import stands_still
from haar.probing import some_elements


class Elements:
    """Generators and random elements of a group.

    Args:
        group: The group whose elements are tried.
        chosen: The elements, instead of these.
    """

    def __init__(self, group: Group, chosen: Tensor | None = None) -> None:
        self.group, self.list = group, some_elements(group, every=0, drawn=2) if chosen is None else chosen
        self._still: dict[int, bool] = {}
        self._tables: dict[int, Any] = {}
        self._moves: dict[tuple[int, int], Any] = {}
        self._kept: list[object] = []  # so that no identity is taken twice

    def __len__(self) -> int:
        return len(self.list)

    def still(self, rep: Representation) -> bool:
        """Whether a representation moves nothing."""
        if id(rep) not in self._still:
            self._kept.append(rep)
            self._still[id(rep)] = stands_still(rep)
        return self._still[id(rep)]

    def turned(self, rep: Representation, number: int, x: Tensor, axis: int) -> Tensor:
        """An axis moved by one element.

        Raises:
            ArgumentError: If the dtype cannot hold what the element does.
        """
        rep.check_dtype(x)
        if id(rep) not in self._tables:
            self._kept.append(rep)
            signed = rep.is_signed_permutation
            self._tables[id(rep)] = _permutations(rep, self.list) if signed else rep.matrix(self.list)
        table = self._tables[id(rep)]
        if isinstance(table, Tensor):
            matrix = table[number].to(x)
            turned: Tensor = torch.tensordot(x, matrix, ([axis], [1])).movedim(-1, axis)
            return turned
        index, sign = table[number]
        moved = x.index_select(axis, index.to(x.device))
        if sign is not None:
            moved = moved * sign.to(x).reshape(-1, *[1] * (x.ndim - 1 - axis))
        return moved

    def moved(self, field: Field, number: int, x: Tensor, space: tuple[int, ...]) -> Tensor:
        """The points of a grid moved by one element."""
        key = id(field), number
        if key not in self._moves:
            self._kept.append(field)
            self._moves[key] = field.move(self.list[number])
        last = x.movedim(space, tuple(range(-len(space), 0)))
        flat = last.reshape(-1, 1, *last.shape[-len(space) :])
        there: Tensor = self._moves[key].to(x.device)(flat)
        return there.reshape(*last.shape[: -len(space)], *there.shape[2:]).movedim(tuple(range(-len(space), 0)), space)


def _permutations(rep: Representation, elements: Tensor) -> list[tuple[Tensor, Tensor | None]]:
    """Index and sign of every element, the latter only where one changes."""
    tables = zip(*rep.signed_permutation(elements), strict=True)
    return [(index, sign if bool((sign < 0).any()) else None) for index, sign in tables]
