"""Harmonics, spins and powers of high degree, against spherical harmonics and characters computed elsewhere."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.special import sph_harm_y

from haar.actions.representation import Defining, Harmonic, Spin, exterior_power, symmetric_power
from haar.errors import ArgumentError
from haar.groups import SO, SU2, LieGroup, O, cyclic, dihedral
from haar.intertwiners import invariant_polynomials


def spherical_harmonics(x, l):
    """Real harmonics in the order -l .. l with mean square one, by scipy's complex ones (they have another sign)."""
    columns = []
    for m in range(-l, l + 1):
        values = sph_harm_y(l, abs(m), torch.arccos(x[:, 2]).numpy(), torch.atan2(x[:, 1], x[:, 0]).numpy())
        values = torch.from_numpy(values) * (-1) ** m * math.sqrt(4 * math.pi * (2 if m else 1))
        columns.append(values.imag if m < 0 else values.real)
    return torch.stack(columns, -1)


def difficult(group, generator):
    """Random elements, and some near the ends of the angles' ranges."""
    near = torch.tensor(
        [
            [0, 0, 0],
            [1e-9, 0, 0.3],
            [0, 1e-17, 1],
            [math.pi, 1e-8, 0],
            [0, math.pi, 0],
            [0, 0, math.pi],
            [1e-5, 1e-5, 0],
        ],
        dtype=torch.float64,
    )
    return torch.cat([group.sample(5, generator), group.exp(near), group.generators()])


@pytest.mark.parametrize("l", [1, 2, 3, 5, 18, 40])
@pytest.mark.parametrize("group", [SO(3), O(3)], ids=lambda group: group.name)
def test_harmonics_are_functions_on_the_sphere(group, l, generator):
    """Y(g x) = R(g) Y(x)."""
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    for g, matrix in zip(e := difficult(group, generator), Harmonic(group, l).matrix(e), strict=True):
        moved = spherical_harmonics((x @ g.T).clamp(-1, 1), l)
        torch.testing.assert_close(moved, spherical_harmonics(x, l) @ matrix.T, rtol=0, atol=1e-10)


@pytest.mark.parametrize("l", [18, 25, 60, 101])
def test_harmonics_far_up_are_representations_with_the_known_character(l, generator):
    group = SO(3)
    rep = Harmonic(group, l)
    a = difficult(group, generator)
    b = a.flip(0)
    left, right = rep.matrix(a), rep.matrix(b)
    torch.testing.assert_close(left @ right, rep.matrix(a @ b), rtol=0, atol=1e-11)
    angle = torch.tensor([0.3, 1.1, 3.0], dtype=torch.float64)
    about = torch.tensor([0.36, 0.48, 0.8], dtype=torch.float64)  # a unit axis
    known = torch.sin((2 * l + 1) * angle / 2) / torch.sin(angle / 2)
    turns = group.exp(angle[:, None] * about)
    torch.testing.assert_close(rep.character(turns), known, rtol=0, atol=1e-10)


@pytest.mark.parametrize("group", [SO(2), O(2)], ids=lambda group: group.name)
@pytest.mark.parametrize("l", [1, 18, 500])
def test_plane_harmonics_are_functions_on_the_circle(group, l, generator):
    angle = torch.rand(9, generator=generator, dtype=torch.float64) * 6
    for g, matrix in zip(e := difficult_in_the_plane(group, generator), Harmonic(group, l).matrix(e), strict=True):
        moved = torch.stack([angle.cos(), angle.sin()], -1) @ g.T
        turned = torch.atan2(moved[:, 1], moved[:, 0])
        one = torch.stack([(l * turned).cos(), (l * turned).sin()], -1)
        other = torch.stack([(l * angle).cos(), (l * angle).sin()], -1) @ matrix.T
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def difficult_in_the_plane(group, generator):
    near = torch.tensor([[0.0], [math.pi], [-math.pi / 2], [1e-12]], dtype=torch.float64)
    return torch.cat([group.sample(4, generator), group.exp(near), group.generators()])


@pytest.mark.parametrize(("l", "parity"), [(18, 1), (18, -1), (25, 1), (25, -1)])
def test_parities_of_the_inversion(l, parity):
    rep = Harmonic(O(3), l, parity=parity)
    rep.check(samples=8)
    inversion = rep.matrix(-torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(inversion, parity * torch.eye(rep.dim, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("j", [0.5, 3, 17.5, 40, 75.5])
def test_spins_far_up(j, generator):
    group = SU2()
    rep = Spin(group, j)
    special = torch.eye(4, dtype=torch.float64)
    a = torch.cat([group.sample(4, generator), -special[None], group.exp(torch.tensor([[math.pi, 0, 0]]).double())])
    b = a.flip(0)
    torch.testing.assert_close(rep.matrix(a) @ rep.matrix(b), rep.matrix(a @ b), rtol=0, atol=1e-11)
    angle = torch.tensor([[0.0, 0, 0.7], [0.5, 1.2, 0]], dtype=torch.float64)
    size = angle.norm(dim=1)
    known = torch.sin((2 * j + 1) * size / 2) / torch.sin(size / 2) * (1 if j == int(j) else 2)
    torch.testing.assert_close(rep.character(group.exp(angle)), known, rtol=0, atol=1e-10)


@pytest.mark.parametrize("rep", [Harmonic(SO(3), 20), Spin(SU2(), 7.5), Harmonic(O(2), 30)], ids=lambda rep: rep.name)
def test_the_algebra_exponentiates(rep):
    direction = torch.tensor([0.4, -0.2, 0.3], dtype=torch.float64)[: len(rep.group.algebra)]
    turned = torch.linalg.matrix_exp(torch.einsum("a,aij->ij", direction, rep.algebra()))
    torch.testing.assert_close(turned, rep.matrix(rep.group.exp(direction)), rtol=0, atol=1e-11)


@pytest.mark.parametrize("power", [3, 64, 70, 200])
def test_symmetric_powers_of_signed_permutations_have_every_degree(power):
    """2^64 does not fit into an integer: monomials are numbered by counting."""
    for group in (cyclic(4), dihedral(4)):
        rep = symmetric_power(Defining(group), power)
        rep.check()
        invariant = float(rep.character(group.elements()).mean())
        assert invariant == pytest.approx(invariant_polynomials(Defining(group), power)[power], abs=1e-9)


@pytest.mark.parametrize("power", [2, 5, 12])
def test_dense_symmetric_powers(power, generator):
    group = SO(2)
    rep = symmetric_power(Defining(group), power)
    a, b = group.sample(2, generator), group.sample(2, generator)
    torch.testing.assert_close(rep.matrix(a) @ rep.matrix(b), rep.matrix(a @ b), rtol=0, atol=1e-12)
    angle = torch.tensor(0.8, dtype=torch.float64)
    known = sum(torch.cos((power - 2 * k) * angle) for k in range(power + 1))
    assert float(rep.character(group.exp(angle[None]))) == pytest.approx(float(known), abs=1e-11)


def test_exterior_powers_are_minors(generator):
    group = SO(4)
    g = group.sample(1, generator)[0]
    rep = exterior_power(Defining(group), 3)
    kept = [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    minors = torch.stack([torch.stack([torch.linalg.det(g[rows][:, columns]) for columns in kept]) for rows in kept])
    torch.testing.assert_close(rep.matrix(g), minors, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("l: expected a whole number, 0 or more, got 1.5", lambda: Harmonic(SO(3), 1.5)),
        ("l: expected a whole number, 0 or more, got True", lambda: Harmonic(O(2), True)),
        ("l: expected a whole number, 0 or more, got '2'", lambda: Harmonic(SO(2), "2")),
        ("parity: expected +1 or -1", lambda: Harmonic(O(3), 2, parity=True)),
        ("j: expected 0, 0.5, 1, 1.5, ..., got True", lambda: Spin(SU2(), True)),
        ("j: expected 0, 0.5, 1, 1.5, ..., got nan", lambda: Spin(SU2(), math.nan)),
        ("j: expected 0, 0.5, 1, 1.5, ..., got '1'", lambda: Spin(SU2(), "1")),
        ("power: expected a whole number, 0 or more, got 1.5", lambda: symmetric_power(Defining(SO(3)), 1.5)),
        ("power: expected a whole number, 0 or more, got True", lambda: exterior_power(Defining(SO(3)), True)),
        ("group: expected SO(2), O(2), SO(3) or O(3), got SO(4)", lambda: Harmonic(SO(4), 1)),
        ("group: expected SO(2), O(2), SO(3) or O(3), got 'SO(3)'", lambda: Harmonic("SO(3)", 1)),
        ("group: expected SO(2), O(2)", lambda: Harmonic(LieGroup("SO(3)", SO(2).algebra), 1)),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_what_is_no_degree(expected, make):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value).startswith(expected)
