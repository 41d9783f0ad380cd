"""Twirling: a projection, in five ways that agree, onto commutants of known dimension."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import SU2
from haar.intertwiners import hom_dimension, intertwiners
from haar.nn.circuits import PermutedQubits, SpinOnQubits, commutant, equivariant_gate, molecule_on_qubits, twirl
from haar.nn.circuits.on_qubits import complex_form, real_form
from haar.nn.circuits.states import swap_index
from haar.nn.circuits.twirl import clifford_gates


def operator(n: int, seed: int = 0) -> Tensor:
    return torch.randn(2**n, 2**n, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_all_ways_agree_for_spins(n: int) -> None:
    rep, A = SpinOnQubits(n), operator(n)
    T = twirl(A, rep)
    for how in ("permutations", "nullspace", *(("clifford",) if n <= 3 else ())):
        assert (twirl(A, rep, how=how) - T).abs().max() < 1e-13
    if n <= 3:  # the library's own route through isotypic classes
        assert (complex_form(intertwiners(rep, rep).project(real_form(A))) - T).abs().max() < 1e-13


@pytest.mark.parametrize("n", [2, 3, 4])
def test_all_ways_agree_for_permutations(n: int) -> None:
    rep, A = PermutedQubits([(q,) for q in range(n)]), operator(n)
    T = twirl(A, rep)
    for how in ("elements", "nullspace"):
        assert (twirl(A, rep, how=how) - T).abs().max() < 1e-13


@pytest.mark.parametrize("rep", [SpinOnQubits(3), PermutedQubits([(0, 2), (1, 3)]), molecule_on_qubits(2)])
def test_it_is_the_projection_onto_the_commutant(rep) -> None:
    A, B = operator(rep.qubits), operator(rep.qubits, 1)
    T = twirl(A, rep)
    assert (twirl(T, rep) - T).abs().max() < 1e-13
    assert abs(torch.trace(T) - torch.trace(A)) < 1e-12
    assert abs((B.conj() * T).sum() - (twirl(B, rep).conj() * A).sum()) < 1e-11  # self-adjoint
    moved = rep.unitary(rep.group.sample(6, torch.Generator().manual_seed(2)))
    assert (moved @ T - T @ moved).abs().max() < 1e-12
    assert (moved @ A - A @ moved).abs().max() > 0.1


def test_two_qubits_in_closed_form() -> None:
    A = operator(2)
    S = torch.eye(4, dtype=torch.complex128)[swap_index(2, 0, 1)]
    trace, crossed = torch.trace(A), torch.trace(A @ S)
    closed = (trace - crossed / 2) / 3 * torch.eye(4, dtype=torch.complex128) + (crossed - trace / 2) / 3 * S
    assert (twirl(A, SpinOnQubits(2)) - closed).abs().max() < 1e-14


def test_dimensions_of_commutants() -> None:
    catalan = [math.comb(2 * n, n) // (n + 1) for n in range(1, 6)]
    spins = [SpinOnQubits(n) for n in range(1, 6)]
    # over R: End(V) and Hom(V, conj V), each twice; here V is isomorphic to conj V
    assert [hom_dimension(rep, rep) // 4 for rep in spins] == catalan
    assert [len(commutant(rep)) for rep in spins[:4]] == catalan[:4]
    permuted = [PermutedQubits([(q,) for q in range(n)]) for n in range(2, 6)]
    assert [hom_dimension(rep, rep) // 4 for rep in permuted] == [math.comb(n + 3, 3) for n in range(2, 6)]
    assert [len(commutant(rep)) for rep in permuted[:3]] == [10, 20, 35]
    assert [hom_dimension(rep, rep) // 4 for rep in map(molecule_on_qubits, (1, 2, 3))] == [2, 10, 26]
    assert [len(commutant(rep)) for rep in map(molecule_on_qubits, (1, 2))] == [2, 10]


def test_spins_are_a_representation() -> None:
    for rep in (SpinOnQubits(2), PermutedQubits([(0, 2), (1, 3)]), molecule_on_qubits(2)):
        rep.check(samples=8)


def test_clifford_gates_are_a_design_of_strength_three_only() -> None:
    gates = clifford_gates()
    assert len(gates) == 24
    from haar.nn.circuits.on_qubits import tensor_power_of

    four = tensor_power_of(gates, 4)
    A = operator(4)
    wrong = (four @ A @ four.mH).mean(0) - twirl(A, SpinOnQubits(4))
    assert wrong.abs().max() > 0.05


def test_equivariant_gates() -> None:
    rep = SpinOnQubits(2, SU2())
    A = operator(2)
    gate = equivariant_gate(A + A.mH, rep, 0.4)
    R = rep.unitary(rep.group.sample(1, torch.Generator().manual_seed(0)))[0]
    assert (gate @ gate.mH - torch.eye(4)).abs().max() < 1e-13
    assert (R @ gate - gate @ R).abs().max() < 1e-13
    with pytest.raises(ArgumentError, match="operator: expected a Hermitian operator"):
        equivariant_gate(A, rep, 0.4)


def test_ways_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"how: expected at most 3 qubits for 'clifford'.*3-design.*got 4"):
        twirl(operator(4), SpinOnQubits(4), how="clifford")
    with pytest.raises(ArgumentError, match=r"how: expected an enumerated group for 'elements', got SU\(2\)"):
        twirl(operator(2), SpinOnQubits(2), how="elements")
    with pytest.raises(ArgumentError, match=r"how: expected SU\(2\) alone for 'permutations'"):
        twirl(operator(2), PermutedQubits([(0,), (1,)]), how="permutations")
    with pytest.raises(ArgumentError, match="how: expected one of auto"):
        twirl(operator(2), SpinOnQubits(2), how="haar")
    with pytest.raises(ShapeError, match=r"operator: expected \(8, 8\) on 3 qubits, got \(4, 4\)"):
        twirl(operator(2), SpinOnQubits(3))
    with pytest.raises(ArgumentError, match="qubits: expected 1 to 8 for operators as matrices, got 9"):
        SpinOnQubits(9)
    with pytest.raises(ArgumentError, match="rep: expected at most 4 qubits for a null space"):
        commutant(SpinOnQubits(5))
    with pytest.raises(ArgumentError, match="owned: expected the same number of qubits for every atom"):
        PermutedQubits([(0, 1), (2,)])


@pytest.mark.parametrize("angle", [0.002, 0.02, 0.03])
def test_gates_of_small_angles_are_exact(angle: float) -> None:
    zz = torch.diag(torch.tensor([1, -1, -1, 1], dtype=torch.complex128))
    values, vectors = torch.linalg.eigh(twirl(zz, SpinOnQubits(2)))
    expected = (vectors * torch.exp(-1j * angle * values)) @ vectors.mH
    assert float((equivariant_gate(zz, SpinOnQubits(2), angle) - expected).abs().max()) < 1e-14
