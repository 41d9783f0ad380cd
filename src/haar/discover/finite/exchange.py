"""What may be exchanged: the entries of one axis of a model's input, with signs or without, and what goes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Row = NDArray[np.int64]


@dataclass(frozen=True)
class Exchange:
    """Entries of one axis that may change places, as nodes that a group permutes.

    Without signs node i is entry i. With signs node 2 i is entry i and node 2 i + 1 the same entry with the other sign.
    Where outputs move in a way of their own, nodes of the outputs follow, in pairs. An element is a row: node k goes to
    node ``row[k]``.

    Attributes:
        shape: Shape of one sample of the input.
        axis: The axis whose entries are exchanged, counted from the end.
        signed: Whether entries may change sign.
        blocks: A label for each entry: only entries with one label are exchanged.
        outputs: ``"invariant"``, ``"same"`` (they move as inputs do), or ``"any"`` (they change places and signs).
        out_shape: Shape of one sample of the output.
        out_axis: With ``"same"`` the axis of the output that moves along.
        still: Entries that do not move at all, each with a label of its own.
    """

    shape: tuple[int, ...]
    axis: int
    signed: bool
    blocks: tuple[int, ...]
    outputs: str
    out_shape: tuple[int, ...]
    out_axis: int = -1
    still: frozenset[int] = frozenset()

    @property
    def count(self) -> int:
        """How many entries may change places."""
        return len(self.blocks)

    @property
    def nodes(self) -> int:
        """Nodes of the inputs."""
        return self.count * (2 if self.signed else 1)

    @property
    def out_count(self) -> int:
        """Outputs that move in a way of their own."""
        return self.out_shape[-1] if self.outputs == "any" and self.out_shape else 0

    @property
    def size(self) -> int:
        """Length of a row."""
        return self.nodes + 2 * self.out_count

    @cached_property
    def kinds(self) -> Row:
        """A label for every node of the inputs: nodes of two labels are not exchanged."""
        if not self.signed:
            return np.asarray(self.blocks, dtype=np.int64)
        pairs = [(2 * label, 2 * label + (i in self.still)) for i, label in enumerate(self.blocks)]
        return np.asarray(pairs, dtype=np.int64).reshape(-1)

    @cached_property
    def members(self) -> list[list[int]]:
        """The entries of every block that may be exchanged or change sign, still ones left out."""
        labels = sorted({label for i, label in enumerate(self.blocks) if i not in self.still})
        return [[i for i, other in enumerate(self.blocks) if other == label] for label in labels]

    def input_motion(self, row: Row) -> tuple[Row, Row]:
        """Index and sign with (g x)_i = sign_i x_index(i)."""
        return motion_of(row[: self.nodes], signed=self.signed)

    def move_inputs(self, row: Row, x: Tensor) -> Tensor:
        """Samples ``(rows, *shape)`` moved by one element."""
        return _moved(x, *self.input_motion(row), self.axis)

    def move_outputs(self, row: Row, y: Tensor) -> Tensor:
        """Outputs ``(rows, *out_shape)`` moved by one element."""
        if self.outputs == "same":
            return _moved(y, *self.input_motion(row), self.out_axis)
        if self.outputs == "any" and self.out_count:
            return _moved(y, *motion_of(row[self.nodes :] - self.nodes, signed=True), -1)
        return y

    def identity(self) -> Row:
        """The row that moves nothing."""
        return np.arange(self.size)

    def of_entries(self, places: Sequence[int] | Row, signs: Sequence[int] | Row | None = None) -> Row:
        """The row of an element that sends entry i to ``places[i]`` with ``signs[i]``; outputs of their own stay."""
        places = np.asarray(places, dtype=np.int64)
        if not self.signed:
            return np.concatenate([places, np.arange(self.nodes, self.size)])
        minus = np.zeros_like(places) if signs is None else (np.asarray(signs) < 0).astype(np.int64)
        pairs = np.stack([2 * places + minus, 2 * places + 1 - minus], axis=1).reshape(-1)
        return np.concatenate([pairs, np.arange(self.nodes, self.size)])


def motion_of(row: Row, *, signed: bool) -> tuple[Row, Row]:
    """Index and sign of the signed permutation that a row of nodes is."""
    places = row[::2] // 2 if signed else row
    signs = 1 - 2 * (row[::2] % 2) if signed else np.ones_like(row)
    index = np.argsort(places)
    return index, signs[index]


def _moved(x: Tensor, index: Row, sign: Row, axis: int) -> Tensor:
    moved = x.index_select(x.ndim + axis, torch.from_numpy(index).to(x.device))
    if (sign == 1).all():
        return moved
    shape = [1] * x.ndim
    shape[axis] = len(sign)
    return moved * torch.from_numpy(sign).to(moved).reshape(shape)
