"""Entries of a vector that a permutation group exchanges, and may change in sign: some of its points, in pairs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from haar.actions.representation.representation import Representation
from haar.errors import ArgumentError, ShapeError
from haar.groups import Group
from haar.groups.door import check_group


class Entries(Representation):
    """Entries of a vector are points that a group permutes; with signs an entry and its negative are two points.

    One group of permutations acts in this way on several things at once: coordinates of the input, outputs, channels.

    Args:
        group: A group whose defining representation permutes points.
        points: The point of every entry.
        negatives: The point of every entry's negative; None where no sign changes.

    Raises:
        ArgumentError: If the group permutes no points, or does not keep the entries among themselves, or separates an
            entry from its negative.
        ShapeError: If there is not one negative for each point.

    Example:
        >>> from haar.groups import permutation_group
        >>> flip_and_swap = permutation_group([[2, 3, 1, 0]], "C4")  # +x -> +y -> -x: a quarter turn
        >>> Entries(flip_and_swap, [0, 2], [1, 3]).matrix(torch.tensor([2, 3, 1, 0])).tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """

    def __init__(
        self,
        group: Group,
        points: Int[Tensor, " n"] | Sequence[int],
        negatives: Int[Tensor, " n"] | Sequence[int] | None = None,
    ) -> None:
        check_group("group", group)
        self.points = torch.as_tensor(points, dtype=torch.int64)
        self.negatives = None if negatives is None else torch.as_tensor(negatives, dtype=torch.int64)
        self.group, self.dim, self.name = group, len(self.points), "entries"
        self._entry, self._sign = self._numbered()
        self._check()

    def _numbered(self) -> tuple[Tensor, Tensor]:
        """For every point of the group: its entry (-1: none) and its sign."""
        size = int(self.group.defining_dim or 0)
        entry, sign = torch.full((size,), -1), torch.ones(size, dtype=torch.int64)
        both = [self.points] if self.negatives is None else [self.points, self.negatives]
        if any(len(places) != self.dim for places in both):
            raise ShapeError("negatives", expected=f"one for each of {self.dim} points", got=len(both[-1]))
        told = torch.cat(both)
        if len(told.unique()) != len(told) or (len(told) and not 0 <= int(told.min()) <= int(told.max()) < size):
            raise ArgumentError("points", expected=f"different points below {size}", got=told.tolist())
        for places in both:
            entry[places] = torch.arange(self.dim)
        if self.negatives is not None:
            sign[self.negatives] = -1
        return entry, sign

    def _check(self) -> None:
        """On generators: entries stay entries, and a negative goes where its entry's negative is."""
        pair = self.group.defining_signed_permutation(self.group.generators())
        if pair is None or bool((pair[1] != 1).any()):
            raise ArgumentError("group", expected="a group that permutes points", got=self.group.name)
        comes = pair[0][:, self.points]
        kept = self._entry[comes] >= 0
        if self.negatives is not None:
            back = pair[0][:, self.negatives]
            kept = kept & (self._entry[comes] == self._entry[back]) & (self._sign[comes] == -self._sign[back])
        if not bool(kept.all()):
            raise ArgumentError(
                "points", expected="entries that the group keeps among themselves", got=self.points.tolist()
            )

    @property
    def is_signed_permutation(self) -> bool:
        """Always."""
        return True

    def signed_permutation(self, g: Tensor) -> tuple[Tensor, Tensor]:
        """Where each entry comes from, and with which sign."""
        pair = self.group.defining_signed_permutation(g)
        if pair is None:
            return super().signed_permutation(g)
        comes = pair[0][..., self.points]
        return self._entry[comes], self._sign[comes]

    def matrix(self, g: Tensor) -> Tensor:
        """One entry of 1 or -1 in a row."""
        index, sign = self.signed_permutation(g)
        matrix = torch.zeros(*index.shape, self.dim, dtype=torch.float64)
        return matrix.scatter(-1, index.unsqueeze(-1), sign.to(torch.float64).unsqueeze(-1))
