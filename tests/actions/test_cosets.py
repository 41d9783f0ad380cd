"""Permutations of cosets and induced representations, against loops over cosets in plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions.representation import Defining, Induced, Quotient, Regular, Restricted, Spin, Trivial
from haar.groups import SU2, cyclic, dihedral, icosahedral, octahedral, quaternion, semidirect, symmetric, wreath
from haar.intertwiners import hom_dimension, irreducibles

CUBE, FIVE, SIGNED = octahedral(full=True), dihedral(5), wreath(symmetric(3), symmetric(2))
FROBENIUS = semidirect(cyclic(7), cyclic(3), torch.tensor([[k * p % 7 for k in range(7)] for p in (1, 2, 4)]))


def subgroup_of(group, order):
    """The first subgroup of an order that is not abelian, where there is one."""
    found = [h for h in group.subgroups() if h.order == order]
    return next((h for h in found if not h.is_abelian), found[0])


REPRESENTATIONS = [
    Defining(dihedral(4).subgroup([1, 4])),
    Defining(dihedral(4).subgroup([1])),
    Defining(subgroup_of(CUBE, 6)),
    Regular(subgroup_of(CUBE, 6)),
    Defining(subgroup_of(CUBE, 16)),
    Defining(subgroup_of(icosahedral(), 10)),
    irreducibles(subgroup_of(symmetric(4), 6))[2],
    Defining(SIGNED.subgroup([1, 6])),
    Regular(FROBENIUS.subgroup([7])),
    Defining(quaternion().subgroup([1])),
    Regular(FIVE.subgroup([])),
]


@pytest.mark.parametrize(
    "rep", REPRESENTATIONS, ids=lambda rep: f"{rep.group.parent.name}-{rep.name}-{rep.group.order}"
)
def test_induced_matrices_are_those_of_a_loop_over_cosets(rep):
    subgroup, n = rep.group, rep.dim
    group = subgroup.parent
    table, inverse = group.table.numpy(), group.inverse(group.elements()).numpy()
    members = subgroup.embedding.tolist()
    induced = Induced(rep)
    induced.check()
    chosen = induced.representatives.tolist()
    for g in range(0, group.order, 1 + group.order // 24):
        wanted = np.zeros((induced.dim, induced.dim))
        for column, x in enumerate(chosen):  # g x = x' h
            moved = table[g, x]
            for row, other in enumerate(chosen):
                h = table[inverse[other], moved]
                if h in members:
                    block = rep.matrix(torch.tensor(members.index(h))).numpy()
                    wanted[row * n : (row + 1) * n, column * n : (column + 1) * n] = block
        np.testing.assert_allclose(induced.matrix(torch.tensor(g)).numpy(), wanted, atol=1e-14)


def test_the_first_block_of_a_member_is_its_own_matrix():
    """e_1 tensor v goes to e_1 tensor R(h) v: a quarter turn stays one, and does not become its inverse."""
    group = dihedral(4)
    block = Induced(Defining(group.subgroup([1]))).matrix(torch.tensor(1))[:2, :2]
    assert block.tolist() == [[0, -1], [1, 0]]


def test_what_is_induced_of_a_signed_permutation_is_one():
    for rep in REPRESENTATIONS[:4]:
        induced = Induced(rep)
        assert induced.is_signed_permutation == rep.is_signed_permutation
        assert induced.changes_signs == any(rep.matrix(g).min() < 0 for g in rep.group.elements())
        g = torch.tensor(3)
        index, sign = induced.signed_permutation(g)
        x = torch.arange(1.0, induced.dim + 1, dtype=torch.float64)
        assert torch.equal(x[index] * sign, induced.matrix(g) @ x)
    assert not Induced(irreducibles(subgroup_of(symmetric(4), 6))[2]).is_signed_permutation


@pytest.mark.parametrize("rep", REPRESENTATIONS[:5], ids=lambda rep: rep.name)
def test_frobenius_reciprocity(rep):
    whole = Regular(rep.group.parent)
    assert hom_dimension(Induced(rep), whole) == hom_dimension(rep, Restricted(whole, rep.group))
    assert hom_dimension(Induced(rep), Trivial(whole.group)) == hom_dimension(rep, Trivial(rep.group))


@pytest.mark.parametrize("subgroup", [subgroup_of(CUBE, 6), subgroup_of(symmetric(4), 8), FROBENIUS.subgroup([7])])
def test_cosets_are_permuted_as_a_loop_does(subgroup):
    group, rep = subgroup.parent, Quotient(subgroup)
    table, members = group.table.numpy(), subgroup.embedding.tolist()
    cosets = [frozenset(int(table[x, h]) for h in members) for x in rep.representatives.tolist()]
    for g in range(group.order):
        matrix = rep.matrix(torch.tensor(g))
        for column, coset in enumerate(cosets):
            row = cosets.index(frozenset(int(table[g, x]) for x in coset))
            assert float(matrix[row, column]) == 1


def test_a_wreath_products_matrices_are_those_of_a_loop_over_points(generator):
    """(b; s): the points are permuted by s, then b_i acts at point i."""
    base, top = quaternion(), symmetric(3)
    whole = wreath(base, top)
    rep = Defining(whole)
    for g in whole.sample(6, generator):
        bases, s = whole.split(g)
        step = Defining(top).matrix(s)
        wanted = torch.zeros(12, 12, dtype=torch.float64)
        for old in range(3):
            new = int(step[:, old].argmax())
            wanted[4 * new : 4 * new + 4, 4 * old : 4 * old + 4] = base.defining_matrix(bases[new])
        assert torch.equal(rep.matrix(g), wanted)


def test_the_dual_is_the_inverses_transpose():
    for rep in (Defining(quaternion()), Spin(SU2(), 1.5), irreducibles(CUBE)[-1]):
        g = rep.group.sample(4, torch.Generator().manual_seed(1))
        wanted = rep.matrix(rep.group.inverse(g)).transpose(-1, -2)
        assert torch.allclose(rep.dual().matrix(g), wanted, atol=1e-13)
