"""Twirling: the nearest operator that commutes with a group, in five ways that agree."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from jaxtyping import Complex
from torch import Tensor

from haar.errors import ArgumentError, ShapeError
from haar.groups import FiniteGroup, LieGroup
from haar.groups.lie import exponential
from haar.intertwiners import reynolds
from haar.nn.circuits.on_qubits import (
    OnQubits,
    SpinOnQubits,
    TogetherOnQubits,
    complex_form,
    real_form,
    tensor_power_of,
)
from haar.nn.circuits.options import one_of
from haar.nn.circuits.states import permutation_index

#: Eigenvalues of the commutators below this, relative to the largest, are zero: squares of entries with ten digits.
_NULL = 1e-9

Operator = Complex[Tensor, "states states"]

WAYS = ("auto", "elements", "reynolds", "permutations", "clifford", "nullspace")


def twirl(operator: Operator, rep: OnQubits, *, how: str = "auto") -> Operator:
    """T(A) = mean over the group of R_g A R_g^dagger: the orthogonal projection onto what commutes with the group.

    A generator is equivariant if and only if T(A) = A, and exp(-i theta T(A)) is an equivariant gate.

    Args:
        operator: Any operator on the register.
        rep: How the group acts on it.
        how: ``"elements"``: the sum over a finite group; ``"reynolds"``: `haar.intertwiners.reynolds` on the real form,
            exact for SU(2) by a quadrature over Euler angles; ``"permutations"``: for SU(2), in the span of qubit
            permutations; ``"clifford"``: for SU(2) on at most three qubits, the mean over 24 Clifford gates;
            ``"nullspace"``: projection onto the null space of the commutators; ``"auto"``: reynolds.

    Raises:
        ShapeError: If the operator is on another register.
        ArgumentError: If the way does not fit the group, or is not exact on so many qubits.

    Example:
        >>> from haar.nn.circuits.on_qubits import PAULI
        >>> zz = torch.kron(PAULI[2], PAULI[2])
        >>> twirled = twirl(zz, SpinOnQubits(2))
        >>> [round(float(twirled[i, i].real), 3) for i in range(4)]  # (XX + YY + ZZ) / 3
        [0.333, -0.333, -0.333, 0.333]
    """
    size = 2**rep.qubits
    if operator.shape != (size, size):
        raise ShapeError("operator", expected=f"({size}, {size}) on {rep.qubits} qubits", got=tuple(operator.shape))
    one_of("how", how, WAYS)
    matrix = operator.to(torch.complex128)
    if how in ("auto", "reynolds"):
        return complex_form(reynolds(rep, rep, real_form(matrix)))
    ways: dict[str, Callable[[Operator, OnQubits], Operator]] = {
        "elements": _over_elements,
        "permutations": _in_permutations,
        "clifford": _over_clifford,
        "nullspace": _onto_nullspace,
    }
    return ways[how](matrix, rep)


def commutant(rep: OnQubits) -> Complex[Tensor, "dim states states"]:
    """An orthonormal basis of the operators that commute with the group.

    They solve [A, R_h] = 0 for generators h of a finite group, and [A, sum of sigma_j] = 0 for SU(2); the system is as
    large as the square of the register's dimension, so this is for at most four qubits.

    Args:
        rep: How the group acts.

    Raises:
        ArgumentError: If there are more than four qubits.

    Example:
        >>> len(commutant(SpinOnQubits(3)))
        5
    """
    if rep.qubits > 4:
        raise ArgumentError(
            "rep",
            expected="at most 4 qubits for a null space of commutators",
            got=rep.qubits,
            way_out='use how="reynolds" or haar.intertwiners.hom_dimension',
        )
    # S^dagger S for the stacked commutator maps S: the same null space, 4^n x 4^n
    size = 2**rep.qubits
    eye = torch.eye(size, dtype=torch.complex128)
    gram = torch.zeros(size**2, size**2, dtype=torch.complex128)
    for fixed in _generators(rep):
        # row-major vec([A, F]) = (1 x F^T - F x 1) vec A
        commutator = torch.kron(eye, fixed.T.contiguous()) - torch.kron(fixed, eye)
        gram += commutator.mH @ commutator
    values, vectors = torch.linalg.eigh(gram)
    found = vectors[:, values < _NULL * max(1.0, float(values[-1]))]
    basis: Tensor = found.T.reshape(-1, size, size)
    return basis


def equivariant_gate(operator: Operator, rep: OnQubits, angle: float | int, *, how: str = "auto") -> Operator:
    """exp(-i angle T(A)).

    Args:
        operator: A Hermitian matrix A.
        rep: How the group acts.
        angle: Angle of the gate.
        how: How the mean is taken, see `twirl`.

    Raises:
        ArgumentError: If the operator is not Hermitian.

    Example:
        >>> from haar.nn.circuits.on_qubits import PAULI
        >>> gate = equivariant_gate(torch.kron(PAULI[2], PAULI[2]), SpinOnQubits(2), 0.3)
        >>> bool(torch.allclose(gate @ gate.mH, torch.eye(4, dtype=gate.dtype)))
        True
    """
    if not torch.allclose(operator, operator.mH, atol=1e-10):
        raise ArgumentError("operator", expected="a Hermitian operator", got="another")
    gate: Tensor = exponential(-1j * float(angle) * twirl(operator, rep, how=how))
    return gate


def clifford_gates() -> Complex[Tensor, "24 2 2"]:
    """The 24 Clifford gates of one qubit up to phase, generated by H and S: a 3-design of SU(2).

    Example:
        >>> clifford_gates().shape
        torch.Size([24, 2, 2])
    """
    hadamard = torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / math.sqrt(2)
    phase = torch.diag(torch.tensor([1, 1j], dtype=torch.complex128))
    found = [torch.eye(2, dtype=torch.complex128)]
    for gate in found:
        for generator in (hadamard, phase):
            new = generator @ gate
            # equal up to phase: |tr(A^dagger B)| = 2
            if all(abs(abs(torch.trace(old.mH @ new).item()) - 2) > 1e-9 for old in found):
                found.append(new)
    return torch.stack(found)


def _over_elements(matrix: Operator, rep: OnQubits) -> Operator:
    if not isinstance(rep.group, FiniteGroup):
        raise ArgumentError(
            "how", expected="an enumerated group for 'elements'", got=rep.group.name, way_out='use how="reynolds"'
        )
    unitaries = rep.unitary(rep.group.elements())
    mean: Tensor = (unitaries @ matrix @ unitaries.mH).mean(0)
    return mean


def _in_permutations(matrix: Operator, rep: OnQubits) -> Operator:
    """Schur-Weyl duality: the commutant of U^n is the span of the qubit permutations, which are not independent."""
    n = _spins(rep, "permutations").qubits
    if n > 5:
        raise ArgumentError("how", expected="at most 5 qubits for 'permutations'", got=n, way_out='use how="reynolds"')
    indices = torch.stack([permutation_index(n, list(order)) for order in itertools.permutations(range(n))])
    # tr(P_s^T P_t) counts the basis states that both permutations take from the same place
    gram = (indices[:, None] == indices[None]).sum(-1).to(torch.complex128)
    rows = torch.arange(2**n)
    traces = torch.stack([matrix[rows, index].sum() for index in indices])
    coefficients = torch.linalg.pinv(gram, hermitian=True, rtol=1e-10) @ traces
    out = torch.zeros_like(matrix)
    for index, weight in zip(indices, coefficients, strict=True):
        out[rows, index] += weight
    return out


def _over_clifford(matrix: Operator, rep: OnQubits) -> Operator:
    n = _spins(rep, "clifford").qubits
    if n > 3:
        raise ArgumentError(
            "how",
            expected="at most 3 qubits for 'clifford': the Clifford gates are a 3-design, and no 4-design",
            got=n,
            way_out='use how="reynolds" or "permutations"',
        )
    gates = tensor_power_of(clifford_gates(), n)
    mean: Tensor = (gates @ matrix @ gates.mH).mean(0)
    return mean


def _onto_nullspace(matrix: Operator, rep: OnQubits) -> Operator:
    basis = commutant(rep)
    return torch.einsum("kij,kab,ab->ij", basis, basis.conj(), matrix)


def _spins(rep: OnQubits, how: str) -> SpinOnQubits:
    if not isinstance(rep, SpinOnQubits):
        raise ArgumentError(
            "how", expected=f"SU(2) alone for {how!r}", got=rep.group.name, way_out='use how="reynolds"'
        )
    return rep


def _generators(rep: OnQubits) -> Complex[Tensor, "k states states"]:
    if isinstance(rep, SpinOnQubits):
        return rep.total_spin()
    if isinstance(rep, TogetherOnQubits):
        return torch.cat([_generators(rep.first), _generators(rep.second)])
    if isinstance(rep.group, LieGroup):
        raise ArgumentError("rep", expected="SU(2) or a finite group", got=rep.group.name)
    return rep.unitary(rep.group.generators())
