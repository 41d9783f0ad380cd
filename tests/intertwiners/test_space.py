"""A space as an object: parameters, gradients, batches, copies, an empty one; and what is refused."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor

from haar.actions.representation import Defining, Regular, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, dihedral, quaternion, sign
from haar.intertwiners import hom_dimension, intertwiners


def test_parameters_carry_gradients_and_batches(generator: torch.Generator) -> None:
    group = dihedral(4)
    for route in ("orbits", "isotypic"):
        space = intertwiners(Regular(group), Regular(group), route=route)
        p = torch.randn(2, space.dim, generator=generator, dtype=torch.float64, requires_grad=True)
        W = space.from_parameters(p)
        assert W.shape == (2, 8, 8)
        torch.testing.assert_close(W[1], space.from_parameters(p[1]))
        assert torch.autograd.gradcheck(space.from_parameters, (p,))
        assert torch.autograd.gradcheck(space.parameters_of, (W.detach().requires_grad_(),))
        half = space.from_parameters(p.detach().float())
        assert half.dtype == torch.float32
        torch.testing.assert_close(half.double(), W.detach(), rtol=0, atol=1e-5)


def test_blocks_form_is_the_same_map(generator: torch.Generator) -> None:
    group = quaternion()
    rep_in, rep_out = Regular(group) + Defining(group) * 2, Defining(group) + Regular(group) * 2
    space = intertwiners(rep_in, rep_out, route="isotypic")
    p = torch.randn(space.dim, generator=generator, dtype=torch.float64)
    x = torch.randn(3, 5, rep_in.dim, generator=generator, dtype=torch.float64)
    wanted = x @ space.from_parameters(p).T
    torch.testing.assert_close(space.apply(p, x), wanted, rtol=0, atol=1e-11)  # type: ignore[attr-defined]


def test_copies_and_pickles_are_the_same_space() -> None:
    group = dihedral(4)
    for route in ("orbits", "isotypic"):
        space = intertwiners(Regular(group), Defining(group), route=route)
        p = torch.arange(float(space.dim), dtype=torch.float64)
        for other in (copy.deepcopy(space), pickle.loads(pickle.dumps(space))):
            assert torch.equal(other.from_parameters(p), space.from_parameters(p))
            assert repr(other) == repr(space)


def test_an_empty_space() -> None:
    group = SO(3)
    space = intertwiners(Defining(group), Trivial(group, 2))
    assert space.dim == 0
    assert torch.equal(space.project(torch.ones(2, 3, dtype=torch.float64)), torch.zeros(2, 3, dtype=torch.float64))
    assert space.basis().shape == (0, 2, 3)
    signs = sign(2)
    space = intertwiners(Defining(signs), Trivial(signs), route="orbits")
    assert space.dim == 0
    assert torch.equal(space.project(torch.ones(1, 2, dtype=torch.float64)), torch.zeros(1, 2, dtype=torch.float64))


def test_refusals() -> None:
    one, other = dihedral(4), dihedral(3)
    for call in (intertwiners, hom_dimension):
        with pytest.raises(ArgumentError, match="rep_out: expected a representation of the same group object"):
            call(Defining(one), Defining(other))
    with pytest.raises(ArgumentError, match="route: expected 'isotypic' unless both are signed permutations"):
        intertwiners(Defining(fives := dihedral(5)), Defining(fives), route="orbits")
    with pytest.raises(ArgumentError, match="route: expected 'auto', 'orbits' or 'isotypic'"):
        intertwiners(Defining(one), Defining(one), route="fast")
    for route in ("orbits", "isotypic"):
        space = intertwiners(Defining(one), Defining(one), route=route)
        with pytest.raises(ShapeError, match="p: expected 1 parameters on the last axis"):
            space.from_parameters(torch.zeros(3))
        with pytest.raises(ShapeError, match=r"W: expected last axes \(2, 2\)"):
            space.parameters_of(torch.zeros(3, 2))
    with pytest.raises(ArgumentError, match="a group with an exact rule for class functions"):
        hom_dimension(Defining(many := sign(12)), Defining(many))


class _Doubled(Defining):
    """Half of a homomorphism: mirrors come out twice as long, so that traces are no characters."""

    @property
    def is_signed_permutation(self) -> bool:
        return False

    def matrix(self, g: Tensor) -> Tensor:
        flipped = torch.linalg.det(super().matrix(g)) < 0
        return torch.where(flipped[..., None, None], 2.0, 1.0) * super().matrix(g)


class _Tilted(Defining):
    """Right traces, no homomorphism: half the elements are seen in another basis."""

    @property
    def is_signed_permutation(self) -> bool:
        return False

    def matrix(self, g: Tensor) -> Tensor:
        c = 0.6
        turn = torch.tensor([[c, -0.8], [0.8, c]], dtype=torch.float64)
        plain = super().matrix(g)
        return torch.where((g % 2 == 0)[..., None, None], plain, turn @ plain @ turn.T)


def test_what_is_no_representation_is_refused() -> None:
    tilted = _Tilted(dihedral(5))
    with pytest.raises(
        ArgumentError, match=r"rep: expected a homomorphism, R\(a\) R\(b\) = R\(ab\), got defining: off by"
    ):
        intertwiners(tilted, tilted)
    doubled = _Doubled(dihedral(5))
    with pytest.raises(ArgumentError, match="rep: expected"):
        intertwiners(doubled, doubled)
