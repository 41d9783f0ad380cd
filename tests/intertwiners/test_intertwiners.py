"""The space of commuting maps: every route gives the same space, and it is the right one."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from haar.actions.representation import (
    Defining,
    Determinant,
    Harmonic,
    Quotient,
    Regular,
    Representation,
    Space,
    Spin,
    Trivial,
    direct_sum,
    exterior_power,
    symmetric_power,
    tensor_power,
)
from haar.errors import ArgumentError, ShapeError
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    Group,
    O,
    alternating,
    cyclic,
    dicyclic,
    dihedral,
    from_matrices,
    from_permutations,
    icosahedral,
    octahedral,
    permutation_group,
    product,
    quaternion,
    semidirect,
    sign,
    symmetric,
    wreath,
)
from haar.intertwiners import Intertwiners, hom_dimension, intertwiners, invariants, reynolds

ACTION = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])


def null_space(rep_in: Representation, rep_out: Representation, elements: Tensor) -> Tensor:
    """Orthonormal rows spanning the solutions of all constraints, (n_out n_in)^2 numbers for each element."""
    eye_in, eye_out = torch.eye(rep_in.dim, dtype=torch.float64), torch.eye(rep_out.dim, dtype=torch.float64)
    rows = [
        torch.kron(rep_out.matrix(g).contiguous(), eye_in) - torch.kron(eye_out, rep_in.matrix(g).T.contiguous())
        for g in elements
    ]
    system = torch.cat(rows) if rows else torch.zeros(1, rep_in.dim * rep_out.dim, dtype=torch.float64)
    _, values, vectors = torch.linalg.svd(system)
    values = torch.nn.functional.pad(values, (0, vectors.shape[0] - len(values)))
    return vectors[values < 1e-9]


def span_projector(rows: Tensor) -> Tensor:
    flat = rows.flatten(1)
    return flat.T @ flat


def check_space(space: Intertwiners, generator: torch.Generator) -> None:
    """Equivariance, orthonormal basis, projector and parameters that belong together."""
    rep_in, rep_out = space.rep_in, space.rep_out
    basis = space.basis()
    assert basis.shape == (space.dim, rep_out.dim, rep_in.dim)
    gram = torch.einsum("aij,bij->ab", basis, basis)
    torch.testing.assert_close(gram, torch.eye(space.dim, dtype=torch.float64), rtol=0, atol=1e-11)
    g = torch.cat([rep_in.group.sample(4, generator), rep_in.group.generators()])
    p = torch.randn(space.dim, generator=generator, dtype=torch.float64)
    W = space.from_parameters(p)
    torch.testing.assert_close(rep_out.matrix(g) @ W, W @ rep_in.matrix(g), rtol=0, atol=1e-10)
    torch.testing.assert_close(W, torch.einsum("a,aij->ij", p, basis), rtol=0, atol=1e-11)
    torch.testing.assert_close(space.parameters_of(W), p, rtol=0, atol=1e-11)
    X, Y = torch.randn(2, rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
    once = space.project(X)
    torch.testing.assert_close(space.project(once), once, rtol=0, atol=1e-11)
    assert float((once * Y).sum()) == pytest.approx(float((X * space.project(Y)).sum()), abs=1e-9)
    torch.testing.assert_close(once, torch.einsum("aij,akl,kl->ij", basis, basis, X), rtol=0, atol=1e-10)
    assert space.contains(W)
    assert space.dim == rep_in.dim * rep_out.dim or not space.contains(X)


def both_routes(rep_in: Representation, rep_out: Representation, generator: torch.Generator) -> list[Intertwiners]:
    spaces = [intertwiners(rep_in, rep_out, route="isotypic")]
    if rep_in.is_signed_permutation and rep_out.is_signed_permutation and rep_in.group.is_finite:
        spaces.append(intertwiners(rep_in, rep_out, route="orbits"))
        assert spaces[0].dim == spaces[1].dim
        W = torch.randn(rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
        torch.testing.assert_close(spaces[0].project(W), spaces[1].project(W), rtol=0, atol=1e-10)
    for space in spaces:
        check_space(space, generator)
    return spaces


def pair(
    group: Group, make_in: Callable[[Group], Representation], make_out: Callable[[Group], Representation]
) -> tuple[Representation, Representation]:
    return make_in(group), make_out(group)


def squared(group: Group) -> Representation:
    return tensor_power(Defining(group), 2)


def mixed(group: Group) -> Representation:
    base = Defining(group)
    return direct_sum([base, Trivial(group, 2), base, Determinant(base)])


def regular(group: Group) -> Representation:
    assert isinstance(group, FiniteGroup)
    return Regular(group)


FINITE: list[tuple[FiniteGroup, Callable[[Group], Representation], Callable[[Group], Representation]]] = [
    (cyclic(1), mixed, squared),
    (cyclic(5), regular, Defining),
    (cyclic(4), mixed, squared),
    (dihedral(3), regular, mixed),
    (dihedral(4), squared, mixed),
    (octahedral(full=True), squared, Defining),
    (icosahedral(), squared, squared),
    (quaternion(), regular, Defining),
    (dicyclic(3), regular, regular),
    (alternating(4), squared, squared),  # type: ignore[list-item]
    (sign(3), squared, mixed),  # type: ignore[list-item]
    (semidirect(cyclic(7), cyclic(3), ACTION), regular, regular),
    (wreath(sign(1), symmetric(3)), squared, Defining),  # type: ignore[arg-type, list-item]
]


@pytest.mark.parametrize(("group", "make_in", "make_out"), FINITE, ids=lambda v: v.name if isinstance(v, Group) else "")
def test_finite_groups_four_ways(
    group: FiniteGroup,
    make_in: Callable[[Group], Representation],
    make_out: Callable[[Group], Representation],
    generator: torch.Generator,
) -> None:
    """Orbits, isotypic blocks, the null space of all constraints, and the Reynolds average agree."""
    rep_in, rep_out = make_in(group), make_out(group)
    for space in both_routes(rep_in, rep_out, generator):
        elements = group.elements()
        characters = rep_in.character(elements) * rep_out.character(elements)
        assert space.dim == round(float(characters.mean()))
        if rep_in.dim * rep_out.dim <= 144:
            null = null_space(rep_in, rep_out, group.generators())
            assert len(null) == space.dim
            torch.testing.assert_close(span_projector(space.basis()), span_projector(null), rtol=0, atol=1e-9)
        W = torch.randn(rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
        mean = (rep_out.matrix(elements) @ W @ rep_in.matrix(elements).transpose(-1, -2)).mean(0)
        torch.testing.assert_close(space.project(W), mean, rtol=0, atol=1e-11)
        torch.testing.assert_close(reynolds(rep_in, rep_out, W), mean, rtol=0, atol=1e-11)


@given(
    st.integers(3, 6).flatmap(lambda n: st.lists(st.permutations(range(n)), min_size=1, max_size=3)),
    st.integers(0, 999),
)
@settings(max_examples=30)
def test_random_permutation_groups(rows: list[list[int]], seed: int) -> None:
    group = permutation_group(rows)
    generator = torch.Generator().manual_seed(seed)
    base = Defining(group)
    rep_in, rep_out = direct_sum([base, Determinant(base)]), exterior_power(base, 2)
    spaces = both_routes(rep_in, rep_out, generator)
    null = null_space(rep_in, rep_out, group.generators())
    assert len(null) == spaces[0].dim
    torch.testing.assert_close(span_projector(spaces[0].basis()), span_projector(null), rtol=0, atol=1e-9)


@given(st.integers(2, 4), st.integers(0, 10_000))
@settings(max_examples=30)
def test_random_groups_of_signed_permutations(n: int, seed: int) -> None:
    """Random signed permutations, generated groups of matrices, sums and squares of their defining representation."""
    draw = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(2):
        place = torch.randperm(n, generator=draw)
        signs = 1.0 - 2 * torch.randint(2, (n,), generator=draw)
        made.append(torch.diag(signs.double())[:, place])
    group = from_matrices(made)
    rep_in, rep_out = tensor_power(Defining(group), 2), mixed(group)
    for space in both_routes(rep_in, rep_out, draw):
        assert space.dim == hom_dimension(rep_in, rep_out)


@given(
    st.sampled_from([dihedral(5), icosahedral(), quaternion(), dihedral(12), cyclic(7)]),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.integers(0, 999),
)
@settings(max_examples=25)
def test_random_sums_of_tensor_powers(group: FiniteGroup, one: list[int], other: list[int], seed: int) -> None:
    most = 3 if (group.defining_dim or 0) < 4 else 1
    bases = [tensor_power(Defining(group), k) for k in range(most + 1)]
    rep_in, rep_out = (direct_sum([bases[min(k, most)] for k in ks]) for ks in (one, other))
    space = intertwiners(rep_in, rep_out, route="isotypic")
    elements = group.elements()
    assert space.dim == round(float((rep_in.character(elements) * rep_out.character(elements)).mean()))
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(rep_out.dim, rep_in.dim, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(space.project(W), reynolds(rep_in, rep_out, W), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("group", "powers", "dims"),
    [
        (SO(2), (1, 2, 3), (2, 6, 20)),
        (O(2), (1, 2, 3), (1, 3, 10)),
        (SO(3), (1, 2, 3, 4), (1, 3, 15, 91)),
        (O(3), (1, 2, 3, 4), (1, 3, 15, 91)),
        (SO(4), (1, 2, 3), (1, 4, 25)),
        (O(4), (1, 2), (1, 3)),
        (SO(5), (1, 2), (1, 3)),
        (SU2(), (1, 2), (4, 32)),
    ],
    ids=lambda v: v.name if isinstance(v, Group) else "",
)
def test_lie_groups_on_tensors(
    group: Group, powers: tuple[int, ...], dims: tuple[int, ...], generator: torch.Generator
) -> None:
    for k, dim in zip(powers, dims, strict=True):
        rep = tensor_power(Defining(group), k)
        space = intertwiners(rep, rep)
        assert space.dim == hom_dimension(rep, rep) == dim
        if rep.dim <= 27:
            check_space(space, generator)
        if group.name not in ("SO(4)", "O(4)", "SO(5)"):
            W = torch.randn(rep.dim, rep.dim, generator=generator, dtype=torch.float64)
            torch.testing.assert_close(space.project(W), reynolds(rep, rep, W), rtol=0, atol=1e-10)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.lists(st.integers(0, 4), min_size=1, max_size=3))
@settings(max_examples=15)
def test_clebsch_gordan(one: list[int], other: list[int]) -> None:
    """Harmonics l1 x l2 hold every l from |l1 - l2| to l1 + l2 once."""
    group = SO(3)
    l1, l2 = one[0], other[0]
    left = Harmonic(group, l1) @ Harmonic(group, l2)
    for l in range(l1 + l2 + 2):
        wanted = int(abs(l1 - l2) <= l <= l1 + l2)
        assert hom_dimension(left, Harmonic(group, l)) == wanted
    sums = direct_sum([Harmonic(group, l) for l in one]), direct_sum([Harmonic(group, l) for l in other])
    assert intertwiners(*sums).dim == sum(a == b for a in one for b in other)


def test_clebsch_gordan_with_parity_and_spin() -> None:
    space = O(3)
    odd, even = Harmonic(space, 1), Harmonic(space, 1, parity=1)
    assert intertwiners(odd, even).dim == 0
    assert intertwiners(odd @ odd, even).dim == 1
    assert intertwiners(odd @ even, odd).dim == 1
    turns = SU2()
    half = Spin(turns, 0.5)
    assert intertwiners(half, half).dim == 4
    # over the real numbers the square of the quaternions holds spin 0 and spin 1 four times each
    assert intertwiners(half @ half, Spin(turns, 1)).dim == 4
    assert intertwiners(half @ half, Spin(turns, 0)).dim == 4
    assert intertwiners(half, Spin(turns, 1)).dim == 0
    assert intertwiners(Defining(turns), half).dim == 4


@pytest.mark.parametrize("n", [5, 6, 9])
def test_bell_numbers(n: int) -> None:
    """Maps V^k -> V^l commuting with S_n are counted by set partitions of k + l things, for n >= k + l."""
    group = symmetric(n)
    powers = [tensor_power(Defining(group), k) for k in range(4)]
    bell = [1, 1, 2, 5, 15, 52, 203]
    for k in range(4):
        for l in range(4):
            if k + l <= n and powers[k].dim * powers[l].dim <= 50_000:
                assert intertwiners(powers[k], powers[l]).dim == bell[k + l]


def test_burnside_counts_of_colourings() -> None:
    """Orbits of colourings of a necklace: maps from the trivial representation, counted by Burnside's lemma."""
    for n, colours in ((4, 3), (6, 2)):
        digits = torch.arange(colours**n)[:, None] // colours ** torch.arange(n) % colours
        weight = colours ** torch.arange(n)
        turned = (digits.roll(1, 1) * weight).sum(1)
        mirrored = (digits.flip(1) * weight).sum(1)
        group = permutation_group([turned.tolist(), mirrored.tolist()])
        turns = sum(colours ** math.gcd(k, n) for k in range(n))
        flips = n // 2 * (colours ** (n // 2) + colours ** (n // 2 + 1))
        assert intertwiners(Trivial(group), Defining(group)).dim == (turns + flips) // (2 * n)


@pytest.mark.parametrize(
    ("group", "rank"),
    [
        (SO(3), 2),
        (octahedral(), 3),
        (octahedral(full=True), 3),
        (from_matrices([dihedral(6).defining_matrix(torch.tensor(1))]), None),
        (cyclic(1), None),
    ],
    ids=lambda v: v.name if isinstance(v, Group) else "",
)
def test_elasticity_ranks(group: Group, rank: int | None) -> None:
    """Elastic tensors with major and minor symmetry: Sym^2 of Sym^2 of vectors."""
    if rank is not None:
        assert invariants(symmetric_power(symmetric_power(Defining(group), 2), 2)).shape[1] == rank
        return
    matrices = torch.zeros(group.order or 1, 3, 3, dtype=torch.float64)
    assert isinstance(group, FiniteGroup)
    matrices[:, :2, :2] = group.defining_matrix(group.elements())
    matrices[:, 2, 2] = 1
    axis = from_matrices(list(matrices))
    # about one axis: hexagonal 5; without symmetry: triclinic 21
    wanted = {6: 5, 1: 21}[axis.order]
    assert invariants(symmetric_power(symmetric_power(Defining(axis), 2), 2)).shape[1] == wanted


@pytest.mark.parametrize(
    ("rep", "end"),
    [
        (Defining(quaternion()), 4),
        (Defining(dicyclic(3)), 4),
        (Defining(SU2()), 4),
        (Spin(SU2(), 1.5), 4),
        (Defining(cyclic(5)), 2),
        (Defining(SO(2)), 2),
        (Harmonic(SO(2), 3), 2),
        (Defining(dihedral(5)), 1),
        (Harmonic(SO(3), 3), 1),
        (Spin(SU2(), 2), 1),
    ],
    ids=repr,
)
def test_schur_types(rep: Representation, end: int, generator: torch.Generator) -> None:
    space = intertwiners(rep, rep, route="isotypic")
    assert space.dim == end
    check_space(space, generator)
    two = intertwiners(rep * 2, rep * 3, route="isotypic")
    assert two.dim == 6 * end
    check_space(two, generator)


def test_quaternionic_parameters_multiply_like_quaternions(generator: torch.Generator) -> None:
    """Maps between copies compose as matrices over the quaternions: the space is closed under products."""
    rep = Defining(quaternion()) * 2
    space = intertwiners(rep, rep, route="isotypic")
    a, b = torch.randn(2, space.dim, generator=generator, dtype=torch.float64)
    assert space.contains(space.from_parameters(a) @ space.from_parameters(b))
    norms = [
        float(torch.linalg.svdvals(intertwiners(Defining(g), Defining(g)).from_parameters(a[:4])).std())
        for g in [rep.group]
    ]
    assert max(norms) < 1e-12  # every quaternion is a multiple of a rotation


def test_branching_adds_up() -> None:
    """Maps for a subgroup contain the maps for the group, and their number is the count by restricted characters."""
    group = octahedral(full=True)
    rep = tensor_power(Defining(group), 2)
    whole = intertwiners(rep, rep)
    for gens in (group.generators()[:1], group.generators()[:2]):
        subgroup = group.subgroup(gens)
        small = rep.restrict(subgroup)
        space = intertwiners(small, small)
        elements = subgroup.include(subgroup.elements())
        assert space.dim == round(float((rep.character(elements) ** 2).mean()))
        assert space.dim > whole.dim
        for W in whole.basis():
            assert space.contains(W)


def test_products_of_groups(generator: torch.Generator) -> None:
    rows, columns = symmetric(4), symmetric(3)
    group = product(rows, columns)
    rep = Defining(rows).pull_back(group, 0) @ Defining(columns).pull_back(group, 1)
    spaces = both_routes(rep, rep, generator)
    assert spaces[0].dim == 4
    large = product(symmetric(8), symmetric(9))
    rep = Defining(large.factors[0]).pull_back(large, 0) @ Defining(large.factors[1]).pull_back(large, 1)
    assert intertwiners(rep, rep).dim == hom_dimension(rep, rep) == 4
    lie = product(SO(3), sign(1))
    rep = Defining(lie.factors[0]).pull_back(lie, 0) @ Defining(lie.factors[1]).pull_back(lie, 1)
    assert intertwiners(rep, rep).dim == 1
    assert intertwiners(rep @ rep, rep).dim == 0
    check_space(intertwiners(rep @ rep, rep @ rep), generator)


def test_maps_on_a_quotient_are_double_cosets() -> None:
    group = symmetric(5)
    assert isinstance(group, FiniteGroup)
    subgroup = group.subgroup(group.generators()[:1])
    rep = Quotient(subgroup)
    doubles = set()
    for g in range(group.order):
        left = group.compose(subgroup.embedding, torch.tensor(g))
        doubles.add(frozenset(group.compose(left[:, None], subgroup.embedding[None, :]).flatten().tolist()))
    assert intertwiners(rep, rep).dim == len(doubles)


def test_regular_representation_of_a_large_cyclic_group() -> None:
    group = cyclic(128)
    rep = Regular(group)
    space = intertwiners(rep, rep)
    assert space.dim == 128
    W = space.from_parameters(torch.randn(128, dtype=torch.float64))
    # what commutes with shifts is circulant
    assert torch.equal(W.roll((1, 1), (0, 1)), W)


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


def test_invariants(generator: torch.Generator) -> None:
    group = SO(3)
    fixed = invariants(tensor_power(Defining(group), 2))
    torch.testing.assert_close(fixed.squeeze().abs(), torch.eye(3, dtype=torch.float64).flatten() / 3**0.5)
    assert invariants(Defining(group)).shape == (3, 0)
    points = symmetric(8)
    assert invariants(Defining(points) * 3).shape == (24, 3)
    square = dihedral(4)
    mixed = Regular(square) + Space(square) + 2 * Defining(square) + Regular(square)
    part_by_part, at_once = invariants(mixed), intertwiners(Trivial(square), mixed).basis().squeeze(-1).T
    assert torch.equal(part_by_part, at_once)


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
    one, other = dihedral(4), dihedral(4)
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


def test_larger_groups_from_generators() -> None:
    """The cube's corners under a group given by permutations of its corners; and the same group as matrices."""
    corners = torch.tensor([[x, y, z] for x in (1.0, -1) for y in (1.0, -1) for z in (1.0, -1)], dtype=torch.float64)
    cube = octahedral(full=True)
    images = torch.einsum("gij,cj->gci", cube.defining_matrix(cube.generators()), corners)
    rows = (images[:, :, None] - corners).abs().sum(-1).argmin(-1)
    group = from_permutations(rows, "corners")
    assert group.order == 48
    rep = Defining(group)
    # distances between corners: 0, 1, sqrt 2, sqrt 3
    assert intertwiners(rep, rep).dim == 4
