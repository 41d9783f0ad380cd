"""Representations: homomorphism, orthogonality, every storage form says the same."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from haar.actions.representation import (
    Defining,
    Determinant,
    DirectSum,
    Given,
    Harmonic,
    Induced,
    PullBack,
    Quotient,
    Regular,
    Representation,
    Space,
    Spin,
    Subspace,
    Trivial,
    direct_sum,
    exterior_power,
    representation_from_generators,
    symmetric_power,
    tensor_power,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    O,
    cyclic,
    dicyclic,
    dihedral,
    grid_group,
    icosahedral,
    octahedral,
    product,
    quaternion,
    sign,
    symmetric,
)


def all_kinds() -> list[Representation]:
    square, cube, plane, space, turns, ball = dihedral(4), octahedral(full=True), SO(2), SO(3), SU2(), O(3)
    flat, points, five = O(2), symmetric(8), dihedral(5)
    both = product(SO(3), symmetric(7))
    grid = grid_group(square, (4, 4), step=2)
    turning = square.subgroup([1])
    return [
        Trivial(square, 3),
        Trivial(space),
        Defining(square),
        Defining(five),
        Defining(points),
        Defining(space),
        Defining(quaternion()),
        Space(grid),
        Determinant(Defining(cube)),
        Determinant(Defining(ball)),
        Regular(quaternion()),
        Regular(grid),
        Defining(square) + Trivial(square, 2) + Regular(square),
        Defining(space) * 2 + Trivial(space),
        tensor_power(Defining(points), 2),
        tensor_power(Defining(ball), 3),
        Defining(five) @ Determinant(Defining(five)),
        symmetric_power(Defining(points), 2),
        exterior_power(Defining(cube), 2),
        symmetric_power(Defining(five), 3),
        exterior_power(Defining(space), 2),
        Defining(cube).restrict(cube.subgroup(cube.generators()[:2])),
        Defining(both.factors[0]).pull_back(both, 0),
        Defining(both.factors[1]).pull_back(both, 1),
        PullBack(Harmonic(ball, 3), cube, cube.defining_matrix),
        PullBack(Harmonic(ball, 2), ico := icosahedral(full=True), ico.defining_matrix),
        Quotient(turning),
        Induced(Defining(turning)),
        Induced(Defining(five.subgroup([1]))),
        Given(square, Defining(square).matrix(square.elements())),
        Harmonic(plane, 0),
        Harmonic(plane, 3),
        Harmonic(flat, 2),
        Harmonic(flat, 0, parity=-1),
        Harmonic(space, 4),
        Harmonic(ball, 3),
        Harmonic(ball, 2, parity=-1),
        Spin(turns, 0.5),
        Spin(turns, 1),
        Spin(turns, 2.5),
    ]


KINDS = all_kinds()


def named(rep: Representation) -> str:
    return f"{rep.group.name}-{rep.name}"[:50]


@pytest.mark.parametrize("rep", KINDS, ids=named)
def test_orthogonal_homomorphism(rep: Representation, generator: torch.Generator) -> None:
    group = rep.group
    a, b = group.sample(8, generator), group.sample(8, generator)
    left, right, both = rep.matrix(a), rep.matrix(b), rep.matrix(group.compose(a, b))
    assert left.shape == (8, rep.dim, rep.dim)
    assert left.dtype == torch.float64
    torch.testing.assert_close(left @ right, both, rtol=0, atol=1e-11)
    eye = torch.eye(rep.dim, dtype=torch.float64).expand_as(left)
    torch.testing.assert_close(left @ left.transpose(-1, -2), eye, rtol=0, atol=1e-11)
    torch.testing.assert_close(rep.matrix(group.identity()), eye[0], rtol=0, atol=1e-12)
    rep.check(samples=8)
    assert rep.dual() is rep


@pytest.mark.parametrize("rep", KINDS, ids=named)
def test_acting_character_and_signed_form_agree_with_the_matrix(
    rep: Representation, generator: torch.Generator
) -> None:
    g = rep.group.sample(5, generator)
    matrix = rep.matrix(g)
    torch.testing.assert_close(rep.character(g), matrix.diagonal(dim1=-2, dim2=-1).sum(-1), rtol=0, atol=1e-11)
    x = torch.randn(3, 5, rep.dim, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(rep.act(g, x), torch.einsum("gij,bgj->bgi", matrix, x), rtol=0, atol=1e-11)
    torch.testing.assert_close(rep.act(g[0], x), x @ matrix[0].T, rtol=0, atol=1e-11)
    assert rep.act(g, x.float()).dtype == torch.float32
    if rep.is_signed_permutation:
        index, signs = rep.signed_permutation(g)
        assert index.shape == signs.shape == (5, rep.dim)
        torch.testing.assert_close(x[0].gather(-1, index) * signs, rep.act(g, x[0]), rtol=0, atol=0)
    else:
        with pytest.raises(ArgumentError, match="rep: expected a signed-permutation representation"):
            rep.signed_permutation(g)
    with pytest.raises(ShapeError, match=f"x: expected last axis {rep.dim}"):
        rep.act(g, torch.zeros(5, rep.dim + 1, dtype=torch.float64))


@pytest.mark.parametrize("rep", KINDS, ids=named)
def test_copies_and_pickles(rep: Representation, generator: torch.Generator) -> None:
    g = rep.group.sample(3, generator)
    for other in (copy.deepcopy(rep), pickle.loads(pickle.dumps(rep))):
        assert torch.equal(other.matrix(g), rep.matrix(g))
        assert repr(other) == repr(rep)


@pytest.mark.parametrize("rep", [r for r in KINDS if not r.group.is_finite and hasattr(r.group, "algebra")], ids=named)
def test_algebra_is_the_derivative(rep: Representation, generator: torch.Generator) -> None:
    images = rep.algebra()
    c = torch.randn(len(images), generator=generator, dtype=torch.float64)
    one = torch.linalg.matrix_exp(torch.einsum("a,aij->ij", c, images))
    torch.testing.assert_close(one, rep.matrix(rep.group.exp(c)), rtol=0, atol=1e-11)  # type: ignore[attr-defined]


@pytest.mark.parametrize("rep", [r for r in KINDS if r.degree and not r.group.is_finite], ids=named)
def test_degree_is_the_degree(rep: Representation) -> None:
    """A quadrature of twice the degree makes the mean of the matrices a projector; a smaller one must not."""
    group = rep.group
    if not hasattr(group, "quadrature"):
        group = group.factors[0]  # type: ignore[attr-defined]
        elements, weights = group.quadrature(rep.degree)
        others = rep.group.factors[1].identity().expand(len(elements), -1)  # type: ignore[attr-defined]
        elements = rep.group.join([elements, others])  # type: ignore[attr-defined]
    else:
        elements, weights = group.quadrature(rep.degree)
    mean = torch.einsum("g,gij->ij", weights, rep.matrix(elements))
    torch.testing.assert_close(mean @ mean, mean, rtol=0, atol=1e-11)


def test_finite_groups_have_no_algebra() -> None:
    for rep in (Trivial(dihedral(3)), Defining(dihedral(3)), Regular(dihedral(3))):
        with pytest.raises(ArgumentError, match="expected a representation of a Lie group"):
            rep.algebra()
    assert Determinant(Defining(O(3))).algebra().abs().max() == 0
    assert Trivial(SO(3), 2).algebra().shape == (3, 2, 2)


@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from(["symmetric", "exterior"]), st.integers(0, 99))
def test_powers_are_restrictions_of_the_tensor_power(n: int, power: int, kind: str, seed: int) -> None:
    """Monomials (signed permutations) and subspaces (dense) give the same characters, by Newton's identities."""
    if kind == "exterior" and power > n:
        return
    draw = torch.Generator().manual_seed(seed)
    make = symmetric_power if kind == "symmetric" else exterior_power
    for base in (Defining(symmetric(n)) if n > 1 else Trivial(cyclic(2)), Defining(dihedral(5)), Defining(SO(3))):
        if kind == "exterior" and power > base.dim:
            continue
        rep = make(base, power)
        g = base.group.sample(4, draw)
        values = torch.linalg.eigvals(base.matrix(g))
        wanted = torch.zeros(4, dtype=torch.complex128)
        from itertools import combinations, combinations_with_replacement

        choose = combinations_with_replacement if kind == "symmetric" else combinations
        for places in choose(range(base.dim), power):
            wanted += values[:, list(places)].prod(-1)
        torch.testing.assert_close(rep.character(g), wanted.real, rtol=0, atol=1e-10)


def test_powers_of_degree_zero_and_one() -> None:
    rep = Defining(dihedral(4))
    assert symmetric_power(rep, 1) is rep
    assert isinstance(exterior_power(rep, 0), Trivial)
    assert tensor_power(rep, 0).dim == 1
    assert exterior_power(rep, 2).matrix(torch.tensor([1, 4])).flatten().tolist() == [1.0, -1.0]


def test_regular_and_quotient_permute_as_defined() -> None:
    group = dihedral(4)
    regular, cosets = Regular(group), Quotient(group.subgroup([4]))
    eye = torch.eye(8, dtype=torch.float64)
    for g in range(8):
        for h in range(8):
            moved = regular.act(torch.tensor(g), eye[h])
            assert int(moved.argmax()) == int(group.compose(torch.tensor(g), torch.tensor(h)))
    eye = torch.eye(4, dtype=torch.float64)
    for g in range(8):
        for x in range(4):
            moved = cosets.act(torch.tensor(g), eye[x])
            product_ = group.compose(torch.tensor(g), cosets.representatives[x])
            assert int(moved.argmax()) == int(cosets.coset_of[product_])


def test_frobenius_reciprocity() -> None:
    """Inducing and restricting are adjoint: characters' inner products agree."""
    group = octahedral()
    subgroup = group.subgroup(group.generators()[:1])
    small, big = Defining(subgroup), tensor_power(Defining(group), 2)
    induced = Induced(small)
    one = float((induced.character(group.elements()) * big.character(group.elements())).mean())
    members = subgroup.elements()
    other = float((small.character(members) * big.restrict(subgroup).character(members)).mean())
    assert one == pytest.approx(other, abs=1e-10)
    assert float(Induced(Trivial(subgroup)).character(torch.tensor(0))) == Quotient(subgroup).dim


def test_harmonics_are_functions_on_the_sphere(generator: torch.Generator) -> None:
    group = SO(3)
    first = Harmonic(group, 1)
    g = group.sample(1, generator)[0]
    order = [1, 2, 0]  # y, z, x
    torch.testing.assert_close(first.matrix(g), g[order][:, order], rtol=0, atol=1e-12)
    second = Harmonic(group, 2)
    square = torch.einsum("gij,gkl->gikjl", g[None], g[None]).reshape(9, 9)
    assert float(second.character(g)) == pytest.approx(float(square.trace()) - float(g.trace()) - 1)
    angle = 0.7
    about_z = group.exp(torch.tensor([0.0, 0.0, angle], dtype=torch.float64))
    sums = 1 + 2 * sum(torch.cos(torch.tensor(m * angle, dtype=torch.float64)) for m in range(1, 6))
    assert float(Harmonic(group, 5).character(about_z)) == pytest.approx(float(sums), abs=1e-12)


def test_spin_and_rotation_agree(generator: torch.Generator) -> None:
    """Whole spins forget the sign of the quaternion; half-odd spins do not."""
    group = SU2()
    g = group.sample(3, generator)
    torch.testing.assert_close(Spin(group, 2).matrix(-g), Spin(group, 2).matrix(g), rtol=0, atol=1e-12)
    torch.testing.assert_close(Spin(group, 1.5).matrix(-g), -Spin(group, 1.5).matrix(g), rtol=0, atol=1e-12)
    torch.testing.assert_close(Spin(group, 0.5).character(g), Defining(group).character(g), rtol=0, atol=1e-12)


def test_representation_from_generators(generator: torch.Generator) -> None:
    group = dicyclic(3)
    wanted = Defining(group)
    rep = representation_from_generators(group, wanted.matrix(group.generators()))
    torch.testing.assert_close(rep.matrices, wanted.matrix(group.elements()), rtol=0, atol=1e-12)
    square = dihedral(4)
    change = torch.randn(2, 2, generator=generator, dtype=torch.float64) + 3 * torch.eye(2, dtype=torch.float64)
    skew = change @ Defining(square).matrix(square.generators()) @ torch.linalg.inv(change)
    rep = representation_from_generators(square, skew, orthogonalise=True)
    torch.testing.assert_close(rep.character(square.elements()), Defining(square).character(square.elements()))
    nothing = representation_from_generators(cyclic(2), [torch.eye(3)])
    assert nothing.dim == 3


def test_relations_that_fail_are_named() -> None:
    square = dihedral(4)
    turn, mirror = Defining(square).matrix(square.generators())
    with pytest.raises(
        ArgumentError, match=r"matrices: expected the relations of D4, got matrices that break .* by 2.0e\+00"
    ):
        representation_from_generators(square, [mirror, turn])
    third = Defining(dihedral(3)).matrix(torch.tensor(1))
    with pytest.raises(ArgumentError, match="break s0 s0 s0 = 1"):
        representation_from_generators(cyclic(3), [torch.tensor([[-1.0]], dtype=torch.float64)])
    assert representation_from_generators(cyclic(3), [third]).dim == 2


def test_refusals() -> None:
    square, five = dihedral(4), dihedral(5)
    eye = torch.eye(2, dtype=torch.float64)
    with pytest.raises(ShapeError, match="one square matrix for each of the 2 generators of D4"):
        representation_from_generators(square, [eye])
    with pytest.raises(ShapeError, match="one square matrix for each of the 2 generators of D4"):
        representation_from_generators(square, [])
    with pytest.raises(ArgumentError, match="matrix 1 is singular"):
        representation_from_generators(square, [eye, eye * 0])
    with pytest.raises(ArgumentError, match=r"orthogonal matrices, got matrix 0 .* orthogonalise=True"):
        representation_from_generators(square, [eye * 2, eye])
    with pytest.raises(ShapeError, match="matrices: expected one for each of 8 elements"):
        Given(square, eye.expand(4, 2, 2))
    with pytest.raises(ArgumentError, match="rep: expected a homomorphism"):
        Given(
            square, eye.expand(8, 2, 2) * torch.tensor([1.0, 1, 1, 1, -1, 1, 1, 1], dtype=torch.float64)[:, None, None]
        )
    with pytest.raises(ArgumentError, match="rep: expected orthogonal matrices"):
        Given(square, 2 * eye.expand(8, 2, 2))
    with pytest.raises(ArgumentError, match="group: expected a group with defining matrices"):
        Defining(grid_group(square, (4, 4)))
    with pytest.raises(ArgumentError, match="expected a group that moves grids"):
        Space(cyclic(3))
    with pytest.raises(ArgumentError, match="parts: expected representations of one group object, D4, got D5"):
        direct_sum([Defining(square), Defining(five)])
    with pytest.raises(ArgumentError, match="parts: expected representations of one group object"):
        Defining(square) @ Defining(dihedral(2))
    with pytest.raises(ArgumentError, match="parts: expected at least one representation"):
        direct_sum([])
    with pytest.raises(ArgumentError, match="copies: expected at least one copy, got 0"):
        _ = Defining(square) * 0
    with pytest.raises(ArgumentError, match="power: expected 0 or more, got -1"):
        tensor_power(Defining(square), -1)
    with pytest.raises(ArgumentError, match="power: expected 0 or more, got -1"):
        symmetric_power(Defining(square), -1)
    with pytest.raises(ArgumentError, match="power: expected 0 to 2, got 3"):
        exterior_power(Defining(square), 3)
    with pytest.raises(ArgumentError, match="a tensor power of at most 100000 dimensions"):
        symmetric_power(Defining(five), 17)
    with pytest.raises(ArgumentError, match=r"subgroup: expected a subgroup of D4, .* got one of D5"):
        Defining(square).restrict(five.subgroup([1]))
    both = product(square, cyclic(3))
    with pytest.raises(ArgumentError, match="factor: expected the place of D4 in D4 x C3, got 1"):
        Defining(square).pull_back(both, 1)
    with pytest.raises(ArgumentError, match="rep: expected a representation of a Subgroup"):
        Induced(Defining(square))
    with pytest.raises(ArgumentError, match="rep: expected a homomorphism"):
        PullBack(Defining(five), square, lambda g: g)
    with pytest.raises(ArgumentError, match=r"group: expected SO\(2\), O\(2\), SO\(3\) or O\(3\), got SU\(2\)"):
        Harmonic(SU2(), 1)
    with pytest.raises(ArgumentError, match="l: expected 0 or more"):
        Harmonic(SO(3), -1)
    for group, l, parity in ((SO(3), 1, 1), (O(2), 1, 1), (O(3), 1, 2)):
        with pytest.raises(ArgumentError, match=r"parity: expected \+1 or -1, for O\(3\)"):
            Harmonic(group, l, parity=parity)
    with pytest.raises(ArgumentError, match=r"j: expected 0, 0.5, 1, 1.5"):
        Spin(SU2(), 0.7)
    with pytest.raises(ArgumentError, match=r"j: expected 0, 0.5, 1, 1.5"):
        Spin(SU2(), -1)


def test_subspaces(generator: torch.Generator) -> None:
    group = symmetric(4)
    points = Defining(group)
    line = torch.full((4, 1), 0.5, dtype=torch.float64)
    assert torch.equal(
        Subspace(points, line).matrix(group.sample(3, generator)), torch.ones(3, 1, 1, dtype=torch.float64)
    )
    with pytest.raises(ShapeError, match=r"basis: expected \(4, m\)"):
        Subspace(points, torch.zeros(3, 1, dtype=torch.float64))
    with pytest.raises(ArgumentError, match="basis: expected orthonormal columns"):
        Subspace(points, 2 * line)
    with pytest.raises(ArgumentError, match="basis: expected an invariant subspace of defining, got one that"):
        Subspace(points, torch.eye(4, dtype=torch.float64)[:, :1])


def test_names() -> None:
    group = dihedral(4)
    rep = Regular(group) * 3 + Defining(group)
    assert isinstance(rep, DirectSum)
    assert rep.name == "3 regular + defining"
    assert repr(Defining(sign(1))) == "<defining of {+-1}^1, dimension 1>"
    assert isinstance(group, FiniteGroup)


class _Silent(Representation):
    """A user's own representation that says nothing but its matrices."""

    def __init__(self) -> None:
        self.group, self.dim, self.name = SO(2), 2, "mine"

    def matrix(self, g: Tensor) -> Tensor:
        return g


def test_a_users_own_representation() -> None:
    rep = _Silent()
    assert rep.degree is None
    assert (rep + rep).degree is None
    assert (rep @ rep).degree is None
    assert rep.character(rep.group.identity()) == 2
    with pytest.raises(ArgumentError, match=r"a representation of a Lie group, of known degree, got mine of SO\(2\)"):
        rep.algebra()
    rep.check()


def test_restriction_goes_through_sums_and_gives_one_object_for_one_subgroup():
    group = dihedral(4)
    rotations = group.subgroup([1], "C4")
    regular = Regular(group)
    loose = direct_sum([regular, regular, Trivial(group, 3)]).restrict(rotations)
    assert isinstance(loose, DirectSum)
    assert loose.parts[0] is loose.parts[1] is regular.restrict(rotations)
    assert isinstance(loose.parts[2], Trivial)
    assert loose.parts[2].dim == 3


def test_a_product_has_no_defining_matrices_and_the_way_out_works():
    group = product(symmetric(3), cyclic(4))
    with pytest.raises(ArgumentError, match=r"Defining\(group\.factors\[0\]\)\.pull_back\(group, 0\)"):
        Defining(group)
    Defining(group.factors[0]).pull_back(group, 0).check()
