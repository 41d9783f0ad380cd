"""Exponentials of sums of permutations by blocks, against dense ones."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.errors import ArgumentError
from haar.nn.circuits.exchange import exchange_pairs
from haar.nn.circuits.pairs import cycle_sum
from haar.nn.circuits.sectors import PermutationSum
from haar.nn.circuits.states import permutation_index, swap_index


@pytest.mark.parametrize(
    "made",
    [
        lambda: PermutationSum(6, [swap_index(6, *pair) for pair in exchange_pairs(3)[3]]),
        lambda: PermutationSum(
            3, [swap_index(3, i, j) for i, j in itertools.combinations(range(3), 2)], [1.0, 2.0, -3.0]
        ),
        lambda: cycle_sum(3, 3, -1),
    ],
)
def test_blocks_are_the_dense_exponential(made) -> None:
    one = made()
    psi = torch.randn(2, 2**one.n, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    angle = torch.tensor(0.37, dtype=torch.float64)
    dense = one.matrix().to(torch.complex128)
    assert (one(psi, angle) - psi @ torch.linalg.matrix_exp(1j * angle * dense).T).abs().max() < 1e-12
    assert (one.expectation(psi) - torch.einsum("bi,ij,bj->b", psi.conj(), dense, psi).real).abs().max() < 1e-12
    assert one.size == pytest.approx(float(torch.linalg.eigvalsh(one.matrix()).abs().max()), abs=1e-12)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 12 for blocks of sums of permutations, got 14"):
        PermutationSum(14, [torch.arange(4)])
    cycle = permutation_index(3, [1, 2, 0])
    with pytest.raises(ArgumentError, match="indices: expected a symmetric sum"):
        PermutationSum(3, [cycle])
    with pytest.raises(ArgumentError, match="indices: expected at least one permutation, got none"):
        PermutationSum(3, [])
