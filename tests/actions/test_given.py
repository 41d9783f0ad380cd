"""Representations given by matrices that are rounded: what is accepted is one to rounding."""

from __future__ import annotations

import math

import pytest
import torch

from haar.actions.representation import Defining, Given, representation_from_generators
from haar.errors import ArgumentError
from haar.groups import cyclic, icosahedral
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
