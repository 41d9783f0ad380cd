"""Exponentials of sums of qubit permutations, without a matrix of the size of the register.

Such an operator keeps the number of ones, and flipping all qubits commutes with it. So it falls into blocks: one for
every number k <= n/2 of ones, which serves n - k as well. At 6 qubits the largest block is 20 x 20.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from haar.errors import ArgumentError
from haar.systems.quantum.states import State, bits, check_qubits, overlap

MOST_DENSE = 12
"""Largest register whose blocks are diagonalised: at 12 qubits the largest is 924 x 924."""


class PermutationSum(nn.Module):
    """T = sum over k of c_k P_k, a symmetric sum of qubit permutations; exp(i theta T) and <T>.

    Args:
        n: Number of qubits.
        indices: `permutation_index` of every P_k.
        coefficients: Every c_k; all one by default.

    Raises:
        ArgumentError: If the blocks would be too large, or T is not symmetric.

    Example:
        >>> from haar.systems.quantum.states import swap_index
        >>> total = PermutationSum(3, [swap_index(3, i, j) for i, j in ((0, 1), (0, 2), (1, 2))])
        >>> [block.shape[0] for block in total.spectra()], round(total.size, 10)
        ([1, 3], 3.0)
    """

    indices: Int[Tensor, "k states"]
    coefficients: Float[Tensor, " k"]
    order: Int[Tensor, " states"]
    back: Int[Tensor, " states"]

    def __init__(
        self, n: int, indices: Sequence[Int[Tensor, " states"]], coefficients: Sequence[float | int] | None = None
    ) -> None:
        super().__init__()
        self.n = check_qubits(n, most=MOST_DENSE, why="blocks of sums of permutations")
        if not len(indices):
            raise ArgumentError("indices", expected="at least one permutation", got="none")
        weights = [1.0] * len(indices) if coefficients is None else list(map(float, coefficients))
        self.register_buffer("indices", torch.stack(list(indices)), persistent=False)
        self.register_buffer("coefficients", torch.tensor(weights, dtype=torch.float64), persistent=False)
        ones = bits(n).sum(0)
        chosen, self._shapes = [], []
        for k in range(n // 2 + 1):
            states = (ones == k).nonzero()[:, 0]
            flips = 1 if 2 * k == n else 2
            chosen += [states, 2**n - 1 - states][:flips]
            self._shapes.append((flips, len(states)))
            values, vectors = torch.linalg.eigh(self._block(states))
            self.register_buffer(f"values{k}", values, persistent=False)
            self.register_buffer(f"vectors{k}", vectors, persistent=False)
        order = torch.cat(chosen)
        self.register_buffer("order", order, persistent=False)
        self.register_buffer("back", order.argsort(), persistent=False)

    @property
    def size(self) -> float:
        """The largest absolute eigenvalue."""
        return max(float(block.abs().max()) for block in self.spectra())

    def spectra(self) -> list[Float[Tensor, " d"]]:
        """Eigenvalues, block by block."""
        return [getattr(self, f"values{k}") for k in range(self.n // 2 + 1)]

    def forward(self, psi: State, angle: Float[Tensor, ""]) -> State:
        """exp(i angle T) psi.

        Args:
            psi: States.
            angle: theta.
        """
        parts = psi.index_select(-1, self.order).split([f * d for f, d in self._shapes], -1)
        turned = []
        for k, (part, shape) in enumerate(zip(parts, self._shapes, strict=True)):
            values, vectors = getattr(self, f"values{k}"), getattr(self, f"vectors{k}").to(psi.dtype)
            phase = torch.polar(torch.ones_like(values), angle * values).to(psi.dtype)
            turned.append((((part.reshape(-1, shape[1]) @ vectors) * phase) @ vectors.T).reshape(part.shape))
        return torch.cat(turned, -1).index_select(-1, self.back)

    def expectation(self, psi: State) -> Float[Tensor, " batch"]:
        """<psi|T|psi>."""
        moved = psi.index_select(-1, self.indices.flatten()).unflatten(-1, self.indices.shape)
        return torch.stack([overlap(psi, one) for one in moved.unbind(-2)], -1) @ self.coefficients.to(psi.real.dtype)

    def matrix(self) -> Float[Tensor, "states states"]:
        """T as a matrix, for comparison with others."""
        dense = torch.zeros(2**self.n, 2**self.n, dtype=torch.float64)
        rows = torch.arange(2**self.n)
        for index, weight in zip(self.indices, self.coefficients, strict=True):
            dense[rows, index] += weight
        return dense

    def _block(self, states: Int[Tensor, " d"]) -> Float[Tensor, "d d"]:
        place = torch.full((2**self.n,), -1)
        place[states] = torch.arange(len(states))
        block = torch.zeros(len(states), len(states), dtype=torch.float64)
        columns = place[self.indices[:, states]]
        rows = torch.arange(len(states)).expand_as(columns)
        block.index_put_((rows, columns), self.coefficients[:, None].expand(columns.shape), accumulate=True)
        if not torch.allclose(block, block.T, atol=1e-12):
            raise ArgumentError(
                "indices",
                expected="a symmetric sum (with every permutation its inverse)",
                got=f"an asymmetry of {float((block - block.T).abs().max()):.2g}",
            )
        return block


def largest_block(n: int) -> int:
    """Rows of the largest block at n qubits.

    Example:
        >>> largest_block(6)
        20
    """
    return math.comb(n, n // 2)
