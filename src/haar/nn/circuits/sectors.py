"""Exponentials of sums of qubit permutations, without a matrix of the size of the register.

Such an operator keeps the number of ones, and flipping all qubits commutes with it. So it falls into blocks: one for
every number k <= n/2 of ones, which serves n - k as well. At 6 qubits the largest block is 20 x 20.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from haar.constants import ConstantsModule
from haar.errors import ArgumentError
from haar.nn.circuits.states import State, bits, check_qubits, overlap

MOST_DENSE = 12
"""Largest register whose blocks are diagonalised: at 12 qubits the largest is 924 x 924."""


class Sectors(ConstantsModule):
    """The blocks of operators that keep the number of ones and commute with flipping all qubits.

    There is one for every number k <= n/2 of ones; it serves n - k as well.

    Args:
        n: Number of qubits.

    Raises:
        ArgumentError: If the blocks would be too large.

    Example:
        >>> Sectors(4).sizes
        [1, 4, 6]
    """

    order: Int[Tensor, " states"]
    back: Int[Tensor, " states"]

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = check_qubits(n, most=MOST_DENSE, why="blocks of sums of permutations")
        ones = bits(n).sum(0)
        self.states = [(ones == k).nonzero()[:, 0] for k in range(n // 2 + 1)]
        self.sizes = [len(states) for states in self.states]
        flips = [1 if 2 * k == n else 2 for k in range(n // 2 + 1)]
        order = torch.cat([s for one, f in zip(self.states, flips, strict=True) for s in (one, 2**n - 1 - one)[:f]])
        self._widths = [size * f for size, f in zip(self.sizes, flips, strict=True)]
        self.register_constant("order", order)
        self.register_constant("back", order.argsort())

    def forward(self, psi: State, blocks: Sequence[Tensor]) -> State:
        """The operator with these blocks, on states.

        Args:
            psi: States of all qubits, one a sample.
            blocks: One for every k, d x d.
        """
        return self.together([part @ block.mT for part, block in zip(self.apart(psi), blocks, strict=True)], psi.shape)

    def apart(self, psi: State) -> list[Complex[Tensor, "_ _"]]:
        """Amplitudes by sector, one row for every sample and each of the (one or two) sectors that a block serves.

        Args:
            psi: States of all qubits, one a sample.
        """
        parts = psi.index_select(-1, self.order).split(self._widths, -1)
        return [part.reshape(-1, size) for part, size in zip(parts, self.sizes, strict=True)]

    def together(self, parts: Sequence[Complex[Tensor, "_ _"]], shape: Sequence[int]) -> State:
        """What `apart` took apart.

        Args:
            parts: Amplitudes by sector.
            shape: Of the states.
        """
        rows = [part.reshape(*shape[:-1], width) for part, width in zip(parts, self._widths, strict=True)]
        out: Tensor = torch.cat(rows, -1).index_select(-1, self.back)
        return out

    def places(self, index: Int[Tensor, " states"]) -> list[Int[Tensor, " _"]]:
        """Where a qubit permutation takes the amplitudes of each sector from, within that sector.

        Args:
            index: The permutation as `permutation_index` gives it.
        """
        found = []
        for states in self.states:
            place = torch.full((2**self.n,), -1)
            place[states] = torch.arange(len(states))
            found.append(place[index[states]])
        return found


class PermutationSum(ConstantsModule):
    """T = sum over k of c_k P_k, a symmetric sum of qubit permutations; exp(i theta T) and <T>.

    Args:
        n: Number of qubits.
        indices: `permutation_index` of every P_k.
        coefficients: Every c_k; all one by default.

    Raises:
        ArgumentError: If the blocks would be too large, or T is not symmetric.

    Example:
        >>> from haar.nn.circuits.states import swap_index
        >>> total = PermutationSum(3, [swap_index(3, i, j) for i, j in ((0, 1), (0, 2), (1, 2))])
        >>> [len(values) for values in total.spectra()], round(total.size, 10)
        ([1, 3], 3.0)
    """

    indices: Int[Tensor, "k states"]
    coefficients: Float[Tensor, " k"]

    def __init__(
        self, n: int, indices: Sequence[Int[Tensor, " states"]], coefficients: Sequence[float | int] | None = None
    ) -> None:
        super().__init__()
        self.n, self.sectors = n, Sectors(n)
        if not len(indices):
            raise ArgumentError("indices", expected="at least one permutation", got="none")
        weights = [1.0] * len(indices) if coefficients is None else list(map(float, coefficients))
        self.register_constant("indices", torch.stack(list(indices)))
        self.register_constant("coefficients", torch.tensor(weights, dtype=torch.float64))
        for k, block in enumerate(self._blocks()):
            values, vectors = torch.linalg.eigh(block)
            self.register_constant(f"values{k}", values)
            self.register_constant(f"vectors{k}", vectors)

    @property
    def size(self) -> float:
        """The largest absolute eigenvalue."""
        return max(float(values.abs().max()) for values in self.spectra())

    def spectra(self) -> list[Float[Tensor, " _"]]:
        """Eigenvalues, block by block."""
        return [getattr(self, f"values{k}") for k in range(len(self.sectors.sizes))]

    def exponential(self, angle: Float[Tensor, "*many"]) -> list[Complex[Tensor, "*many _ _"]]:
        """The blocks of exp(i angle T).

        Args:
            angle: theta, one or several.
        """
        found = []
        for k, values in enumerate(self.spectra()):
            phase = angle[..., None] * values
            turns = torch.polar(torch.ones_like(phase), phase)
            vectors = getattr(self, f"vectors{k}").to(turns.dtype)
            found.append((vectors * turns[..., None, :]) @ vectors.mT)
        return found

    def forward(self, psi: State, angle: Float[Tensor, ""]) -> State:
        """exp(i angle T) psi.

        Args:
            psi: States of all qubits, one a sample.
            angle: The angle theta, or one a sample.
        """
        out: Tensor = self.sectors(psi, self.exponential(angle))
        return out

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

    def _blocks(self) -> list[Float[Tensor, "_ _"]]:
        blocks = [torch.zeros(size, size, dtype=torch.float64) for size in self.sectors.sizes]
        for index, weight in zip(self.indices, self.coefficients, strict=True):
            for block, columns in zip(blocks, self.sectors.places(index), strict=True):
                block[torch.arange(len(columns)), columns] += weight
        for block in blocks:
            if not torch.allclose(block, block.T, atol=1e-12):
                raise ArgumentError(
                    "indices",
                    expected="a symmetric sum (with every permutation its inverse)",
                    got=f"an asymmetry of {float((block - block.T).abs().max()):.2g}",
                )
        return blocks


def largest_block(n: int) -> int:
    """Rows of the largest block at n qubits.

    Example:
        >>> largest_block(6)
        20
    """
    return math.comb(n, n // 2)
