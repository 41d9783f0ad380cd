"""Names by invariants, in any coordinates, and what must not be named."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups import SO, SU2
from haar.groups.algebra import LieAlgebra, Signature


def unit(n, i, j):
    m = torch.zeros(n, n, dtype=torch.float64)
    m[i, j] = 1.0
    return m


def rotations(p, q=0):
    n = p + q
    metric = torch.diag(torch.tensor([1.0] * p + [-1.0] * q, dtype=torch.float64))
    return torch.stack([metric @ (unit(n, i, j) - unit(n, j, i)) for i in range(n) for j in range(i)])


def motions(n):
    turns = [unit(n + 1, i, j) - unit(n + 1, j, i) for i in range(n) for j in range(i)]
    return torch.stack([*turns, *(unit(n + 1, i, n) for i in range(n))])


def unitary(n):
    found = []
    for i, j in itertools.combinations(range(n), 2):
        hermitian = (unit(n, i, j) + unit(n, j, i), 1j * (unit(n, i, j) - unit(n, j, i)))
        found += [1j * h for h in hermitian]
    found += [1j * (unit(n, k, k) - unit(n, k + 1, k + 1)).to(torch.complex128) for k in range(n - 1)]
    return torch.stack([torch.cat([torch.cat([z.real, -z.imag], 1), torch.cat([z.imag, z.real], 1)]) for z in found])


def special(n):
    off = [unit(n, i, j) for i, j in itertools.permutations(range(n), 2)]
    return torch.stack([*off, *(unit(n, k, k) - unit(n, k + 1, k + 1) for k in range(n - 1))])


def on_every_copy(algebra, copies):
    return torch.stack([torch.block_diag(*[m] * copies) for m in algebra])


HEISENBERG = torch.stack([unit(3, 0, 1), unit(3, 1, 2), unit(3, 0, 2)])
TWO_CIRCLES = torch.stack([unit(4, 1, 0) - unit(4, 0, 1), unit(4, 3, 2) - unit(4, 2, 3)])
WITH_SCALING = torch.cat([rotations(3), torch.eye(3, dtype=torch.float64)[None]])
TABLE = {
    "so(3)": (rotations(3), (0, 3, 0), 3, 0),
    "so(4) = so(3)+so(3)": (rotations(4), (0, 6, 0), 6, 0),
    "so(5)": (rotations(5), (0, 10, 0), 10, 0),
    "su(3)": (unitary(3), (0, 8, 0), 8, 0),
    "so(1,3)": (rotations(1, 3), (3, 3, 0), 6, 0),
    "so(2,1) = sl(2,R)": (special(2), (2, 1, 0), 3, 0),
    "sl(3,R)": (special(3), (5, 3, 0), 8, 0),
    "e(2)": (motions(2), (0, 1, 2), 2, 0),
    "e(3)": (motions(3), (0, 3, 3), 6, 0),
    "Heisenberg": (HEISENBERG, (0, 0, 3), 1, 1),
    "u(1)": (rotations(2), (0, 0, 1), 0, 1),
    "u(1)^2": (TWO_CIRCLES, (0, 0, 2), 0, 2),
    "translations, 2 of them": (torch.stack([unit(3, 0, 2), unit(3, 1, 2)]), (0, 0, 2), 0, 2),
    "so(3) + R": (WITH_SCALING, (0, 3, 1), 3, 1),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_row_of_the_catalogue_is_named_in_coordinates_of_condition_ten(name):
    matrices, signature, derived, centre = TABLE[name]
    n = matrices.shape[-1]
    generator = torch.Generator().manual_seed(n)
    left, right = (torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    change = left @ torch.diag(torch.logspace(0, 1, n, dtype=torch.float64)) @ right
    algebra = LieAlgebra(change @ matrices @ torch.linalg.inv(change))
    assert (algebra.name, algebra.derived_dim, algebra.centre_dim) == (name, derived, centre)
    assert algebra.signature == Signature(*signature)
    assert algebra.closure_defect < 1e-13
    assert algebra.is_named


def test_the_double_cover_has_the_same_algebra_and_half_odd_casimir():
    algebra = LieAlgebra(SU2().algebra)
    assert algebra.name == "so(3)"
    assert torch.allclose(algebra.casimir(), 0.75 * torch.eye(4, dtype=torch.float64), atol=1e-12)


def test_su3_on_three_vectors_has_one_invariant_form_for_each_pair_of_copies():
    algebra = LieAlgebra(on_every_copy(unitary(3), 3))
    assert (algebra.dim, algebra.signature) == (8, Signature(0, 8, 0))
    assert len(LieAlgebra(unitary(3)).invariant_forms()) == 1


def test_lorentz_keeps_the_metric_and_nothing_else():
    (form,) = LieAlgebra(rotations(1, 3)).invariant_forms()
    assert torch.allclose(form / form[0, 0], torch.diag(torch.tensor([1.0, -1, -1, -1])).double(), atol=1e-12)


def test_a_normal_basis_has_the_brackets_of_so3():
    e = LieAlgebra(3 * SO(3).algebra).normal_basis()
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        assert torch.allclose(e[a] @ e[b] - e[b] @ e[a], e[c], atol=1e-12)


def test_what_is_not_closed_says_by_how_much():
    two = LieAlgebra(SO(3).algebra[:2])
    assert two.closure_defect == pytest.approx(0.5**0.5)


def test_what_the_catalogue_has_not_is_not_guessed():
    borel = torch.stack([unit(3, 0, 0), unit(3, 1, 1), unit(3, 0, 1), unit(3, 0, 2), unit(3, 1, 2)])
    algebra = LieAlgebra(borel)
    assert not algebra.is_named
    assert algebra.name.startswith("a 5-dimensional Lie algebra, Killing signature")


def test_constants_alone_give_the_same_invariants():
    of_matrices = LieAlgebra(motions(3))
    of_fields = LieAlgebra.of_constants(of_matrices.structure_constants, 0.0)
    assert of_fields.name == "e(3)"
    assert (of_fields.signature, of_fields.derived_dim) == (of_matrices.signature, 6)


def test_dependent_matrices_and_none_are_refused():
    with pytest.raises(ArgumentError, match=r"matrices: expected independent matrices, got 2"):
        LieAlgebra(torch.stack([unit(2, 0, 1), 2 * unit(2, 0, 1)]))
    with pytest.raises(ArgumentError, match=r"matrices: expected at least one matrix"):
        LieAlgebra(torch.zeros(0, 2, 2, dtype=torch.float64))


def test_a_basis_without_a_compact_form_has_no_normal_basis():
    with pytest.raises(
        ArgumentError, match=r"expected a compact semisimple algebra, got Killing signature \(2, 1, 0\)"
    ):
        LieAlgebra(special(2)).normal_basis()
