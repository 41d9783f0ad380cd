"""Outputs that move with the input: a vector an atom, a score a node."""

from __future__ import annotations

import pytest
import torch

import haar
from haar.errors import ArgumentError, ShapeError
from haar.nn.circuits import AtomVectors, ExchangeCircuit, RotationCircuit, WeightedGraphCircuit
from haar.nn.circuits.states import permutation_index
from haar.testing import assert_equivariant
from haar.testing.equivariance import equivariance_error


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("circuit", [RotationCircuit(2, layers=2), ExchangeCircuit(3, layers=1)])
def test_vectors_turn_and_are_relabelled(circuit: RotationCircuit | ExchangeCircuit) -> None:
    model, x = AtomVectors(circuit), normal(4, circuit.atoms, 3)
    assert_equivariant(model, model.symmetry, x)
    assert model(x).norm(dim=-1).min() > 1e-3
    if isinstance(circuit, RotationCircuit):  # its atoms are told apart
        assert equivariance_error(model, AtomVectors(ExchangeCircuit(2)).symmetry, x).absolute > 1e-2


def test_scores_of_nodes_are_relabelled() -> None:
    A = normal(3, 4, 4)
    A = A + A.mT
    model = WeightedGraphCircuit(4, layers=2)
    assert_equivariant(model, model.symmetry, A)
    report = haar.audit(model, model.symmetry, A, elements=6, layers=False, data_symmetry=False)
    assert report.findings.worst.relative.value < 1e-12
    order = [2, 0, 3, 1]
    moved = torch.empty_like(A)
    moved[:, torch.tensor(order)[:, None], torch.tensor(order)] = A
    assert (model.state(moved) - model.state(A)[:, permutation_index(4, order)]).abs().max() < 1e-13
    assert model(A).std(1).min() > 1e-3


def test_other_graphs_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"x: expected \(batch, 3, 3\), got \(1, 4, 4\)"):
        WeightedGraphCircuit(3)(normal(1, 4, 4))
    with pytest.raises(ArgumentError, match="nodes: expected at least 2, got 1"):
        WeightedGraphCircuit(1)
