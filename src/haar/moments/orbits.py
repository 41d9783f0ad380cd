"""Orbits of nodes and of pairs of nodes under a permutation group, and the algebra of invariant block matrices.

A block matrix that commutes with the group has one block per orbit of node pairs: its blocks form a coherent algebra,
and a product needs only the numbers of two-step paths between orbits (the intersection numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from haar.errors import ArgumentError, ShapeError

_LIMIT = 50_000_000


class NodeOrbits:
    """Orbits of nodes and node pairs.

    Args:
        permutations: Generators, (generators, nodes): generator k sends node i to permutations[k, i].
        labels: Orbit of every pair where it is known already, (nodes, nodes).

    Raises:
        ShapeError: If it is not a table of permutations.
        ArgumentError: If a row is no permutation, or the group is so small that the orbits save nothing.

    Example:
        >>> ring = NodeOrbits([[1, 2, 3, 4, 5, 0], [0, 5, 4, 3, 2, 1]])
        >>> ring.nodes, ring.pair_count  # distances 0, 1, 2, 3
        (6, 4)
    """

    def __init__(
        self,
        permutations: Tensor | Sequence[Sequence[int | float]],
        *,
        labels: np.ndarray | None = None,
    ) -> None:
        table = torch.as_tensor(permutations)
        if table.ndim != 2 or table.is_floating_point() or not table.numel():
            raise ShapeError("permutations", expected="(generators, nodes) integers", got=tuple(table.shape))
        n = table.shape[1]
        if not bool((table.sort(-1).values == torch.arange(n)).all()):
            raise ArgumentError("permutations", expected=f"rows that permute 0..{n - 1}", got="a row that does not")
        self.permutations = table.long().cpu()
        self._label(self._pair_labels(self.permutations.numpy()) if labels is None else labels)

    @classmethod
    def complete(cls, nodes: int) -> NodeOrbits:
        """All permutations: exchangeable nodes, two orbits of pairs.

        Raises:
            ArgumentError: If there are fewer than 2 nodes.

        Example:
            >>> NodeOrbits.complete(1000).pair_count
            2
        """
        if nodes < 2:
            raise ArgumentError("nodes", expected="at least 2", got=nodes)
        order = torch.arange(nodes)
        swap = order.clone()
        swap[:2] = torch.tensor([1, 0])
        return cls(torch.stack([order.roll(-1), swap]), labels=1 - np.eye(nodes, dtype=np.int64))

    @classmethod
    def ring(cls, nodes: int) -> NodeOrbits:
        """Rotations and reflections of a cycle: one orbit of pairs per distance.

        Raises:
            ArgumentError: If there are fewer than 3 nodes.

        Example:
            >>> NodeOrbits.ring(7).pair_count
            4
        """
        if nodes < 3:
            raise ArgumentError("nodes", expected="at least 3", got=nodes)
        order = torch.arange(nodes)
        return cls(torch.stack([order.roll(-1), (-order) % nodes]))

    @staticmethod
    def _pair_labels(table: np.ndarray) -> np.ndarray:
        """Connected components of the graph in which every generator joins a pair with its image."""
        n = table.shape[1]
        here = np.arange(n * n)
        there = np.concatenate([(row[:, None] * n + row[None, :]).reshape(-1) for row in table])
        ones = np.ones(there.size, dtype=np.int8)
        graph = coo_array((ones, (np.tile(here, len(table)), there)), shape=(n * n, n * n))
        labels: np.ndarray = connected_components(graph.tocsr(), directed=False)[1]
        return labels.reshape(n, n).astype(np.int64)

    def _label(self, labels: np.ndarray) -> None:
        self.nodes = labels.shape[0]
        _, diagonal = np.unique(np.diagonal(labels), return_inverse=True)
        self.node_label = torch.as_tensor(diagonal)
        self.node_representatives = torch.as_tensor(np.unique(diagonal, return_index=True)[1])
        # Every orbit of pairs has a member whose second node is a representative: take it.
        columns = labels[:, self.node_representatives.numpy()]
        unique, first = np.unique(columns.reshape(-1), return_index=True)
        if unique.size * self.nodes > _LIMIT:
            raise ArgumentError(
                "permutations",
                expected="a group large enough for few orbits of pairs",
                got=f"{unique.size} orbits on {self.nodes} nodes",
                way_out="use backend='dense'",
            )
        self.label = torch.as_tensor(np.searchsorted(unique, labels))
        row, column = np.divmod(first, columns.shape[1])
        self.rows = torch.as_tensor(row)
        self.columns = self.node_representatives[torch.as_tensor(column)]
        self.sizes = torch.bincount(self.label.reshape(-1), minlength=unique.size)
        self.transposed = self.label[self.columns, self.rows]

    @property
    def pair_count(self) -> int:
        """Number of orbits of pairs."""
        return int(self.rows.numel())

    @property
    def node_count(self) -> int:
        """Number of orbits of nodes."""
        return int(self.node_representatives.numel())

    @property
    def node_sizes(self) -> Int[Tensor, "orbits"]:
        """How many nodes each orbit has."""
        return torch.bincount(self.node_label)

    @cached_property
    def paths(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Intersection numbers: (target orbit, first step, second step, how many middle nodes)."""
        label, count = self.label.numpy(), self.pair_count
        keys = label[self.rows.numpy()] * count + label.T[self.columns.numpy()]
        keys = keys + np.arange(count)[:, None] * count * count
        unique, numbers = np.unique(keys, return_counts=True)
        target, rest = np.divmod(unique, count * count)
        first, second = np.divmod(rest, count)
        found = [torch.as_tensor(part) for part in (target, first, second, numbers)]
        return found[0], found[1], found[2], found[3]

    def product(
        self, left: Float[Tensor, "pairs rows inner"], right: Float[Tensor, "pairs inner columns"]
    ) -> Float[Tensor, "pairs rows columns"]:
        """Product of two invariant block matrices, block by block.

        Example:
            >>> orbits = NodeOrbits.complete(3)
            >>> ones = torch.ones(2, 1, 1)
            >>> orbits.product(ones, ones).reshape(-1).tolist()  # the all-ones matrix squared
            [3.0, 3.0]
        """
        target, first, second, numbers = self.paths
        active = (left.detach() != 0).any(-1).any(-1)[first] & (right.detach() != 0).any(-1).any(-1)[second]
        target, first, second = target[active], first[active], second[active]
        weight = numbers[active].to(left)[:, None, None]
        total = left.new_zeros(self.pair_count, left.shape[1], right.shape[2])
        step = max(1, 4_000_000 // max(1, left.shape[1] * right.shape[2]))
        for start in range(0, target.numel(), step):
            part = slice(start, start + step)
            total = total.index_add(0, target[part], (weight[part] * left[first[part]]) @ right[second[part]])
        return total

    def transpose(self, blocks: Float[Tensor, "pairs rows columns"]) -> Float[Tensor, "pairs columns rows"]:
        """The transposed block matrix.

        Example:
            >>> NodeOrbits.complete(3).transpose(torch.ones(2, 1, 4)).shape
            torch.Size([2, 4, 1])
        """
        return blocks[self.transposed].mT

    def dense(self, blocks: Float[Tensor, "pairs rows columns"]) -> Float[Tensor, "nodes_rows nodes_columns"]:
        """The full matrix, node-major.

        Example:
            >>> NodeOrbits.complete(2).dense(torch.tensor([[[1.0]], [[0.5]]])).tolist()
            [[1.0, 0.5], [0.5, 1.0]]
        """
        full = blocks[self.label]
        return full.permute(0, 2, 1, 3).reshape(self.nodes * blocks.shape[1], self.nodes * blocks.shape[2])
