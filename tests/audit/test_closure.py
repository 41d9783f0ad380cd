"""The randomisation test of the data's symmetry: calibrated where it holds, sharp where it does not."""

from __future__ import annotations

import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Defining, Given, Invariant, Points, Space, Symmetry, Vector
from haar.audit.batches import Batch
from haar.audit.closure import Closure, closed_elements
from haar.data.generators import ShearFlowGenerator
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, octahedral, product, reflections, sign, symmetric

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


def common_part(rows, sizes):
    """Of steps of rows that hold so many trajectories each, in plain Python."""
    count = sum(sizes)
    mean = sum(k * row for k, row in zip(sizes, rows, strict=True)) / count
    square = sum(k * row**2 for k, row in zip(sizes, rows, strict=True)) / count
    own = (square - mean**2) / (sum(k / count / k for k in sizes) - 1 / count)
    shared = max(mean**2 - own / count, 0)
    return shared / (shared + own)


@pytest.mark.parametrize(
    ("means", "capacity"), [([3.0, 1.0, 2.0, 2.5, 0.5], 2), ([3.0, 1.0, 2.0, 2.5, 0.5], None), ([1.0, -1.0] * 4, None)]
)
def test_trajectories_that_share_a_row_are_weighed_by_their_number(means, capacity):
    symmetry = Symmetry.of_fields(reflections(1), "u:vector")
    closure = Closure(symmetry, symmetry.group.elements(), capacity=capacity)
    closure.update(
        Batch((torch.tensor(means, dtype=F64)[:, None, None].expand(-1, 1, 4),), None, torch.arange(len(means)))
    )
    rows = [means[k :: capacity or len(means)] for k in range(capacity or len(means))]
    expected = common_part([sum(row) / len(row) for row in rows], [len(row) for row in rows])
    (found,) = closure.tests()
    assert found.systematic == pytest.approx(expected, rel=1e-12)
    if capacity is None:  # two of 32 signs are as far from zero; no draw has a smaller mean than none
        assert (found.p == 1) == (sum(means) == 0)


def test_one_trajectory_shares_nothing_with_another():
    symmetry = Symmetry.of_fields(reflections(1), "u:vector")
    (found,) = closure_of(symmetry, torch.full((1, 1, 4), 3.0, dtype=F64)).tests()
    assert (found.p, found.systematic) == (1, 0)


def test_draws_follow_the_level_and_the_seed():
    symmetry = Symmetry.of_fields(reflections(1), "u:vector")
    closure = closure_of(symmetry, torch.full((20, 1, 4), 3.0, dtype=F64))
    assert closure.tests(significance=0.002)[0].p == pytest.approx(4 / 2001)
    assert closure.tests(draws=199)[0].p == pytest.approx(4 / 200)
    assert closure.tests(significance=0.5)[0].p == pytest.approx(4 / 1000)
    some = closure_of(
        symmetry, torch.tensor([1.0, -0.4, 0.7, -0.2, 0.9, 0.1], dtype=F64)[:, None, None].expand(6, 1, 4)
    )
    assert some.tests()[0].p == some.tests(seed=0)[0].p != some.tests(seed=1)[0].p


def test_p_values_are_corrected_for_statistics_and_elements():
    symmetry = Symmetry.of_fields(cyclic(4), "u:vector")
    found = closure_of(symmetry, torch.ones(20, 2, 4, 4, dtype=F64)).tests()
    # 4 statistics of 3 elements in 999 draws; a draw of quarter turns comes nowhere near
    assert [test.p for test in found] == pytest.approx([3 * 4 / 1000] * 3)
    assert {test.statistic for test in found} == {"channel means"}


def test_higher_moments_see_what_others_do_not(generator):
    # w -> -w in the mirror turns the skewness round; means, squares and places are alike
    x = -torch.rand(40, 1, 64, generator=generator, dtype=F64).log() - 1
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "w:pseudoscalar"), x).tests()
    assert (found.statistic, found.p < 0.05) == ("higher moments", True)
    # of a single vector the moments are those about 0: fourth powers of 2 and 1
    group = dihedral(4)
    signs = 1 - 2.0 * torch.randint(2, (40, 2), generator=generator, dtype=F64)
    vectors = Symmetry(group, Vector(Defining(group)), Invariant(group))
    tests = {test.element: test for test in closure_of(vectors, signs * torch.tensor([2.0, 1.0], dtype=F64)).tests()}
    assert (tests["r90"].statistic, tests["r90"].p < 0.05) == ("higher moments", True)
    assert_closed(tests["r180"])


def test_no_input_and_no_channel_outweighs_another(generator):
    group = reflections(1)
    fields = Symmetry.of_fields(group, "p, q").inputs[0], Symmetry.of_fields(group, "u:vector").inputs[0]
    symmetry = Symmetry(group, fields, Invariant(group))
    x, u = (torch.randn(12, c, 6, generator=generator, dtype=F64) for c in (2, 1))
    plain, other = (Closure(symmetry, group.elements()) for _ in range(2))
    plain.update(Batch((x, u), None, torch.arange(12)))
    other.update(Batch((x * torch.tensor([[1e6], [1.0]], dtype=F64), 1e-7 * u), None, torch.arange(12)))
    (a,), (b,) = plain.tests(), other.tests()
    assert (a.p, a.statistic) == (b.p, b.statistic)
    assert a.distance == pytest.approx(b.distance, rel=1e-9)
    assert a.systematic == pytest.approx(b.systematic, rel=1e-9, abs=1e-12)


def test_one_row_for_all_stands_beside_every_sample(generator):
    group = reflections(1)
    fields = Symmetry.of_fields(group, "p").inputs[0], Symmetry.of_fields(group, "u:vector").inputs[0]
    symmetry = Symmetry(group, fields, Invariant(group))
    x, u = torch.randn(6, 1, 4, generator=generator, dtype=F64), torch.ones(1, 1, 4, dtype=F64)
    found = []
    for wind in (u, u.expand(6, 1, 4)):
        closure = Closure(symmetry, group.elements())
        closure.update(Batch((x, wind), None, torch.arange(6)))
        found.append(closure.tests())
    assert found[0] == found[1]


def test_single_samples_may_have_any_number_of_what_nothing_moves(generator):
    group = reflections(1)
    symmetry = Symmetry(group, (Points(rotation=Space(group)), Invariant(group)), Invariant(group))
    closure = Closure(symmetry, group.elements())
    for k, n in enumerate((3, 5, 4)):
        cloud = torch.randn(n, 1, generator=generator, dtype=F64)
        closure.update(Batch((cloud, torch.ones(n)), None, torch.tensor([k]), single=True))
    (alone,) = closure.tests()
    assert closure.trajectories == 3
    assert alone.p > 0.05


def test_features_of_other_numbers_of_channels_are_refused(generator):
    group = reflections(1)
    symmetry = Symmetry(group, Invariant(group), Invariant(group))
    closure = closure_of(symmetry, torch.randn(4, 3, generator=generator, dtype=F64))
    message = (
        r"data: expected inputs with as many channels as before, .*\(1\), got \(2, 2\) features after \(2, 3\); pass"
    )
    with pytest.raises(ArgumentError, match=message):
        closure.update(Batch((torch.randn(4, 2, generator=generator, dtype=F64),), None, torch.arange(4)))
    open_set = closure_of(
        Symmetry.of_fields(cyclic(4), "p"),
        torch.randn(4, 1, 4, 4, generator=generator, dtype=F64),
        elements=torch.tensor([0, 1, 3]),
    )
    with pytest.raises(ArgumentError, match="elements: expected a set closed under powers, got r90"):
        open_set.tests()


def test_nothing_is_tested_before_there_are_data_or_without_elements():
    group = reflections(1)
    symmetry = Symmetry(group, Invariant(group, batched=False), Invariant(group))
    closure = Closure(symmetry, symmetry.group.elements())
    assert (closure.tests(), closure.trajectories) == ([], 0)
    closure.update(Batch((torch.ones(3),), None, torch.arange(4)))  # all samples share it
    assert (closure.tests(), closure.trajectories) == ([], 0)
    assert closed_elements(cyclic(5), 5).tolist() == [0, 1, 2, 3, 4]
    assert closed_elements(cyclic(5), 4) is None
    assert closed_elements(SO(2), 64) is None


def test_channels_are_measured_in_the_spread_that_they_have_unmoved(generator):
    symmetry = Symmetry.of_fields(cyclic(4), "u:vector")
    x = torch.randn(5, 2, 4, 4, generator=generator, dtype=F64) * torch.tensor([3.0, 1.0], dtype=F64)[:, None, None]
    moved = symmetry.act_inputs(torch.tensor(1), [x])[0]
    here, there = (y - y.mean((2, 3), keepdim=True) for y in (x, moved))
    unit = here.square().mean((0, 2, 3)).sqrt()[:, None, None]
    here, there = (here / unit).mean(0), (there / unit).mean(0)
    size = (here.square().sum() + there.square().sum()) / 2
    expected = ((here - there).square().sum() / size).sqrt()
    assert closure_of(symmetry, x).tests()[0].distance == pytest.approx(float(expected), rel=1e-12)


EPS = torch.finfo(torch.float32).eps


@pytest.mark.parametrize(
    ("dtype", "size", "drift", "told"),
    [
        (F64, 1.0, 0.498e-12, False), (F64, 1.0, 0.502e-12, True),
        (torch.float32, 0.33, 10.5 * EPS, False), (torch.float32, 0.31, 10 * EPS, True),
    ],
)  # fmt: skip
def test_steps_of_a_few_roundings_tell_nothing(dtype, size, drift, told):
    # -u(-x) is the wave itself, and changes the mean by twice the drift: 1e-12 or 64 roundings of the size
    wave = torch.tensor([size, -size] * 4, dtype=dtype)
    x = (wave + drift).expand(20, 1, 8)
    assert torch.unique(x - wave).tolist() == pytest.approx([drift], rel=1e-3)
    (found,) = closure_of(Symmetry.of_fields(reflections(1), "u:vector"), x).tests()
    assert found.p == pytest.approx(4 / 1000 if told else 1)


def test_moments_of_a_turn_that_mixes_them_are_those_by_hand():
    """Fourth powers of a square's corners, turned by 120 degrees: no other turn of the three has the same step."""
    group = cyclic(3)
    angle = torch.tensor(2 * torch.pi / 3, dtype=F64)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    rep = Given(group, torch.stack([torch.linalg.matrix_power(turn, k) for k in range(3)]))
    x = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=F64).repeat(8, 1)
    found = {test.element: test for test in closure_of(Symmetry(group, Vector(rep), Invariant(group)), x).tests()}
    (name, other) = (group.describe(torch.tensor(k)) for k in (1, 2))

    def part(power, features):
        moved = [x @ torch.linalg.matrix_power(turn, power * k).T for k in range(3)]
        values = torch.stack([features(one) for one in moved], 1)
        step = values - values.roll(-1, 1)
        step = step / step.square().mean((0, 1)).sqrt()
        observed, each = float(step[:, 0].mean(0).square().sum()), float(step[:, 0].square().sum(1).mean())
        own = max((each - observed) / (1 - 1 / 32), 0)
        shared = max(observed - own / 32, 0)
        return shared / (shared + own)

    for power, element in ((1, name), (2, other)):
        parts = {
            "channel means": part(power, lambda v: v),
            "higher moments": part(power, lambda v: torch.cat([v**3, v**4], 1)),
        }  # fmt: skip
        best = max(parts, key=parts.get)
        assert best == "higher moments"
        assert parts[best] > 0.004
        assert found[element].systematic == pytest.approx(parts[best], rel=1e-9)
        assert found[element].statistic == best
