"""The space of commuting maps: every route gives the same space, and it is the right one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from space_checks import both_routes, check_space, null_space, span_projector

from haar.actions.representation import (
    Defining,
    Determinant,
    Regular,
    Representation,
    Trivial,
    direct_sum,
    exterior_power,
    tensor_power,
)
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
from haar.intertwiners import hom_dimension, intertwiners, reynolds

ACTION = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])


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
