"""Irreducibles by name, multiplicities, and polynomial counts by Molien's formula."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions.representation import Defining, Regular, Representation, Trivial, symmetric_power, tensor_power
from haar.errors import ArgumentError, ShapeError
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    O,
    cyclic,
    dihedral,
    hyperoctahedral,
    icosahedral,
    octahedral,
    quaternion,
    real_irreducibles,
    shifts,
    sign,
    symmetric,
)
from haar.intertwiners import (
    equivariant_polynomials,
    hom_dimension,
    intertwiners,
    invariant_polynomials,
    irreducible,
    irreducibles,
    multiplicities,
    reynolds,
)
from haar.intertwiners.isotypic_maps import IsotypicIntertwiners


@pytest.mark.parametrize(
    "group", [cyclic(4), dihedral(4), octahedral(), quaternion(), icosahedral()], ids=lambda g: g.name
)
def test_irreducibles_are_what_their_characters_say(group: FiniteGroup) -> None:
    found = irreducibles(group)
    wanted = real_irreducibles(group)
    assert [r.name for r in found] == [w.name for w in wanted]
    for rep, character in zip(found, wanted, strict=True):
        torch.testing.assert_close(rep.character(group.elements()), character.character, rtol=0, atol=1e-10)
        assert intertwiners(rep, rep).dim == character.end
        assert multiplicities(rep) == {rep.name: 1}
        assert rep.dim > 1 or rep.is_signed_permutation
    for a in found:
        for b in found:
            if a is not b:
                assert hom_dimension(a, b) == 0


def test_multiplicities_of_a_tensor_product() -> None:
    cube = octahedral(full=True)
    assert multiplicities(tensor_power(Defining(cube), 2)) == {"A1g": 1, "Eg": 1, "T1g": 1, "T2g": 1}
    assert multiplicities(Regular(dihedral(4))) == {"A1": 1, "A2": 1, "B1": 1, "B2": 1, "E": 2}
    assert irreducible(cube, "T2g").dim == 3


def test_molien_series_of_reflection_groups() -> None:
    """1 / prod (1 - t^d) over the degrees of the basic invariants."""

    def product(degrees: list[int], up_to: int) -> list[int]:
        series = [1] + [0] * up_to
        for d in degrees:
            for k in range(d, up_to + 1):
                series[k] += series[k - d]
        return series

    for group, degrees in (
        (symmetric(5), [1, 2, 3, 4, 5]),
        (symmetric(9), list(range(1, 10))),
        (dihedral(7), [2, 7]),
        (octahedral(full=True), [2, 4, 6]),
        (hyperoctahedral(4), [2, 4, 6, 8]),
        (icosahedral(full=True), [2, 6, 10]),
        (O(3), [2]),
        (SO(3), [2]),
        (O(2), [2]),
        (SU2(), [2]),
    ):
        assert invariant_polynomials(Defining(group), 10) == product(degrees, 10)


def test_polynomials_are_symmetric_powers() -> None:
    """Counting by Molien's formula agrees with intertwiners from symmetric powers."""
    for group in (dihedral(3), octahedral(), quaternion(), SO(3)):
        rep = Defining(group)
        counts = equivariant_polynomials(rep, rep, 3)
        assert counts == [intertwiners(symmetric_power(rep, k), rep).dim for k in range(4)]


def test_equivariant_polynomials_of_permutations() -> None:
    group = symmetric(8)
    rep = Defining(group)
    assert equivariant_polynomials(rep, rep, 1) == [1, 2]
    # a polynomial of degree k fixed by S_8 is a partition of k
    assert invariant_polynomials(rep, 6) == [1, 1, 2, 3, 5, 7, 11]


def test_reynolds_terms_on_a_large_group() -> None:
    group = symmetric(12)
    rep = Defining(group)
    W = torch.zeros(12, 12, dtype=torch.float64)
    W[0, 1] = 1.0
    mean = reynolds(rep, rep, W)
    wanted = (torch.ones(12, 12, dtype=torch.float64) - torch.eye(12, dtype=torch.float64)) / 132
    torch.testing.assert_close(mean, wanted, rtol=0, atol=1e-15)
    assert float(reynolds(rep, rep, math.pi * torch.eye(12, dtype=torch.float64))[3, 3]) == pytest.approx(math.pi)


class _Unknown(Defining):
    @property
    def degree(self) -> int | None:  # type: ignore[override]
        return None


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="group: expected at most 1500 elements, got T64x64 with 4096"):
        irreducibles(shifts((64, 64)))
    with pytest.raises(ArgumentError, match="name: expected one of A1, A2, B1, B2, E, got 'F'"):
        irreducible(dihedral(4), "F")
    with pytest.raises(ArgumentError, match="rep: expected a representation of an enumerated group, got S9"):
        multiplicities(Defining(symmetric(9)))
    rep = Defining(dihedral(4))
    with pytest.raises(ArgumentError, match="up_to: expected 0 or more, got -1"):
        invariant_polynomials(rep, -1)
    other = Defining(dihedral(3))
    with pytest.raises(ArgumentError, match="rep_out: expected a representation of the same group object"):
        equivariant_polynomials(rep, other, 1)
    with pytest.raises(ArgumentError, match="rep_out: expected a representation of the same group object"):
        reynolds(rep, other, torch.zeros(2, 2, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="a group with an exact rule for class functions"):
        invariant_polynomials(Defining(sign(12)), 2)
    with pytest.raises(ShapeError, match=r"W: expected \(2, 2\) \(out, in\)"):
        reynolds(rep, rep, torch.zeros(3, 2, dtype=torch.float64))
    unknown = _Unknown(SO(3))
    with pytest.raises(ArgumentError, match="representations that know their degree"):
        reynolds(unknown, unknown, torch.zeros(3, 3, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="a group with an exact rule for class functions"):
        hom_dimension(unknown, unknown)
    assert intertwiners(unknown, unknown).dim == 1


class Wrong(Trivial):
    """A representation that says another character than its matrices have."""

    def __init__(self, group, trace):
        super().__init__(group)
        self.trace = trace

    def character(self, g):
        return self.trace * super().character(g)


def test_characters_that_no_orthogonal_representation_has_are_refused():
    plain = Trivial(cyclic(4))
    assert hom_dimension(plain, plain) == IsotypicIntertwiners(plain, plain).dim == 1
    with pytest.raises(ArgumentError, match=r"rep_in: expected characters of orthogonal .*, got a mean product"):
        hom_dimension(Wrong(cyclic(4), 1.5), plain)
    with pytest.raises(ArgumentError, match=r"rep_in: expected dimension 2 by characters, got 1 by decomposition"):
        IsotypicIntertwiners(Wrong(cyclic(4), 2.0), plain)


def test_a_representation_of_unknown_degree_is_refused_on_either_side() -> None:
    class Own(Representation):
        def __init__(self, group: SO) -> None:
            self.group, self.dim, self.name = group, 3, "own"

        def matrix(self, g: torch.Tensor) -> torch.Tensor:
            return g

    space = Defining(SO(3))
    own = Own(space.group)
    for pair in ((own, space), (space, own)):
        with pytest.raises(ArgumentError, match=r"use intertwiners\(rep_in, rep_out\)\.dim"):
            hom_dimension(*pair)
        assert intertwiners(*pair).dim == 1
