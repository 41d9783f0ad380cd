"""From layouts to representations: blocks in channel order, internal factors, refusals."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Defining, Determinant, Given, Layout, Space, Trivial, field_representation, tensor_power
from haar.errors import ArgumentError
from haar.groups import SO, O, dihedral, octahedral, product, reflections, sign, symmetric


def blocks(rep, sizes, g):
    """Diagonal blocks of a matrix, and whether everything else vanishes."""
    matrix, start, found = rep.matrix(g).clone(), 0, []
    for size in sizes:
        found.append(matrix[start : start + size, start : start + size].clone())
        matrix[start : start + size, start : start + size] = 0
        start += size
    assert not matrix.any()
    return found


def test_blocks_stand_in_channel_order_with_their_parities():
    group = octahedral(full=True)
    layout = Layout.parse("p, w:pseudovector, D:tensor, h:pseudoscalar, m:vector:constant", dim=3, history=2)
    rep = field_representation(layout, group)
    assert rep.dim == layout.channels == 31
    for g in group.elements()[::7]:
        R = Space(group).matrix(g)
        det = torch.linalg.det(R).round().reshape(1, 1)
        one = torch.ones(1, 1, dtype=torch.float64)
        step = [one, det * R, torch.kron(R, R), det]
        for block, expected in zip(blocks(rep, [1, 3, 9, 1] * 2 + [3], g), [*step, *step, R], strict=True):
            assert torch.equal(block, expected)


def test_internal_signs_multiply_what_space_does():
    group = product(reflections(2), sign(1))
    flip = Defining(group.factors[1]).pull_back(group, 1)
    rep = field_representation(Layout.parse("s, B:pseudovector"), group, internal={"s": flip, "B": flip})
    for g in group.elements():
        R, f = Space(group).matrix(g), flip.matrix(g)
        scalar, field = blocks(rep, [1, 2], g)
        assert torch.equal(scalar, f)
        assert torch.equal(field, f * torch.linalg.det(R).round() * R)


def test_a_phase_mixes_neighbours_and_leaves_the_rest():
    group = SO(2)
    layout = Layout.parse("re, im, mask:scalar:constant", history=2)
    rep = field_representation(layout, group, internal={("re", "im"): Defining(group)})
    g = group.exp(torch.tensor([0.7]))
    first, second, mask = blocks(rep, [2, 2, 1], g)
    assert torch.equal(first, g)
    assert torch.equal(second, g)
    assert torch.equal(mask, torch.ones(1, 1, dtype=torch.float64))
    vectors = Layout.parse("re:vector, im:vector")
    mixed = field_representation(vectors, group, internal={("re", "im"): Defining(group)})
    assert torch.equal(mixed.matrix(g), torch.kron(g, torch.eye(2, dtype=torch.float64)))


def test_magnetic_fields_change_sign_under_an_internal_group():
    group = sign(1)
    rep = field_representation(
        Layout.parse("B:pseudovector, u:vector", dim=3), group, internal={"B": Defining(group), "u": Trivial(group)}
    )
    assert rep.matrix(torch.tensor(1)).diagonal().tolist() == [-1, -1, -1, 1, 1, 1]


def test_rotations_by_any_angle_turn_vectors_by_the_given_space():
    group = O(2)
    rep = field_representation(Layout.parse("u:vector, w:pseudoscalar"), group, space=Defining(group))
    mirror = group.components[0]
    turned, w = blocks(rep, [2, 1], mirror)
    assert torch.equal(turned, mirror)
    assert torch.equal(w, Determinant(Defining(group)).matrix(mirror))
    assert torch.equal(
        field_representation(Layout.parse("D:tensor"), group, space=Defining(group)).matrix(mirror),
        tensor_power(Defining(group), 2).matrix(mirror),
    )


D4, S4 = dihedral(4), symmetric(4)
SIGN = Given(D4, Determinant(Space(D4)).matrix(D4.elements()), "det")


@pytest.mark.parametrize(
    ("fields", "group", "internal", "message"),
    [
        ("p, u:vector", D4, {"w": SIGN}, "internal: expected fields among p, u, got 'w'"),
        (
            "p",
            D4,
            {"p": Space(D4)},
            "internal: expected for p a representation of D4 of dimension 1, got <vector of D4",
        ),
        ("p", D4, {"p": Trivial(dihedral(2))}, "make the group once and pass the same object"),
        ("p, q", D4, {("p", "q"): Space(D4), "p": SIGN}, "internal: expected every field at most once, got 'p' twice"),
        (
            "p, u:vector",
            D4,
            {("p", "u"): Space(D4)},
            "expected fields of one kind and role to mix, got p: scalar, u: vector",
        ),
        ("p, q, r", D4, {("p", "r"): Space(D4)}, "internal: expected neighbours in the order of p, q, r, got p, r"),
        ("p, q", D4, {("q", "p"): Space(D4)}, "internal: expected neighbours in the order of p, q, got q, p"),
        ("u:vector", S4, {}, "fields: expected scalars, as S4 moves no grid, got u, a vector; name it in internal"),
        ("h:pseudoscalar", S4, {}, "got h, a pseudoscalar"),
        ("p", octahedral(), {}, "group: expected a group of a 2-dimensional grid, got O of a 3-dimensional one"),
    ],
)
def test_what_does_not_fit_is_refused(fields, group, internal, message):
    with pytest.raises(ArgumentError, match=message):
        field_representation(Layout.parse(fields), group, internal=internal)


def test_a_space_of_another_dimension_is_refused():
    with pytest.raises(
        ArgumentError, match=r"space: expected a representation of SO\(3\) of dimension 2, got <defining"
    ):
        field_representation(Layout.parse("u:vector"), SO(3), space=Defining(SO(3)))
