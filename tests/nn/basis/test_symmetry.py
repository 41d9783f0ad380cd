"""Symmetry by shape: exact for random weights and random groups, more than was asked only as it says, or refused."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from haar import audit, average
from haar.actions import Field, Invariant, Symmetry, Vector
from haar.actions.representation import Defining, Regular, representation_from_generators
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, from_matrices, from_permutations, sign, symmetric
from haar.nn import KKAN
from haar.nn.basis.parity_equations import solved
from haar.testing import assert_equivariant

F64 = torch.float64
SMALL = {"inner": (4, 2), "mixing": 3, "degree": 4}


def built(symmetry, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return KKAN.for_symmetry(symmetry, **SMALL | options).double()


def defect(model, symmetry, seed=0):
    """The largest difference over all elements."""
    count = model.coordinates.count
    x = 2 * torch.rand(5, count, generator=torch.Generator().manual_seed(seed), dtype=F64) - 1
    with torch.no_grad():
        y = model(x)
        moved = [
            (model(symmetry.inputs[0].act(g, x)) - symmetry.outputs.act(g, y)).abs().max()
            for g in symmetry.group.elements()
        ]
    return float(max(moved))


def of_matrices(matrices, characters=None):
    """The symmetry of signed permutations, and of signs of an output."""
    generators = torch.stack([torch.as_tensor(one, dtype=F64) for one in matrices])
    group = from_matrices(generators)
    inputs = Vector(representation_from_generators(group, generators))
    if characters is None:
        return Symmetry(group, inputs, Invariant(group))
    images = torch.tensor(characters, dtype=F64)[:, None, None]
    return Symmetry(group, inputs, Vector(representation_from_generators(group, images)))


@st.composite
def signed_permutations(draw):
    """One to three generators of a subgroup of the hyperoctahedral group of two to four coordinates."""
    count = draw(st.integers(2, 4))
    found = []
    for _ in range(draw(st.integers(1, 3))):
        order = draw(st.permutations(range(count)))
        signs = draw(st.lists(st.sampled_from([1.0, -1.0]), min_size=count, max_size=count))
        matrix = torch.zeros(count, count, dtype=F64)
        for place, (source, flip) in enumerate(zip(order, signs, strict=True)):
            matrix[place, source] = flip
        found.append(matrix)
    assume(not any(torch.equal(one, torch.eye(count, dtype=F64)) for one in found))
    assume(len({tuple(one.flatten().tolist()) for one in found}) == len(found))
    return found


@settings(max_examples=40, deadline=None)
@given(signed_permutations(), st.integers(0, 99))
def test_any_group_of_signed_permutations_can_be_had(matrices, seed):
    symmetry = of_matrices(matrices)
    model = built(symmetry, seed)
    assert defect(model, symmetry) < 1e-12
    assert model(torch.rand(5, len(matrices[0]), dtype=F64)).std() > 1e-6  # it is no constant


@settings(max_examples=30, deadline=None)
@given(signed_permutations(), st.integers(0, 99))
def test_the_whole_symmetry_is_there_and_has_the_group_that_was_asked(matrices, seed):
    symmetry = of_matrices(matrices)
    model = built(symmetry, seed)
    whole = model.whole_symmetry()
    assert whole.group.order == model.coordinates.order
    assert defect(model, whole) < 1e-12
    every = {tuple(m.flatten().round().tolist()) for m in whole.inputs[0].rep.matrix(whole.group.elements())}
    assert {
        tuple(m.flatten().round().tolist()) for m in symmetry.inputs[0].rep.matrix(symmetry.group.elements())
    } <= every


@settings(max_examples=40, deadline=None)
@given(signed_permutations(), st.integers(0, 99), st.lists(st.sampled_from([1.0, -1.0]), min_size=3, max_size=3))
def test_signs_of_an_output_are_built_or_refused_by_name(matrices, seed, signs):
    try:
        symmetry = of_matrices(matrices, signs[: len(matrices)])
    except ArgumentError:  # no homomorphism
        assume(False)
    try:
        model = built(symmetry, seed)
    except ArgumentError as error:
        assert "average it instead" in str(error)  # noqa: PT017
        return
    assert defect(model, symmetry) < 1e-12
    assert defect(model, model.whole_symmetry()) < 1e-12
    assert model(torch.rand(5, len(matrices[0]), dtype=F64)).std() > 1e-12


def test_determinants_of_all_signed_permutations_can_be_had():
    swap, flip = [[0.0, 1], [1, 0]], [[-1.0, 0], [0, 1]]
    for signs in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        symmetry = of_matrices([swap, flip], signs)
        model = built(symmetry)
        assert defect(model, symmetry) < 1e-12
        assert model(torch.rand(5, 2, dtype=F64)).std() > 1e-9


SHARED = {
    "plane": (lambda: dihedral(4), "all permutations of x0, x1; every sign of x0, x1", 8),
    "quarter turns": (lambda: cyclic(4), "all permutations of x0, x1; every sign of x0, x1", 8),
    "cycle": (lambda: from_permutations([[1, 2, 0]]), "all permutations of x0, x1, x2", 6),
    "signs": (lambda: sign(2), "every sign of x0; every sign of x1", 4),
}


@pytest.mark.parametrize("name", SHARED)
def test_it_says_which_symmetry_it_has(name):
    make, words, order = SHARED[name]
    group = make()
    model = built(Symmetry(group, Vector(Defining(group)), Invariant(group)))
    assert str(model.coordinates) == words
    assert words in repr(model)
    assert model.coordinates.order == order
    assert model.symmetry.group is group


def test_parity_of_all_coordinates_together_asks_for_no_more():
    for signs, words in (
        ((1,), "the sign of all together"),
        ((-1,), "the sign of all together; the output changes sign with all"),
    ):
        symmetry = of_matrices([-torch.eye(2, dtype=F64)], signs)
        model = built(symmetry)
        assert str(model.coordinates) == words
        assert defect(model, symmetry) < 1e-12
        x = torch.rand(5, 2, dtype=F64)
        flipped = x * torch.tensor([-1.0, 1.0])
        assert (model(flipped).abs() - model(x).abs()).abs().max() > 1e-9  # one coordinate alone does not do


def test_a_signed_exchange_is_a_permutation_after_a_sign():
    symmetry = of_matrices([[[0.0, -1], [-1, 0]]])
    model = built(symmetry)
    assert str(model.coordinates) == "all permutations of x0, -x1"
    assert defect(model, symmetry) < 1e-12


def test_periods_are_exact_with_exchanges_and_signs():
    symmetry = of_matrices([[[0.0, 1], [1, 0]], [[-1.0, 0], [0, 1]]], (-1, -1))
    model = built(symmetry, periods=1.5)
    assert defect(model, symmetry) < 1e-12
    x = torch.rand(6, 2, dtype=F64)
    torch.testing.assert_close(model(x + torch.tensor([1.5, -3.0])), model(x), rtol=0, atol=1e-12)


def test_enhanced_blocks_and_unequal_orbits_are_exact_too():
    symmetry = Symmetry((group := from_permutations([[1, 2, 0, 3]])), Vector(Defining(group)), Invariant(group))
    known = built(symmetry).coordinates
    for options in ({"enhanced": True}, {"enhanced": False}):
        model = KKAN(known, **SMALL, **options).double()
        assert defect(model, symmetry) < 1e-12


def test_averaging_the_plain_network_agrees_in_invariance_and_not_in_value():
    group = symmetric(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    plain, shaped = KKAN(2, **SMALL).double(), built(symmetry)
    averaged = average(plain, symmetry)
    x = torch.rand(5, 2, dtype=F64)
    for model in (averaged, shaped):
        assert (model(x.flip(1)) - model(x)).abs().max() < 1e-12
    assert (averaged(x) - plain(x)).abs().max() > 1e-4
    torch.testing.assert_close(average(shaped, symmetry)(x), shaped(x), rtol=0, atol=1e-12)


def test_averaging_changes_nothing_of_even_embeddings():
    group = sign(2)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    model, x = built(symmetry), 2 * torch.rand(5, 2, dtype=F64) - 1
    torch.testing.assert_close(average(model, symmetry)(x), model(x), rtol=0, atol=1e-12)


def test_the_assertion_and_the_audit_find_nothing():
    group = dihedral(4)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    model = built(symmetry, domain=(-6, 6))
    x = torch.rand(8, 2, dtype=F64)
    assert_equivariant(model, symmetry, x)
    assert "already respects D4" in audit(model, symmetry, [x]).summary


def test_what_cannot_be_built_is_refused_by_name():
    c8, so2, d4 = cyclic(8), SO(2), dihedral(4)
    refused = {
        "8": (
            Symmetry(c8, Vector(Defining(c8)), Invariant(c8)),
            "permutes coordinates and changes their signs, got .*, which mixes them",
        ),
        "so": (Symmetry(so2, Vector(Defining(so2)), Invariant(so2)), "permutes coordinates and changes their signs"),
        "out": (Symmetry(d4, Vector(Defining(d4)), Vector(Defining(d4))), "exchanges outputs"),
        "field": (Symmetry.of_fields(d4, "p"), r"one input, Vector\(rep\) on the last axis, got Field"),
        "two": (Symmetry(d4, (Vector(Defining(d4)), Vector(Defining(d4))), Invariant(d4)), "one input"),
        "fields": (Symmetry(d4, Vector(Defining(d4)), Field(Regular(d4))), "outputs Invariant or Vector"),
    }
    for symmetry, match in refused.values():
        with pytest.raises(ArgumentError, match=match) as told:
            built(symmetry)
        assert "average it instead: haar.average.average(model, symmetry)" in str(told.value)


def test_domains_and_periods_that_do_not_fit_the_group_are_refused():
    swap = of_matrices([[[0.0, 1], [1, 0]]])
    with pytest.raises(ArgumentError, match=r"domain: expected one for coordinates x0, x1, which are exchanged"):
        built(swap, domain=[(0, 1), (0, 2)])
    with pytest.raises(ArgumentError, match=r"periods: expected one for .* x0, x1, which are exchanged, got 1.0, None"):
        built(swap, periods=[1.0, None])
    flip = of_matrices([[[-1.0, 0], [0, 1]]])
    with pytest.raises(ArgumentError, match=r"domain: expected \(-a, a\) for .* x0, which change sign, got \(0, 1\)"):
        built(flip, domain=[(0, 1), (0, 1)])
    signed = of_matrices([[[0.0, 1], [1, 0]]], (-1,))
    with pytest.raises(ArgumentError, match="with a period; average it instead"):
        built(signed, periods=1.0)
    with pytest.raises(ArgumentError, match="outputs: expected 1, as the symmetry has, got 2"):
        built(signed, outputs=2)
    with pytest.raises(ArgumentError, match="limit: expected at least 2, the order of the group, got 1"):
        built(swap).whole_symmetry(limit=1)


def test_equations_of_parities():
    assert solved([(1, 0), (1, 1), (0, 1)], (1, 0)) == (0,)
    assert solved([(1, 1, 0), (0, 1, 1), (1, 0, 1)], (1, 0, 1)) == (0, 1)
    assert solved([(1, 1)], (1, 0)) is None
    assert solved([], ()) == ()
