"""Bases of symmetric and exterior powers, written out; large tensor products act factor by factor."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import (
    Defining,
    Given,
    Subspace,
    TensorProduct,
    Trivial,
    exterior_power,
    symmetric_power,
    tensor_power,
)
from haar.actions.representation import powers as powers_file
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral

F64 = torch.float64
ROOT = 2**-0.5


def test_the_basis_of_an_exterior_power_is_written_in_rising_order():
    """e_0 ^ e_1, e_0 ^ e_2, e_1 ^ e_2, each (e_a e_b - e_b e_a) / sqrt(2)."""
    basis = exterior_power(Defining(SO(3)), 2).basis.reshape(3, 3, 3)
    wanted = torch.zeros(3, 3, 3, dtype=F64)
    for column, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        wanted[a, b, column], wanted[b, a, column] = ROOT, -ROOT
    torch.testing.assert_close(basis, wanted, rtol=0, atol=1e-15)
    volume = exterior_power(Defining(SO(3)), 3).basis.reshape(3, 3, 3)
    assert volume[0, 1, 2] > 0
    assert volume[1, 0, 2] < 0


def test_the_basis_of_a_symmetric_power_is_normalised():
    basis = symmetric_power(Defining(SO(2)), 2).basis.reshape(2, 2, 3)
    wanted = torch.tensor([[[1, 0, 0], [0, ROOT, 0]], [[0, ROOT, 0], [0, 0, 1]]], dtype=F64)
    torch.testing.assert_close(basis, wanted, rtol=0, atol=1e-15)


def test_signed_permutations_have_monomials_for_a_basis():
    rep = symmetric_power(Defining(dihedral(4)), 2)
    assert rep.monomials.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert rep.matrix(torch.tensor(1)).tolist() == [[0, 0, 1], [0, -1, 0], [1, 0, 0]]  # x -> y, y -> -x
    assert exterior_power(Defining(dihedral(4)), 2).monomials.tolist() == [[0, 1]]


def test_the_largest_dense_power(monkeypatch):
    monkeypatch.setattr(powers_file, "_LARGEST", 27)
    base = Defining(SO(3))
    assert symmetric_power(base, 3).dim == 10
    with pytest.raises(
        ArgumentError, match=r"power: expected a tensor power of at most 27 dimensions, got 3\^4; lower"
    ):
        symmetric_power(base, 4)
    assert symmetric_power(Defining(dihedral(4)), 12).dim == 13  # a signed permutation has every degree
    assert exterior_power(base, 3).dim == 1  # as many as there are dimensions


@pytest.mark.parametrize("make", [lambda base: base + base, lambda base: base @ base])
def test_a_large_factor_acts_by_its_own_way_and_makes_no_matrix(make, generator, monkeypatch):
    base = Defining(cyclic(5))
    large = make(base)
    rep = large @ base
    g = base.group.sample(4, generator)
    x = torch.randn(4, rep.dim, generator=generator, dtype=F64)
    wanted = torch.einsum("bij,bj->bi", rep.matrix(g), x)
    monkeypatch.setattr(large, "matrix", None)
    monkeypatch.setattr(rep, "matrix", None)
    torch.testing.assert_close(rep.act(g, x), wanted, rtol=0, atol=1e-13)


def test_products_refuse_what_their_parts_refuse():
    for rep in (TensorProduct(base := Defining(cyclic(5)), base), base + base):
        with pytest.raises(ArgumentError, match=f"x: expected last axis {rep.dim} "):
            rep.act(torch.tensor(1), torch.zeros(5, dtype=F64))
        with pytest.raises(ArgumentError, match=r"x: expected a floating dtype for the matrices of .*, got int64"):
            rep.act(torch.tensor(1), torch.zeros(4, dtype=torch.int64))


def test_subspaces_follow_their_whole(generator):
    whole = tensor_power(Defining(SO(3)), 2)
    trace_free = torch.linalg.qr(torch.cat([torch.eye(3, dtype=F64).reshape(9, 1), torch.eye(9, dtype=F64)], 1)).Q[
        :, 1:
    ]
    rep = Subspace(whole, trace_free)
    assert rep.degree == 2
    g = SO(3).sample(3, generator)
    assert torch.allclose(rep.matrix(g), trace_free.T @ whole.matrix(g) @ trace_free, atol=1e-13)
    assert Subspace(whole, torch.zeros(9, 0, dtype=F64)).matrix(g).shape == (3, 0, 0)


@pytest.mark.parametrize(("off", "refused"), [(0.9e-8, False), (1.1e-8, True)])
def test_how_exactly_a_subspace_is_one(off, refused):
    """Columns whose squares differ from 1 by `off`; a column that the subspace leaves by `off`."""
    group = cyclic(2)
    rep = Defining(group).restrict(group.subgroup([1]))
    mirror = Defining(dihedral(1))  # diag(1, -1)
    long = torch.tensor([[1.0], [0.0]], dtype=F64) * (1 + off) ** 0.5
    tilted = torch.tensor([[1.0], [off / 2]], dtype=F64)  # moved by diag(1, -1) it leaves by `off`
    for basis, whole, message in ((long, rep, "orthonormal columns"), (tilted, mirror, "an invariant subspace")):
        if refused:
            with pytest.raises(ArgumentError, match=f"basis: expected {message}"):
                Subspace(whole, basis)
        else:
            Subspace(whole, basis)


def test_what_random_elements_miss_the_generators_show():
    """The four elements that are drawn are rotations, under which the sign of a mirror says nothing."""
    group = dihedral(26)
    assert bool((group.sample(4, torch.Generator().manual_seed(0)) < 26).all())
    signs = torch.ones(2 * 26, 2, 2, dtype=F64) * torch.eye(2, dtype=F64)
    signs[26:, 1, 1] = -1
    with pytest.raises(ArgumentError, match=r"an invariant subspace of given, got one that m0 leaves by 7\.1e-01"):
        Subspace(Given(group, signs), torch.full((2, 1), ROOT, dtype=F64))


def test_nothing_at_all_has_a_name():
    group = cyclic(2)
    assert [repr(Trivial(group, k)) for k in (0, 1, 2)] == [
        "<0 trivial of C2, dimension 0>", "<trivial of C2, dimension 1>", "<2 trivial of C2, dimension 2>"
    ]  # fmt: skip
