"""Gates in closed form, against matrix exponentials and Kronecker products."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from haar.errors import ArgumentError
from haar.groups import SU2
from haar.groups.lie import rotation_of_quaternion
from haar.nn.circuits import states
from haar.nn.circuits.on_qubits import PAULI, quaternion_unitary, tensor_power_of
from haar.nn.circuits.pauli_words import words_matrix

EYE = torch.eye(2, dtype=torch.complex128)


def random_state(n: int, batch: int = 3, seed: int = 0) -> Tensor:
    psi = torch.randn(batch, 2**n, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))
    return psi / psi.norm(dim=-1, keepdim=True)


def dot(n: int, i: int, j: int) -> Tensor:
    return words_matrix({f"{a}{i} {a}{j}": 1.0 for a in "XYZ"}, n)


def swap(n: int, i: int, j: int) -> Tensor:
    return torch.eye(2**n, dtype=torch.complex128)[states.swap_index(n, i, j)]


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_encoding_turns_with_the_vector(seed: int) -> None:
    source = torch.Generator().manual_seed(seed)
    q = SU2().sample(4, source)[..., 0]
    U, R = quaternion_unitary(q), rotation_of_quaternion(q)
    v = torch.randn(4, 3, dtype=torch.float64, generator=source)
    turned = states.vector_gates((R @ v[..., None])[..., 0])
    assert (turned - U @ states.vector_gates(v) @ U.mH).abs().max() < 1e-14
    exact = torch.linalg.matrix_exp(-0.5j * torch.einsum("bk,kij->bij", v.to(torch.complex128), PAULI))
    assert (states.vector_gates(v) - exact).abs().max() < 1e-14


def test_encoding_has_finite_derivatives_at_zero() -> None:
    """Trap: sqrt(x . x) has no derivative at 0."""
    x = torch.zeros(2, 3, dtype=torch.float64)
    x[1, 0] = 0.3
    x.requires_grad_()

    def gates(v: Tensor) -> Tensor:
        return torch.view_as_real(states.vector_gates(v))

    assert torch.autograd.gradcheck(gates, x)
    assert torch.autograd.gradgradcheck(gates, x)


@pytest.mark.parametrize("pair", [(0, 1), (2, 0), (1, 2)])
def test_sigma_dot_sigma_is_a_swap(pair: tuple[int, int]) -> None:
    assert (dot(3, *pair) - (2 * swap(3, *pair) - torch.eye(8))).abs().max() == 0


def test_sum_of_all_pairs_is_the_total_spin() -> None:
    for n in (2, 3, 4):
        pairs = sum(dot(n, i, j) for i, j in itertools.combinations(range(n), 2))
        total = [0.5 * words_matrix({f"{a}{q}": 1.0 for q in range(n)}, n) for a in "XYZ"]
        squared = sum(one @ one for one in total)
        assert (pairs - (2 * squared - 1.5 * n * torch.eye(2**n))).abs().max() < 1e-14


def test_heisenberg_gate_is_its_closed_form_and_commutes_with_turns() -> None:
    angle = torch.tensor(0.41, dtype=torch.float64)
    psi = random_state(3)
    exact = torch.linalg.matrix_exp(1j * angle * dot(3, 0, 2))
    assert (states.heisenberg(psi, states.swap_index(3, 0, 2), angle) - psi @ exact.T).abs().max() < 1e-14
    U = tensor_power_of(quaternion_unitary(SU2().sample(1, torch.Generator().manual_seed(0))[0, :, 0]), 3)
    assert (exact @ U - U @ exact).abs().max() < 1e-14


def test_three_swaps_one_after_the_other_are_not_equivariant() -> None:
    """Trap: one angle shared by swaps that act in turn; the exponential of their sum is equivariant."""
    T = sum(swap(3, i, j) for i, j in ((0, 1), (1, 2), (0, 2)))
    assert (T @ T - 3 * T).abs().max() < 1e-14
    gates = [torch.linalg.matrix_exp(0.41j * dot(3, i, j)) for i, j in ((0, 1), (1, 2), (0, 2))]
    in_turn, P = gates[2] @ gates[1] @ gates[0], swap(3, 0, 1)
    assert torch.linalg.matrix_norm(in_turn @ P - P @ in_turn, 2) > 0.1
    together = torch.linalg.matrix_exp(0.41j * T)
    assert (together @ P - P @ together).abs().max() < 1e-14
    closed = torch.eye(8) + (torch.exp(torch.tensor(3 * 0.41j, dtype=torch.complex128)) - 1) / 3 * T
    assert (together - closed).abs().max() < 1e-14


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_local_layers_are_kronecker_products(n: int) -> None:
    source = torch.Generator().manual_seed(n)
    gates = torch.randn(3, n, 2, 2, dtype=torch.complex128, generator=source)
    psi = random_state(n)
    for b in range(3):
        dense = torch.ones(1, 1, dtype=torch.complex128)
        for q in range(n):
            dense = torch.kron(dense, gates[b, q])
        assert (states.local(psi, *states.halves(gates))[b] - dense @ psi[b]).abs().max() < 1e-13


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_axis_gates(axis: str) -> None:
    angle = torch.tensor([0.3, -2.0], dtype=torch.float64)
    exact = torch.linalg.matrix_exp(-0.5j * angle[:, None, None] * PAULI["xyz".index(axis)])
    assert (states.axis_gates(angle, axis) - exact).abs().max() < 1e-15


def test_singlets_stay_when_all_turn_and_change_sign_under_their_own_exchange() -> None:
    psi = states.singlets(4, [(0, 2), (1, 3)])
    U = tensor_power_of(quaternion_unitary(SU2().sample(1, torch.Generator().manual_seed(1))[0, :, 0]), 4)
    assert (U @ psi - psi).abs().max() < 1e-14
    assert (swap(4, 0, 2) @ psi + psi).abs().max() < 1e-15
    both = torch.eye(16, dtype=torch.complex128)[states.permutation_index(4, [1, 0, 3, 2])]
    assert (both @ psi - psi).abs().max() < 1e-15


def test_bad_registers_are_refused() -> None:
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 16 for a state vector, got 17"):
        states.zeros(17)
    with pytest.raises(ArgumentError, match="pairs: expected disjoint pairs that cover 4 qubits"):
        states.singlets(4, [(0, 1), (1, 2)])
