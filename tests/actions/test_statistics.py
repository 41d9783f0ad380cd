"""Statistics that a group leaves alone: those of the data with all moved copies, and what they are for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import (
    Defining,
    Given,
    Layout,
    Regular,
    Space,
    Trivial,
    field_representation,
    invariant_statistics,
    tensor_power,
)
from haar.actions.statistics import mixed_channels
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, O, dihedral, grid_group, octahedral, product, reflections, sign, symmetric

FINITE = [
    field_representation(Layout.parse("p, w:pseudoscalar, u:vector, D:tensor"), dihedral(4)),
    field_representation(Layout.parse("p, u:vector, B:pseudovector", dim=3), octahedral(full=True)),
    field_representation(Layout.parse("u:vector, D:tensor", history=2), reflections(2)),
    field_representation(Layout.parse("u:vector"), grid_group(dihedral(4), (4, 4), step=2)),
    Defining(dihedral(5)),
    Defining(sign(4)),
]


@given(st.integers(0, len(FINITE) - 1), st.integers(0, 999))
def test_they_are_the_statistics_of_the_data_with_all_moved_copies(which, seed):
    rep, generator = FINITE[which], torch.Generator().manual_seed(seed)
    x = torch.randn(30, rep.dim, generator=generator, dtype=torch.float64) * torch.rand(rep.dim, generator=generator)
    x = x + torch.randn(rep.dim, generator=generator, dtype=torch.float64)
    mean, std = invariant_statistics(rep, x.mean(0), x.std(0, correction=0))
    moved = rep.act(rep.group.elements()[:, None], x).flatten(0, 1)
    assert torch.allclose(mean, moved.mean(0), atol=1e-12, rtol=0)
    if rep.is_signed_permutation:
        assert torch.allclose(std, moved.std(0, correction=0), atol=1e-12, rtol=0)
    assert torch.allclose((std**2).sum(), moved.var(0, correction=0).sum(), atol=1e-10, rtol=0)
    again = invariant_statistics(rep, mean, std)
    assert torch.allclose(again[0], mean, atol=1e-12)
    assert torch.allclose(again[1], std, atol=1e-12)


O2 = O(2)
REPS = [
    *FINITE,
    tensor_power(Defining(SO(3)), 2),
    field_representation(Layout.parse("p, u:vector, D:tensor"), O2, space=Defining(O2)),
    Space(product(dihedral(4), symmetric(8))),
]


@given(st.integers(0, len(REPS) - 1), st.integers(0, 999))
def test_normalising_with_them_commutes_with_the_group(which, seed):
    rep, generator = REPS[which], torch.Generator().manual_seed(seed)
    mean, std = (torch.rand(rep.dim, generator=generator, dtype=torch.float64) for _ in range(2))
    m, s = invariant_statistics(rep, mean, std)
    g, x = rep.group.sample(7, generator), torch.randn(7, rep.dim, generator=generator, dtype=torch.float64)
    assert torch.allclose(rep.act(g, (x - m) / s), (rep.act(g, x) - m) / s, atol=1e-10, rtol=0)


def test_normalising_each_component_alone_does_not():
    rep = Space(dihedral(4))
    std = torch.tensor([0.402, 0.104], dtype=torch.float64)  # one flow along x
    x, quarter = torch.ones(1, 2, dtype=torch.float64), torch.tensor(1)
    assert float((rep.act(quarter, x / std) - rep.act(quarter, x) / std).abs().max()) > 1


def test_random_elements_stand_for_groups_that_are_neither_listed_nor_lie(generator):
    group = product(SO(2), symmetric(8))
    rep = Defining(group.factors[0]).pull_back(group, 0)
    mean, std = invariant_statistics(rep, torch.tensor([1.0, 2.0]), torch.tensor([0.0, 0.0]))
    assert mean.tolist() == [0, 0]
    assert torch.allclose(std, torch.full((2,), 2.5).sqrt())


def test_means_keep_what_is_invariant_and_drop_the_rest_exactly():
    rep = field_representation(Layout.parse("p, u:vector, D:tensor"), dihedral(4))
    mean, std = invariant_statistics(rep, torch.tensor([5.0, 1, 2, 1, 2, 3, 4]), torch.zeros(7))
    assert mean.tolist()[1:3] == [0, 0]
    assert torch.allclose(mean, torch.tensor([5.0, 0, 0, 2.5, 0, 0, 2.5]))
    assert torch.allclose(std[1:3], torch.full((2,), 2.5).sqrt())


@pytest.mark.parametrize(
    ("mean", "std", "error", "message"),
    [
        (
            torch.zeros(3),
            torch.ones(2),
            ShapeError,
            r"mean: expected one number for each of 2 channels \(vector\), got \(3,\)",
        ),
        (torch.zeros(2), torch.ones(1), ShapeError, "std: expected one number for each of 2 channels"),
        (torch.tensor([0.0, float("nan")]), torch.ones(2), ArgumentError, "mean: expected finite numbers, got"),
        (torch.zeros(2), torch.tensor([1.0, -1.0]), ArgumentError, "std: expected no negative standard deviation"),
    ],
)
def test_what_are_no_statistics_is_refused(mean, std, error, message):
    with pytest.raises(error, match=message):
        invariant_statistics(Space(dihedral(4)), mean, std)


def test_a_group_of_one_element_changes_nothing():
    group = dihedral(4).subgroup([])
    mean, std = invariant_statistics(Given(group, torch.eye(3)[None]), torch.arange(3.0), torch.arange(3.0))
    assert mean.tolist() == std.tolist() == [0, 1, 2]
    assert invariant_statistics(Trivial(dihedral(4), 2), torch.ones(2), torch.ones(2))[1].tolist() == [1, 1]


def test_the_dtypes_are_those_of_the_old_ones_and_complex_means_count_by_their_size():
    rep = Space(dihedral(4))
    mean, std = invariant_statistics(rep, torch.tensor([3 + 4j, 0j], dtype=torch.complex64), torch.zeros(2).half())
    assert (mean.dtype, std.dtype) == (torch.complex64, torch.float16)
    assert mean.tolist() == [0, 0]
    assert torch.allclose(std.float(), torch.full((2,), 12.5).sqrt(), atol=1e-2)


@pytest.mark.usefixtures("unchecked_annotations")
def test_a_spread_is_real():
    with pytest.raises(ArgumentError, match="std: expected a real floating dtype, got complex64"):
        invariant_statistics(Space(dihedral(4)), torch.zeros(2), torch.zeros(2, dtype=torch.complex64))


@pytest.mark.parametrize(("size", "apart"), [(256, True), (257, False)])
def test_more_channels_than_that_are_not_taken_apart(size, apart):
    assert (len(mixed_channels(Trivial(dihedral(4), size))) == size) is apart


def test_channels_are_linked_by_way_of_others():
    """A cycle of five: a generator sends each to the next alone."""
    five = Defining(symmetric(5).subgroup(symmetric(5).generators()[1:]))
    assert mixed_channels(five) == [(0, 1, 2, 3, 4)]
    twice = field_representation(Layout.parse("p, q:pseudoscalar, u:vector"), dihedral(4))
    assert mixed_channels(twice) == [(0,), (1,), (2, 3)]


@pytest.mark.parametrize("angle", [1e-8, 1e-4])
def test_a_small_turn_leaves_nothing_alone(angle):
    """What a group turns by a small angle is not fixed; what rounding turns is."""
    n = round(2 * torch.pi / angle)
    c, s = torch.cos(torch.tensor(2 * torch.pi / n).double()), torch.sin(torch.tensor(2 * torch.pi / n).double())

    class Turns(Trivial):
        is_signed_permutation = False

        def matrix(self, g):
            return torch.tensor([[c, -s], [s, c]], dtype=torch.float64).expand(*g.shape[:-1], 2, 2)

    rep = Turns(symmetric(8), 2)
    mean, _ = invariant_statistics(rep, torch.ones(2).double(), torch.zeros(2).double())
    assert mean.tolist() == [0, 0]


def test_no_spread_stays_none_whatever_rounds():
    for seed in range(20):
        value = torch.rand((), generator=torch.Generator().manual_seed(seed)).double()
        rep = Regular(dihedral(5))
        mean, std = invariant_statistics(rep, value.expand(10), torch.zeros(10).double())
        torch.testing.assert_close(mean, value.expand(10), rtol=1e-12, atol=0)
        assert bool((std < 1e-7).all())
