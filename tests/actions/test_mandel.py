"""Mandel's coordinates: the inner product, orthogonality, homomorphism, against a loop over tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.actions.representation import (
    Defining,
    Mandel,
    from_mandel,
    mandel_rotation,
    symmetric_power,
    to_mandel,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, O, cyclic, dihedral, octahedral
from haar.groups.crystal import crystal_group


def _tensors(d, count=5):
    A = torch.randn(count, d, d, dtype=torch.float64, generator=torch.Generator().manual_seed(d))
    return A + A.mT


@pytest.mark.parametrize("d", [2, 3])
def test_inner_products_and_back(d):
    A, B = _tensors(d), _tensors(d).flip(0)
    assert torch.allclose((to_mandel(A) * to_mandel(B)).sum(-1), (A * B).sum((-1, -2)), atol=1e-12)
    assert torch.allclose(from_mandel(to_mandel(A)), A, atol=1e-15)


def test_components_stand_in_mandels_order():
    A = torch.tensor([[1.0, 6, 5], [6, 2, 4], [5, 4, 3]], dtype=torch.float64)
    assert to_mandel(A).tolist() == pytest.approx([1, 2, 3, 4 * 2**0.5, 5 * 2**0.5, 6 * 2**0.5])
    assert to_mandel(A[:2, :2]).tolist() == pytest.approx([1, 2, 6 * 2**0.5])


@pytest.mark.parametrize(
    "group", [dihedral(4), dihedral(5), SO(3), O(3), octahedral(full=True), crystal_group("-6m2")], ids=lambda g: g.name
)
def test_it_turns_as_a_loop_over_tensors_does(group):
    space = Defining(group)
    rep = Mandel(space)
    rep.check()
    for g in group.sample(6, torch.Generator().manual_seed(0)):
        Q = space.matrix(g).numpy()
        for A in _tensors(space.dim):
            turned = np.einsum("ia,jb,ab->ij", Q, Q, A.numpy())
            assert rep.act(g, to_mandel(A)).numpy() == pytest.approx(
                to_mandel(torch.from_numpy(turned)).numpy(), abs=1e-12
            )


def test_inversions_do_nothing_and_products_compose():
    a, b = SO(3).sample(2, torch.Generator().manual_seed(1))
    assert torch.allclose(mandel_rotation(a) @ mandel_rotation(b), mandel_rotation(a @ b), atol=1e-12)
    assert torch.equal(mandel_rotation(-a), mandel_rotation(a))


def test_it_is_the_symmetric_power_in_another_order():
    group = SO(3)
    g = group.sample(1, torch.Generator().manual_seed(2))[0]
    order = torch.tensor([0, 3, 5, 4, 2, 1])  # 11 22 33 23 13 12 among 11 12 13 22 23 33
    other = symmetric_power(Defining(group), 2).matrix(g)[order][:, order]
    assert torch.allclose(Mandel(Defining(group)).matrix(g), other, atol=1e-12)


def test_signed_permutations_and_restrictions():
    group = crystal_group("m-3m")
    rep = Mandel(Defining(group))
    assert rep.is_signed_permutation
    x = torch.randn(6, dtype=torch.float64)
    for g in group.elements()[::7]:
        index, sign = rep.signed_permutation(g)
        assert torch.allclose(x[index] * sign, rep.matrix(g) @ x, atol=1e-12)
    assert not Mandel(Defining(crystal_group("3"))).is_signed_permutation
    sub = group.subgroups()[3]
    restricted = rep.restrict(sub)
    assert torch.allclose(restricted.matrix(sub.elements()), rep.matrix(sub.include(sub.elements())))
    assert Mandel(Defining(SO(3))).degree == 2


def test_refusals():
    with pytest.raises(ArgumentError, match=r"space: expected vectors of the plane or of space, got 4 dimensions"):
        Mandel(Defining(SO(4)))
    with pytest.raises(ShapeError, match=r"A: expected matrices 2 x 2 or 3 x 3 on the last axes, got \(4, 4\)"):
        to_mandel(torch.zeros(4, 4))
    with pytest.raises(ShapeError, match=r"x: expected 3 or 6 coordinates on the last axis, got \(4,\)"):
        from_mandel(torch.zeros(4))
    with pytest.raises(ShapeError, match=r"Q: expected"):
        mandel_rotation(torch.zeros(4, 4))
    assert Mandel(Defining(cyclic(3))).dim == 3
