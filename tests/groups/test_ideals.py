from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.groups import SO
from haar.groups.algebra import LieAlgebra
from haar.groups.ideals import simple_ideals


def so(p, q=0):
    """Matrices A with A' J + J A = 0, J of p ones and q minus ones."""
    n = p + q
    metric = torch.diag(torch.tensor([1.0] * p + [-1.0] * q, dtype=torch.float64))
    return SO(n).algebra @ metric


def sl(n):
    units = torch.eye(n * n, dtype=torch.float64).unflatten(0, (n, n)).unflatten(-1, (n, n))
    off = [units[i, j] for i in range(n) for j in range(n) if i != j]
    return torch.stack([*off, *(units[i, i] - units[i + 1, i + 1] for i in range(n - 1))])


def complex_sl2():
    """sl(2, C) as a real algebra of real matrices: one ideal, which is two in the complex."""
    e = sl(2)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    return torch.cat([torch.stack([torch.kron(eye, m) for m in e]), torch.stack([torch.kron(turn, m) for m in e])])


BLOCKS = {
    "so(3)": (so(3), [3]),
    "so(4)": (so(4), [3, 3]),
    "so(5)": (so(5), [10]),
    "so(2,1)": (so(2, 1), [3]),
    "so(3,1)": (so(3, 1), [6]),
    "so(2,2)": (so(2, 2), [3, 3]),
    "sl(3,R)": (sl(3), [8]),
    "sl(2,C)": (complex_sl2(), [6]),
}


def direct_sum(algebras):
    size = sum(a.shape[-1] for a in algebras)
    made, at = [], 0
    for a in algebras:
        n = a.shape[-1]
        one = torch.zeros(len(a), size, size, dtype=torch.float64)
        one[:, at : at + n, at : at + n] = a
        made.append(one)
        at += n
    return torch.cat(made)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=3), st.integers(0, 99))
def test_ideals_of_a_sum_are_those_of_its_parts_in_any_basis(names, seed):
    source = torch.Generator().manual_seed(seed)
    whole = direct_sum([BLOCKS[name][0] for name in names])
    n, k = whole.shape[-1], len(whole)
    frame = torch.linalg.qr(torch.randn(n, n, generator=source, dtype=torch.float64)).Q
    mix = torch.randn(k, k, generator=source, dtype=torch.float64)
    algebra = LieAlgebra(torch.einsum("ab,bij->aij", mix, frame @ whole @ frame.T))
    found = simple_ideals(algebra.structure_constants, algebra.rank)
    assert sorted(len(basis) for basis in found) == sorted(size for name in names for size in BLOCKS[name][1])
    c = algebra.structure_constants
    for basis in found:
        torch.testing.assert_close(basis @ basis.T, torch.eye(len(basis), dtype=torch.float64), rtol=0, atol=1e-9)
        images = torch.einsum("pa,abe->pbe", basis, c)  # brackets with everything
        left_out = images - images @ basis.T @ basis
        assert float(left_out.abs().max()) < 1e-7 * float(c.abs().max())
    for one, basis in enumerate(found):
        for other in found[:one]:
            assert float(torch.einsum("pa,qb,abe->pqe", basis, other, c).abs().max()) < 1e-7 * float(c.abs().max())


@pytest.mark.parametrize(("p", "q"), [(8, 0), (12, 0), (24, 0)])
def test_large_rotation_algebras_are_named(p, q):
    algebra = LieAlgebra(so(p, q))
    assert algebra.rank == p // 2
    assert algebra.name == f"so({p})"


def test_what_two_families_share_is_told_so():
    assert LieAlgebra(so(9)).name == "so(9) or sp(4)"
    assert LieAlgebra(so(13)).name == "so(13) or sp(6) or e6"


@pytest.mark.parametrize("name", ["so(5)", "so(3,1)", "sl(3,R)"])
def test_algebras_with_noise_keep_rank_and_ideals(name):
    matrices, sizes = BLOCKS[name]
    noise = torch.randn(matrices.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    algebra, clean = LieAlgebra(matrices + 1e-3 * noise, tolerance=3e-2), LieAlgebra(matrices)
    assert algebra.rank == clean.rank
    assert [ideal.dim for ideal in algebra.ideals] == sizes
    assert algebra.name == clean.name


def test_eight_dimensions_with_noise_are_not_taken_for_others():
    # Small roots lie below the square root of the tolerance; what vanishes lies below a gap.
    noise = torch.randn(28, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    algebra = LieAlgebra(so(8) + 1e-3 * noise, tolerance=3e-2)
    assert algebra.rank == 4
    assert algebra.name == "so(8)"


def test_forms_of_many_matrices_are_found_in_the_memory_of_the_equations():
    forms = LieAlgebra(so(14)).invariant_forms()
    assert len(forms) == 1
    torch.testing.assert_close(forms[0].abs(), torch.eye(14, dtype=torch.float64) / 14**0.5, rtol=0, atol=1e-10)
