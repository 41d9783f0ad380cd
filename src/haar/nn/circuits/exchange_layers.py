"""Layers of exp(i J sigma_i . sigma_j) along fixed pairs of qubits, made as one small unitary a layer.

Such a layer keeps the number of ones and commutes with flipping all qubits, so it falls into the blocks of
`haar.nn.circuits.sectors.Sectors`. The blocks of all layers are made together, once a step and whatever the batch;
a state then meets one product a block in place of one gate a pair. On large registers blocks outgrow states, and gates
act one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from haar.constants import ConstantsModule
from haar.nn.circuits.sectors import Sectors
from haar.nn.circuits.states import State, heisenberg, swap_index

MOST_BLOCKED = 8
"""Largest register on which a layer is made as blocks: there it has 8885 entries."""


class ExchangeLayers(ConstantsModule):
    """exp(i J_k sigma_i . sigma_j) for every pair k = (i, j), one after the other, up to a phase that all states share.

    Args:
        n: Number of qubits.
        pairs: In the order in which they act.

    Example:
        >>> from haar.nn.circuits.states import zeros
        >>> layers = ExchangeLayers(2, [(0, 1)])
        >>> blocks = layers.blocks(torch.tensor([[0.3], [0.4]], dtype=torch.float64))
        >>> len(blocks), [tuple(block.shape) for block in blocks[0]]
        (2, [(1, 1), (2, 2)])
    """

    swaps: Int[Tensor, "k states"]
    moves: Int[Tensor, "k entries"]
    identity: Float[Tensor, " entries"]

    def __init__(self, n: int, pairs: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.n = n
        swaps = [swap_index(n, *pair) for pair in pairs]
        self.register_constant("swaps", torch.stack(swaps))
        if n > MOST_BLOCKED:
            return
        self.sectors = Sectors(n)
        self._entries = [size**2 for size in self.sectors.sizes]
        eye = torch.cat([torch.eye(size, dtype=torch.float64).flatten() for size in self.sectors.sizes])
        self.register_constant("identity", eye)
        self.register_constant("moves", torch.stack([self._move(swap) for swap in swaps]))

    def blocks(self, angles: Float[Tensor, "layers k"]) -> list[list[Complex[Tensor, "_ _"]]]:
        """The blocks of every layer; none where gates act one by one.

        Args:
            angles: Angles J of the pairs in every layer.
        """
        if self.n > MOST_BLOCKED:
            return [[] for _ in angles]
        c, s = (2.0 * angles).cos(), 1j * (2.0 * angles).sin()
        made = self.identity.to(s.dtype).expand(len(angles), -1)
        for k, move in enumerate(self.moves):
            made = c[:, k, None] * made + s[:, k, None] * made.index_select(1, move)
        parts = zip(made.split(self._entries, 1), self.sectors.sizes, strict=True)
        return [list(layer) for layer in zip(*(part.unflatten(1, (d, d)).unbind() for part, d in parts), strict=True)]

    def forward(self, psi: State, angles: Float[Tensor, " k"], blocks: Sequence[Complex[Tensor, "_ _"]]) -> State:
        """One layer.

        Args:
            psi: States of all qubits, one a sample.
            angles: J of its pairs.
            blocks: Its blocks, if they were made.
        """
        if blocks:
            moved: Tensor = self.sectors(psi, blocks)
            return moved
        for index, angle in zip(self.swaps, angles, strict=True):
            psi = heisenberg(psi, index, angle)
        return psi

    def _move(self, swap: Int[Tensor, " states"]) -> Int[Tensor, " entries"]:
        """Where the entries of SWAP times an operator come from: it permutes rows."""
        found, start = [], 0
        for rows in self.sectors.places(swap):
            d = len(rows)
            found.append((start + rows[:, None] * d + torch.arange(d)).flatten())
            start += d * d
        return torch.cat(found)
