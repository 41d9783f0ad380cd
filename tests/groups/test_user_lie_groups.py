"""Lie groups that the user gives by their algebra: Haar measure, class functions, quadrature; and tori."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions.representation import Defining, PullBack, tensor_power
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, SU2, LieGroup, O, Torus, averaging_chain, dihedral, product
from haar.intertwiners import (
    equivariant_polynomials,
    hom_dimension,
    intertwiners,
    invariant_polynomials,
    invariants,
    reynolds,
)

MIRROR = torch.diag(torch.tensor([1.0, -1, 1], dtype=torch.float64))


def turns(d, *planes):
    """The sum of w J_ij over (i, j, w)."""
    out = torch.zeros(d, d, dtype=torch.float64)
    for i, j, w in planes:
        out[i, j], out[j, i] = -w, w
    return out


def realified(matrix):
    """A complex matrix on real and imaginary parts."""
    matrix = torch.as_tensor(matrix, dtype=torch.complex128)
    rows = [torch.cat([matrix.real, -matrix.imag], -1), torch.cat([matrix.imag, matrix.real], -1)]
    return torch.cat(rows, -2)


def unitary(n, *, special):
    """U(n) or SU(n) on R^2n."""
    basis = []
    for i in range(n):
        for j in range(i):
            for value in (1.0, 1j):
                m = torch.zeros(n, n, dtype=torch.complex128)
                m[i, j], m[j, i] = value, -value.conjugate() if isinstance(value, complex) else -value
                basis.append(realified(m))
        m = torch.zeros(n, n, dtype=torch.complex128)
        m[i, i] = 1j
        if special and i:
            m[0, 0] = -1j
        if i or not special:
            basis.append(realified(m))
    return LieGroup(f"{'S' * special}U({n})", torch.stack(basis))


def rotations(n):
    """SO(n) as a stranger would give it."""
    return LieGroup(f"rotations of R^{n}", torch.stack([turns(n, (i, j, 1)) for i in range(n) for j in range(i)]))


ABOUT_Z = LieGroup("about z", turns(3, (0, 1, 1))[None])
#: group, dim Hom(V, V), dim Hom(V x V, V x V)
KNOWN = [
    (ABOUT_Z, 3, 19),
    (LieGroup("about z, at three times the speed", turns(3, (0, 1, 3))[None]), 3, 19),
    (LieGroup("about z, and mirrors", turns(3, (0, 1, 1))[None], MIRROR[None]), 2, 10),
    (LieGroup("about z, and an inversion", turns(3, (0, 1, 1))[None], -torch.eye(3, dtype=torch.float64)[None]), 3, 19),
    (Torus(1), 2, 6),
    (Torus(2), 4, 36),
    (Torus(3), 6, 90),
    (LieGroup("two circles", torch.stack([turns(4, (0, 1, 1)), turns(4, (2, 3, 1))])), 4, 36),
    (LieGroup("two circles, aslant", torch.stack([turns(4, (0, 1, 1), (2, 3, 2)), turns(4, (2, 3, 0.5))])), 4, 36),
    (LieGroup("one circle, at 2 : 3", turns(4, (0, 1, 2 / 3), (2, 3, 1))[None]), 4, 36),
    (rotations(3), 1, 3),
    (rotations(4), 1, 4),
    (rotations(5), 1, 3),
    (unitary(2, special=True), 4, 32),
    (unitary(2, special=False), 2, 12),
    (unitary(3, special=True), 2, 12),
    (unitary(3, special=False), 2, 12),
    (LieGroup("none but a mirror", torch.zeros(0, 3, 3, dtype=torch.float64), MIRROR[None]), 5, 41),
]


@pytest.mark.parametrize(("group", "once", "twice"), KNOWN, ids=lambda value: getattr(value, "name", ""))
def test_dimensions_of_what_commutes(group, once, twice):
    rep = Defining(group)
    pairs = tensor_power(rep, 2)
    assert hom_dimension(rep, rep) == once == intertwiners(rep, rep).dim
    assert hom_dimension(pairs, pairs) == twice == intertwiners(pairs, pairs).dim
    assert equivariant_polynomials(rep, rep, 1)[1] == once


@pytest.mark.parametrize("group", [group for group, *_ in KNOWN], ids=lambda group: group.name)
def test_samples_are_elements_and_their_mean_is_the_projection(group, generator):
    g = group.sample(2000, generator)
    rep = Defining(group)
    eye = group.identity()
    assert float((g @ g.transpose(-1, -2) - eye).abs().max()) < 1e-12
    for power in (1, 2):
        big = tensor_power(rep, power)
        fixed = invariants(big)
        moved = big.matrix(g)
        assert torch.allclose(moved @ fixed, fixed.expand(len(g), *fixed.shape), atol=1e-11)
        assert float((moved.mean(0) - fixed @ fixed.T).abs().max()) < 0.1


@pytest.mark.parametrize("group", [rotations(3), unitary(2, special=True)], ids=lambda group: group.name)
def test_the_walk_is_haar_measure(group, generator):
    """Moments of the character under Haar measure: 1, 1, 3 for SO(3), those of 2 x the Catalan numbers' for SU(2)."""
    trace = group.sample(6_000, generator).diagonal(dim1=-2, dim2=-1).sum(-1)
    known = (0, 1, 1, 3) if group.n == 3 else (0, 4, 0, 32)
    for power, wanted in enumerate(known, start=1):
        values = trace**power
        assert abs(float(values.mean()) - wanted) < 4.5 * float(values.std()) / 6_000**0.5


@pytest.mark.parametrize("n", [3, 4, 5])
def test_class_functions_of_rotations_given_by_their_algebra_agree_with_the_known_rule(n):
    mine, known = Defining(rotations(n)), Defining(SO(n))
    assert invariant_polynomials(mine, 4) == invariant_polynomials(known, 4)
    pairs = equivariant_polynomials(mine, tensor_power(mine, 2), 3)
    assert pairs == equivariant_polynomials(known, tensor_power(known, 2), 3)


ABELIAN = [group for group, *_ in KNOWN if not len(group.maximal_torus.roots)]


@pytest.mark.parametrize("group", ABELIAN, ids=lambda group: group.name)
def test_averages_of_matrices_agree_on_all_routes(group, generator):
    rep = Defining(group)
    w = torch.randn(rep.dim, rep.dim, generator=generator, dtype=torch.float64)
    wanted = intertwiners(rep, rep).project(w)
    assert torch.allclose(reynolds(rep, rep, w), wanted, atol=1e-12)
    for turned in (None, generator):
        elements, weights = group.quadrature(2, turned)
        assert math.isclose(float(weights.sum()), 1)
        averaged = torch.einsum("g,gij,jk,glk->il", weights, elements, w, elements)
        assert torch.allclose(averaged, wanted, atol=1e-12)


def test_products_with_tori_and_circles(generator):
    whole = product(Torus(2), dihedral(4), SO(2))
    torus, square, circle = (Defining(factor).pull_back(whole, k) for k, factor in enumerate(whole.factors))
    rep = torus + square @ circle
    assert hom_dimension(rep, rep) == 6 == intertwiners(rep, rep).dim
    w = torch.randn(rep.dim, rep.dim, generator=generator, dtype=torch.float64)
    assert torch.allclose(reynolds(rep, rep, w), intertwiners(rep, rep).project(w), atol=1e-12)
    # one image for each generator of each circle: three in all
    assert rep.algebra().shape == (3, 8, 8)
    assert not rep.algebra()[2, :4].any()
    assert not rep.algebra()[:2, 4:].any()


def test_a_circle_that_turns_twice_through_a_homomorphism():
    circle, torus = Torus(1), Torus(2)
    twice = PullBack(
        Defining(torus), circle, lambda g: torus.element(circle.angles(g) * torch.tensor([1.0, 2.0])), degree=2
    )
    assert hom_dimension(twice, twice) == 4 == intertwiners(twice, twice).dim
    wanted = torch.block_diag(torch.tensor([[0.0, -1], [1, 0]]), torch.tensor([[0.0, -2], [2, 0]])).double()
    assert torch.allclose(twice.algebra()[0], wanted, atol=1e-13)


def test_images_of_the_algebra_are_derivatives_whatever_the_speed():
    group = LieGroup("fast", turns(3, (0, 1, 3.5))[None])
    rep = tensor_power(Defining(group), 2)
    direction = torch.tensor([0.3], dtype=torch.float64)
    assert torch.allclose(torch.linalg.matrix_exp(0.3 * rep.algebra()[0]), rep.matrix(group.exp(direction)), atol=1e-13)


JX, JY = turns(3, (1, 2, 1)), turns(3, (2, 0, 1))


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ("algebra: expected a Lie algebra, with every commutator", lambda: LieGroup("x", torch.stack([JX, JY]))),
        ("algebra: expected antisymmetric matrices", lambda: LieGroup("x", JX[None].abs())),
        ("algebra: expected independent matrices, got 2 that span 1", lambda: LieGroup("x", torch.stack([JX, 2 * JX]))),
        ("algebra: expected finite numbers", lambda: LieGroup("x", JX[None] * math.nan)),
        ("algebra: expected real numbers, got complex128", lambda: LieGroup("x", 1j * JX[None])),
        ("components: expected orthogonal matrices", lambda: LieGroup("x", JX[None], 2 * MIRROR[None])),
        (
            "components: expected matrices that map the algebra to itself",
            lambda: LieGroup("x", JX[None], torch.linalg.matrix_exp(0.4 * JY)[None]),
        ),
        ("n: expected a dimension of at least 2, got 2.5", lambda: SO(2.5)),
        ("circles: expected a whole number, at least 1, got 1.5", lambda: Torus(1.5)),
        ("degree: expected a rule of at most", lambda: Torus(8).quadrature(12)),
        ("group: expected SO", lambda: unitary(2, special=False).quadrature(2)),
        ("group: expected SO", lambda: averaging_chain(rotations(3), 2)),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_what_is_refused(expected, make):
    with pytest.raises(ArgumentError) as caught:
        make()
    assert str(caught.value).startswith(expected)


NONE, QUARTER = torch.zeros(0, 3, 3, dtype=torch.float64), torch.linalg.matrix_exp(turns(3, (0, 1, math.pi / 2)))
ABOUT_Z_ALGEBRA, FLIP = turns(3, (0, 1, 3))[None], torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("algebra", "components"),
    [
        (NONE, [QUARTER]),
        (NONE, [QUARTER, QUARTER @ QUARTER]),
        (NONE, [FLIP, FLIP]),
        (ABOUT_Z_ALGEBRA, [FLIP, FLIP]),
        (ABOUT_Z_ALGEBRA, [FLIP, MIRROR]),
        (ABOUT_Z_ALGEBRA, [FLIP, QUARTER @ FLIP]),
    ],
)
def test_components_that_are_missing_or_stand_twice_are_refused(algebra, components):
    with pytest.raises(ArgumentError, match="components: expected one matrix of every connected component but"):
        LieGroup("x", algebra, torch.stack(components))


@pytest.mark.parametrize(
    ("algebra", "components"),
    [
        (NONE, [QUARTER, QUARTER @ QUARTER, QUARTER.T]),
        (ABOUT_Z_ALGEBRA, [FLIP]),
        (ABOUT_Z_ALGEBRA, [FLIP, MIRROR, FLIP @ MIRROR]),
        (ABOUT_Z_ALGEBRA, [QUARTER @ FLIP]),
        (O(3).algebra, [-torch.eye(3, dtype=torch.float64)]),
        (O(4).algebra, [O(4).components[0]]),
    ],
)
def test_whole_lists_of_components_are_taken(algebra, components):
    made = LieGroup("x", algebra, torch.stack(components))
    mean = made.sample(2000, torch.Generator().manual_seed(0)).mean(0)
    assert float((mean @ mean - mean).abs().max()) < 0.15


@pytest.mark.usefixtures("unchecked_annotations")
def test_components_of_another_size_are_refused():
    with pytest.raises(ShapeError, match=r"components: expected \(k, 3, 3\), got \(1, 2, 2\)"):
        LieGroup("x", JX[None], torch.eye(2, dtype=torch.float64)[None])


@pytest.mark.parametrize("use", [lambda g: g.sample(2), lambda g: hom_dimension(Defining(g), Defining(g))])
def test_a_line_that_winds_around_a_torus_is_no_closed_group(use):
    winding = LieGroup("winding", turns(4, (0, 1, 1), (2, 3, math.sqrt(2)))[None])
    with pytest.raises(ArgumentError, match="algebra: expected turns whose frequencies are in rational ratios"):
        use(winding)


def test_su2_given_by_its_algebra_counts_as_the_known_one():
    mine, known = Defining(unitary(2, special=True)), Defining(SU2())
    for power in (1, 2, 3):
        one, other = tensor_power(mine, power), tensor_power(known, power)
        assert hom_dimension(one, one) == hom_dimension(other, other)
