"""The randomisation test of the data's symmetry: calibrated where it holds, sharp where it does not."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Defining, Invariant, Points, Space, Symmetry
from haar.audit.batches import Batch
from haar.audit.closure import Closure
from haar.data.generators import ShearFlowGenerator
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral, octahedral, product, reflections, sign, symmetric

F64 = torch.float64


def closure_of(symmetry, x, clusters=None, elements=None):
    closure = Closure(symmetry, symmetry.group.elements() if elements is None else elements)
    closure.update(Batch((x,), None, torch.arange(len(x)) if clusters is None else clusters))
    return closure


def assert_closed(test):
    """A true null: p below 1 % would be a chance of one in a hundred, and no share of the difference is systematic."""
    assert test.p > 0.01, test
    assert test.systematic < 0.15, test


def test_p_values_are_uniform_on_symmetric_data():
    """Level 5 % on exactly symmetric laws: rejections in 120 data sets stay within a binomial 99.9 % band."""
    symmetry = Symmetry.of_fields(reflections(1), "p")
    generator = torch.Generator().manual_seed(11)
    rejected = sum(
        closure_of(symmetry, torch.randn(12, 1, 8, generator=generator, dtype=F64)).tests(draws=199)[0].p <= 0.05
        for _ in range(120)
    )
    assert rejected <= 15  # P(Binomial(120, 0.05) > 15) < 0.001; Bonferroni makes it smaller still


@pytest.mark.parametrize("shift", [0.7, -0.7])
def test_a_drift_is_rejected(shift, generator):
    symmetry = Symmetry.of_fields(dihedral(4), "u:vector")
    x = torch.randn(40, 2, 8, 8, generator=generator, dtype=F64)
    x[:, 0] += shift
    found = {t.element: t for t in closure_of(symmetry, x).tests()}
    assert found["mx"].p < 0.05  # reverses u_x
    assert found["mx"].statistic == "channel means"
    assert_closed(found["my"])  # keeps it
    assert found["r180"].p < 0.05


def test_statistics_of_second_order_see_an_anisotropy_of_zero_mean(generator):
    symmetry = Symmetry.of_fields(cyclic(4), "u:vector")
    x = torch.randn(40, 2, 8, 8, generator=generator, dtype=F64)
    x[:, 0] *= 2
    found = {t.element: t for t in closure_of(symmetry, x).tests()}
    assert found["r90"].p < 0.05
    assert found["r90"].systematic > 0.3
    assert_closed(found["r180"])


def test_the_shear_flow_is_not_closed_under_exact_symmetries_of_its_equations():
    """Section 2.4: rotations and the plain x-reflection fail, the y-reflection and the corrected x-reflection hold."""
    data = ShearFlowGenerator(resolution=(16, 16), n_trajectories=24, n_steps=3, seed=3)
    fields = next(data.batches(24))
    state = torch.cat([fields["tracer"][:, -1:], fields["velocity"][:, -1].movedim(-1, 1)], 1)
    group = dihedral(4)
    plain = {
        t.element: t
        for t in closure_of(Symmetry.of_fields(group, "tracer, velocity:vector", centring="node"), state).tests()
    }
    for element in ("r90", "r270", "mx", "r180", "d", "d'"):
        assert plain[element].p < 0.05, element
        assert plain[element].distance > 1.2, element
    assert_closed(plain["my"])
    assert plain["my"].distance < 0.5


def test_a_reflection_about_the_wrong_point_is_noticed():
    """On the nodes of a periodic grid a plain flip reflects about half a cell: a shift too far for these data."""
    data = ShearFlowGenerator(resolution=(16, 16), n_trajectories=24, n_steps=3, seed=3)
    state = next(data.batches(24))["velocity"][:, -1].movedim(-1, 1)
    found = {
        centring: closure_of(Symmetry.of_fields(reflections(2), "u:vector", centring=centring), state).tests()[0]
        for centring in ("node", "cell")
    }
    assert found["node"].element == "my"
    assert_closed(found["node"])
    assert found["cell"].p < 0.05


def test_the_corrected_reflection_of_the_shear_flow_is_closed():
    from haar.groups import grid_group

    data = ShearFlowGenerator(resolution=(16, 16), n_trajectories=24, n_steps=3, seed=3)
    fields = next(data.batches(24))
    state = torch.cat([fields["tracer"][:, -1:], fields["velocity"][:, -1].movedim(-1, 1)], 1)
    grid = grid_group(reflections(2), (16, 16), step=8)
    whole = product(grid, sign(1))
    mirror = grid.element(grid.point.elements()[2], (0, 8))
    assert grid.describe(mirror).startswith("mx")
    group = whole.subgroup([int(whole.join([mirror, torch.tensor(1)]))])
    tracer_sign = Defining(whole.factors[1]).pull_back(whole, 1)
    symmetry = Symmetry.of_fields(whole, "tracer, velocity:vector", internal={"tracer": tracer_sign}, centring="node")
    symmetry = symmetry.restrict(group)
    (found,) = closure_of(symmetry, state).tests()
    assert_closed(found)
    assert found.distance < 0.5


def test_rows_of_one_trajectory_count_once(generator):
    symmetry = Symmetry.of_fields(reflections(1), "p")
    x = torch.randn(3, 1, 8, generator=generator, dtype=F64).repeat_interleave(50, 0)
    clusters = torch.arange(3).repeat_interleave(50)
    closure = closure_of(symmetry, x, clusters)
    assert closure.trajectories == 3
    assert closure.tests()[0].p > 0.2  # three trajectories cannot reject


@given(st.integers(0, 1000))
def test_merging_is_adding(seed):
    symmetry = Symmetry.of_fields(dihedral(4), "p")
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(10, 1, 4, 4, generator=generator, dtype=F64)
    clusters = torch.arange(10) // 2
    whole = closure_of(symmetry, x, clusters)
    first, second = (Closure(symmetry, symmetry.group.elements()) for _ in range(2))
    first.update(Batch((x[:3],), None, clusters[:3]))
    second.update(Batch((x[3:],), None, clusters[3:]))
    for a, b in zip(whole.tests(draws=99), first.merge(second).tests(draws=99), strict=True):
        assert a.p == b.p
        assert a.systematic == pytest.approx(b.systematic, rel=1e-9, abs=1e-12)


def test_clouds_of_points(generator):
    group = symmetric(3)
    symmetry = Symmetry(group, Points(relabelling=Defining(group)), Invariant(group))
    x = torch.randn(40, 3, 2, generator=generator, dtype=F64)
    for test in closure_of(symmetry, x).tests():
        assert_closed(test)
    x[:, 0] += 1
    assert any(t.p < 0.05 for t in closure_of(symmetry, x).tests())


def test_other_grids_and_open_sets_are_refused(generator):
    symmetry = Symmetry.of_fields(cyclic(4), "p")
    x = torch.randn(4, 1, 4, 4, generator=generator, dtype=F64)
    with pytest.raises(ArgumentError, match="elements: expected a set closed under powers, got r90"):
        closure_of(symmetry, x, elements=torch.tensor([0, 1])).tests()


def test_a_large_group_can_be_rejected(generator):
    """With 47 elements and four statistics, 999 draws could reject nothing at all."""
    group = octahedral(full=True)
    symmetry = Symmetry(group, Points(rotation=Space(group)), Invariant(group))
    x = torch.randn(30, 4, 3, generator=generator, dtype=F64)
    x[..., 2] += 3
    found = {test.element: test.p for test in closure_of(symmetry, x).tests()}
    assert found["mz"] <= 0.05
    assert found["mx"] > 0.05


def test_merging_works_with_default_options(generator):
    symmetry = Symmetry.of_fields(cyclic(4), "p")
    x = torch.randn(12, 1, 4, 4, generator=generator, dtype=F64)
    whole = closure_of(symmetry, x)
    parts = [closure_of(symmetry, x[rows], rows) for rows in torch.arange(12).tensor_split(3)]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert [test.p for test in merged.tests()] == [test.p for test in whole.tests()]


@pytest.mark.parametrize("capacity", [16, None])
@pytest.mark.parametrize("drift", [0.0, 1.0])
def test_trajectories_that_share_rows_are_tested_all_the_same(capacity, drift, generator):
    symmetry = Symmetry.of_fields(reflections(1), "u:vector")
    closure = Closure(symmetry, symmetry.group.elements(), capacity=capacity)
    means = torch.randn(200, 1, 1, generator=generator, dtype=F64) + drift
    for rows in torch.arange(200).split(40):
        closure.update(Batch((means[rows].expand(40, 1, 8),), None, rows))
    (found,) = closure.tests()
    assert closure.trajectories == 200
    assert (found.p <= 0.05) == (drift > 0)
    # u -> -u changes the mean by 2 (drift + noise of variance 1): half of its square is common to all.
    assert found.systematic == pytest.approx(0.5 * drift, abs=0.1)


def test_a_trajectory_takes_little_memory(generator):
    symmetry = Symmetry.of_fields(dihedral(4), "p, u:vector")
    closure = Closure(symmetry, symmetry.group.elements())
    x = torch.randn(50, 3, 16, 16, generator=generator)
    for start in range(0, 2000, 50):
        closure.update(Batch((x,), None, torch.arange(start, start + 50)))
    assert closure.trajectories == 2000
    assert len(pickle.dumps(closure)) < 100_000_000


def test_clouds_of_several_sizes(generator):
    group = octahedral()
    symmetry = Symmetry(group, Points(rotation=Space(group)), Invariant(group))
    closure = Closure(symmetry, group.elements())
    for n in (4, 5, 6, 5):
        x = torch.randn(10, n, 3, generator=generator, dtype=F64)
        x[..., 0] += 3
        closure.update(Batch((x,), None, torch.arange(10), numbered=True))
    assert closure.trajectories == 40
    assert {test.element for test in closure.tests() if test.p > 0.05} <= {"mymz", "(x,-z,y)", "(x,z,-y)"}


def test_long_axes_are_compared_by_the_means_of_neighbouring_cells():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 1, 32, generator=generator, dtype=F64)
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "p"), x).tests()
    centred = x.numpy() - x.numpy().mean(2, keepdims=True)
    here = (centred[..., 0::2] + centred[..., 1::2]).mean(0) / 2
    there = here[..., ::-1]
    apart = ((here - there) ** 2).sum() ** 0.5
    assert found.distance == pytest.approx(apart / ((here**2).sum() / 2 + (there**2).sum() / 2) ** 0.5, rel=1e-12)


def test_the_common_part_and_the_p_value_are_those_by_hand():
    means = torch.tensor([3.0, 1.0, 2.0, 2.5] * 5, dtype=F64)
    x = means[:, None, None].expand(20, 1, 4)
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "u:vector"), x).tests()
    # u -> -u changes every mean by twice itself, and nothing else
    each, whole = float(means.square().mean()), float(means.mean() ** 2)
    own = (each - whole) / (1 - 1 / 20)
    shared = whole - own / 20
    assert found.statistic == "channel means"
    assert found.systematic == pytest.approx(shared / (shared + own), rel=1e-12)
    assert found.p == pytest.approx(4 / 1000)  # no draw of 999 has all signs equal; four statistics
