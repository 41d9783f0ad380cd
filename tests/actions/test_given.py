"""Representations given by matrices that are rounded: what is accepted is one to rounding."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions.representation import Defining, Given, Trivial, representation, representation_from_generators
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral, icosahedral
from haar.intertwiners import intertwiners, irreducibles
from haar.nn import Linear

ICO = icosahedral()
SKEW = torch.tensor([[1, 0.5, 0.2], [0, 1, 0.3], [0.1, 0, 2]], dtype=torch.float64)


def turn(n):
    c, s = math.cos(2 * math.pi / n), math.sin(2 * math.pi / n)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n", [3, 5, 12])
def test_a_rounded_turn_leads_to_a_layer(n, dtype):
    rep = representation_from_generators(cyclic(n), [turn(n).to(dtype)], orthogonalise=True)
    wanted = Defining(cyclic(n)).matrix(torch.arange(n))
    torch.testing.assert_close(rep.matrix(torch.arange(n)), wanted, rtol=0, atol=1e-13)
    Linear(rep @ rep, rep @ rep)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_skewed_basis_of_a_group_that_is_not_abelian(dtype):
    gens = [(SKEW @ m @ SKEW.inverse()).to(dtype) for m in ICO.defining_matrix(ICO.generators())]
    rep = representation_from_generators(ICO, gens, orthogonalise=True)
    g = ICO.elements()
    products = rep.matrix(g[:, None]) @ rep.matrix(g[None, :])
    torch.testing.assert_close(products, rep.matrix(ICO.table), rtol=0, atol=1e-12)
    assert intertwiners(rep @ rep, rep).dim == 1
    torch.testing.assert_close(rep.character(g), Defining(ICO).character(g), rtol=0, atol=1e-12)


def test_long_words_of_single_precision():
    rep = representation_from_generators(cyclic(400), [turn(400).float()], orthogonalise=True)
    torch.testing.assert_close(rep.matrix(torch.tensor(1)), turn(400), rtol=0, atol=1e-12)


def test_nine_digits_are_enough_for_a_layer():
    """What the check accepts, the decomposition accepts too."""
    typed = (Defining(cyclic(7)).matrix(torch.arange(7)) * 1e9).round() / 1e9
    rep = Given(cyclic(7), typed)
    torch.testing.assert_close(rep.matrix(torch.arange(7)), typed, rtol=0, atol=1e-8)
    Linear(rep @ rep, rep @ rep)


def test_large_groups_are_checked_on_all_elements():
    group = cyclic(1000)
    matrices = Defining(group).matrix(group.elements()).clone()
    matrices[617] = matrices[618]
    with pytest.raises(ArgumentError, match="rep: expected a homomorphism"):
        Given(group, matrices)


def test_refusals_name_what_to_do():
    single = Defining(cyclic(5)).matrix(torch.arange(5)).float()
    with pytest.raises(ArgumentError, match="orthogonalise=True\\) takes off the rounding"):
        Given(cyclic(5), single)
    with pytest.raises(ArgumentError, match="orthogonalise=True to change the basis, or to take off the rounding"):
        representation_from_generators(cyclic(5), [turn(5).float()])
    with pytest.raises(ArgumentError, match=r"break s0\^5 = 1 by"):
        representation_from_generators(cyclic(5), [turn(7).float()], orthogonalise=True)


@pytest.mark.usefixtures("unchecked_annotations")
def test_complex_matrices_keep_no_imaginary_part_in_silence():
    phases = torch.exp(2j * math.pi * torch.arange(3) / 3).reshape(3, 1, 1)
    for make in (
        lambda: Given(cyclic(3), phases),
        lambda: representation_from_generators(cyclic(3), phases[1:2]),
    ):
        with pytest.raises(ArgumentError, match=r"matrices: expected real numbers, got complex64; write every a \+ ib"):
            make()


def test_irreducibles_are_homomorphisms_to_rounding():
    for rep in irreducibles(ICO):
        products = rep.matrix(ICO.elements()[:, None]) @ rep.matrix(ICO.generators()[None])
        wanted = rep.matrix(ICO.compose(ICO.elements()[:, None], ICO.generators()[None]))
        torch.testing.assert_close(products, wanted, rtol=0, atol=1e-12)


def bent(off):
    """A mirror in a basis that is off by so much: its square is 1, and it is not orthogonal."""
    return torch.tensor([[1.0, off], [0.0, -1.0]], dtype=torch.float64)


def test_how_orthogonal_matrices_must_be():
    group = cyclic(2)
    assert representation_from_generators(group, [bent(0.9e-8)]).dim == 2
    with pytest.raises(ArgumentError, match=r"orthogonal matrices, got matrix 0 with \|R R\^T - 1\| = 1.1e-08; pass"):
        representation_from_generators(group, [bent(1.1e-8)])


def test_the_worst_matrix_is_named():
    square = dihedral(4)
    turn, mirror = Defining(square).matrix(square.generators())
    with pytest.raises(ArgumentError, match=r"got matrix 1 with \|R R\^T - 1\| = 3.0e\+00"):
        representation_from_generators(square, [turn * 1.1, mirror * 2])
    with pytest.raises(ArgumentError, match="invertible matrices, got matrix 1 is singular"):
        representation_from_generators(square, [turn * 1e-8, mirror * 1e-10], orthogonalise=True)


def test_how_singular_a_matrix_may_be():
    """[[1, a], [0, -1]] has singular values near a and 1 / a: far from singular for any group's sake."""
    rep = representation_from_generators(cyclic(2), [bent(1e4)], orthogonalise=True)
    torch.testing.assert_close(rep.character(torch.arange(2)), torch.tensor([2.0, 0.0], dtype=torch.float64))
    with pytest.raises(ArgumentError, match="matrix 0 is singular"):
        representation_from_generators(cyclic(2), [torch.diag(torch.tensor([1, 0.9e-9])).double()], orthogonalise=True)
    with pytest.raises(ArgumentError, match="break s0 s0 = 1"):
        representation_from_generators(cyclic(2), [torch.diag(torch.tensor([1, 1.1e-9])).double()], orthogonalise=True)


@pytest.mark.parametrize(("off", "refused"), [(0.9e-6, False), (1.1e-6, True)])
def test_how_exactly_relations_must_hold(off, refused):
    """Turned by a little more than half a turn: its square is off by twice that."""
    a = math.pi + off / 2
    turned = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=torch.float64)
    message = "break s0 s0 = 1 by 1.1e-06; s0, s1" if refused else "expected a homomorphism"
    with pytest.raises(ArgumentError, match=message):  # what the relations let pass, the homomorphism does not
        representation_from_generators(cyclic(2), [turned])
    if not refused:
        made = representation_from_generators(cyclic(2), [turned], orthogonalise=True)
        torch.testing.assert_close(made.matrix(torch.tensor(1)), -torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n", "told"), [(3, "s0 s0 s0"), (4, r"s0\^4")])
def test_long_words_are_spelt_by_their_powers(n, told):
    with pytest.raises(ArgumentError, match=f"break {told} = 1 by"):
        representation_from_generators(cyclic(n), [turn(7)])


@pytest.mark.parametrize(("off", "accepted"), [(0.9e-8, True), (1.1e-8, False)])
def test_how_exact_a_table_must_be(off, accepted):
    """Half a turn that is a little more: its square differs from 1 by `off`."""
    a = math.pi + off / 2
    one = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=torch.float64)
    table = torch.stack([torch.eye(2, dtype=torch.float64), one])
    if accepted:
        rep = Given(cyclic(2), table, "half turns")
        assert rep.name == "half turns"
        torch.testing.assert_close(rep.matrix(torch.tensor(1)), -torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-15)
    else:
        with pytest.raises(
            ArgumentError, match=r"a homomorphism, .* off by 1.1\de-08 at a = .*; representation_from_gen"
        ):
            Given(cyclic(2), table)


def test_the_way_out_is_that_of_rounding_only_where_it_is_rounding():
    for off, rounding in ((0.9e-3, True), (1.1e-3, False)):
        table = torch.ones(2, 1, 1, dtype=torch.float64)
        table[1] += off / 2
        with pytest.raises(ArgumentError, match="orthogonal matrices, got given: off by") as caught:
            Given(cyclic(2), table)
        assert ("takes off the rounding of single precision" in str(caught.value)) is rounding


def test_names_are_kept():
    rep = representation_from_generators(cyclic(5), [turn(5)], "turns")
    assert repr(rep) == "<turns of C5, dimension 2>"


class Broken(Trivial):
    """Wrong at one element alone."""

    def matrix(self, g):
        return super().matrix(g) * torch.where(g == 300, -1, 1)[..., None, None]


@pytest.mark.parametrize(("order", "dim", "proved"), [(512, 5, True), (513, 4, True), (513, 5, False)])
def test_what_is_proved_and_what_is_only_tried(order, dim, proved, monkeypatch):
    """All elements of a group of at most 512, whatever the size; of larger ones while so many entries do."""
    monkeypatch.setattr(representation, "_PROOF", 10_000)
    group = cyclic(order)
    assert not (group.sample(128, torch.Generator().manual_seed(0)) == 300).any()
    if proved:
        with pytest.raises(ArgumentError, match=r"rep: expected a homomorphism, .* off by 2\.00"):
            Broken(group, dim).check()
    else:
        Broken(group, dim).check()


def test_more_elements_are_tried_where_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(representation, "_PROOF", 10_000)
    group = cyclic(513)
    with pytest.raises(ArgumentError, match="expected a homomorphism"):
        Broken(group, 5).check(samples=600, seed=1)
