"""Point clouds by pairs of qubits."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.nn.circuits import PairCircuit
from haar.testing import assert_equivariant


def test_logits_are_invariant_and_learn() -> None:
    model = PairCircuit(3, classes=2, blocks=2)
    with torch.no_grad():
        model.angle.add_(0.2)
    x = torch.randn(4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_equivariant(model, model.symmetry, x)
    assert model(x).shape == (4, 2)
    assert model.invariants(x).std(0).min() > 1e-6
    model(x).square().sum().backward()
    assert model.angle.grad.abs().max() > 0
    assert model.angle.shape == (2, 4)


def test_generators_commute_with_the_symmetry() -> None:
    from haar.nn.circuits import PermutedQubits, SpinOnQubits

    spins, relabel = SpinOnQubits(6).total_spin(), PermutedQubits([(0, 1), (2, 3), (4, 5)])
    moves = relabel.unitary(relabel.group.elements())
    for one in PairCircuit(3, blocks=1).sums:
        matrix = one.matrix().to(torch.complex128)
        assert max(float((g @ matrix - matrix @ g).abs().max()) for g in (*spins, *moves)) < 1e-12


def test_sizes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"points: expected 2 to 6 \(two qubits each\), got 7"):
        PairCircuit(7)
    with pytest.raises(ArgumentError, match=r"points: expected 2 to 6 \(two qubits each\), got 1"):
        PairCircuit(1)
    assert PairCircuit(2, classes=1, blocks=1)(torch.randn(3, 2, 3, dtype=torch.float64)).shape == (3, 1)
    with pytest.raises(ArgumentError, match="classes: expected at least 1, got 0"):
        PairCircuit(2, classes=0)
