"""The record of frames by hand: gaps, reach, ranks and predicted errors, on both sides of each threshold."""

from __future__ import annotations

import math

import pytest
import torch

from haar.errors import HaarError
from haar.nn.principal import FrameHealth, PrincipalAxes, frame_health, principal_axes

F64 = torch.float64
EPS = 2.0**-52


def axes(eigenvalues, coordinates, distance=1.0):
    """Frames with these eigenvalues of clouds with these coordinates."""
    values = torch.tensor([eigenvalues], dtype=F64)
    d = values.shape[1]
    parts = tuple(torch.tensor([rows], dtype=F64) for rows in coordinates)
    return PrincipalAxes(
        torch.zeros(1, 1, d, dtype=F64),
        values,
        torch.eye(d, dtype=F64)[None],
        parts,
        torch.tensor([distance], dtype=F64),
    )


def record(predicted, *, reach=None, gaps=None, threshold=1e-9):
    count = len(predicted)
    return FrameHealth(
        eigenvalues=torch.ones(count, 3, dtype=F64),
        gaps=torch.full((count, 2), 0.5, dtype=F64) if gaps is None else torch.tensor(gaps, dtype=F64),
        reach=torch.ones(count, 3, dtype=F64) if reach is None else torch.tensor(reach, dtype=F64),
        rank=torch.full((count,), 3),
        spaces=torch.tensor([[0, 0, 1]] * count),
        predicted=torch.tensor(predicted, dtype=F64),
        tolerance=1e-6,
        threshold=threshold,
    )


def test_verdicts_on_both_sides():
    found = record([1e-9, 1.001e-9, 0.0999, 0.1, 5.0])
    assert found.verdicts == ["EXACT", "ILL-CONDITIONED", "ILL-CONDITIONED", "UNDEFINED", "UNDEFINED"]
    assert found.unhealthy.tolist() == [False, True, True, True, True]
    assert record([0.0, 1.0], threshold=2.0).verdicts == ["EXACT", "UNDEFINED"]


def test_the_smallest_gap_is_one_beside_an_axis_with_reach():
    found = record(
        [0.0] * 4,
        reach=[[1.0, 1.0, 1.0], [1.0, 0.0, 1e-12], [0.0, 0.0, 1.1e-12], [0.0, 0.0, 0.0]],
        gaps=[[0.5, 0.25], [0.5, 0.25], [0.5, 0.75], [0.5, 0.25]],
    )
    assert found.smallest_gap.tolist() == [0.25, 0.5, 0.75, math.inf]
    alone = frame_health(axes([1.0], [[[1.0]]]), F64)
    assert alone.smallest_gap.tolist() == [math.inf]


def test_a_table_shows_the_worst_first_and_no_more_than_asked():
    found = record([0.01, 0.3, 0.2], reach=[[1.0] * 3, [1.0] * 3, [0.0] * 3])
    table = found.table()
    assert table.rows == [
        (1, 3, "2 + 1", 0.5, 0.3, "UNDEFINED"),
        (2, 3, "2 + 1", None, 0.2, "UNDEFINED"),
        (0, 3, "2 + 1", 0.5, 0.01, "ILL-CONDITIONED"),
    ]
    assert [row[0] for row in found.table(most=2).rows] == [1, 2]
    assert len(record([0.0] * 21).table().rows) == 20


def test_gaps_reach_and_rank_by_hand():
    """Coordinates (3, 0, 0), (0, 4, 0): shares 0.6 and 0.8 of the length 5; velocities reach the third axis."""
    places, speeds = [[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]], [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    alone = frame_health(axes([4.0, 3.0, 1.0], [places]), F64)
    assert alone.gaps.tolist() == [[0.25, 0.5]]
    assert alone.reach.tolist() == [[0.6, 0.8, 0.0]]
    assert alone.rank.tolist() == [2]
    both = frame_health(axes([4.0, 3.0, 1.0], [places, speeds]), F64)
    assert both.reach[0].tolist() == pytest.approx([0.5**0.5, 0.8, 0.5**0.5])
    assert both.rank.tolist() == [3]
    assert (alone.tolerance, alone.threshold) == (1e-6, EPS / 1e-6)
    single = frame_health(axes([4.0, 3.0, 1.0], [places]), torch.float32)
    assert (single.tolerance, single.threshold) == (1e-3, 2.0**-23 / 1e-3)
    given = frame_health(axes([4.0, 3.0, 1.0], [places]), F64, tolerance=0.3)
    assert given.threshold == EPS / 0.3
    assert given.spaces.tolist() == [[0, 0, 1]]


@pytest.mark.parametrize("distance", [1.0, 50.0])
@pytest.mark.parametrize(
    "lengths", [[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.6, 0.8], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
)
def test_the_prediction_is_rounding_over_the_gap_times_the_reach(distance, lengths):
    """Of the planes (0, 1), (0, 2), (1, 2) with gaps 1/8, 1/2, 3/8."""
    found = frame_health(axes([1.0, 0.875, 0.5], [[lengths]], distance), F64)
    planes = {(0, 1): 1 / 8, (0, 2): 1 / 2, (1, 2): 3 / 8}
    expected = max(
        distance * EPS / (gap - 4 * distance * EPS) * max(lengths[a], lengths[b]) for (a, b), gap in planes.items()
    )
    assert found.predicted.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("units", "undefined"), [(0, True), (4, True), (5, True), (200, False)])
def test_gaps_of_a_few_units_are_none(units, undefined):
    found = frame_health(axes([1.0, 1.0 - units * EPS], [[[0.6, 0.8]]]), F64)
    assert found.predicted.item() == pytest.approx(0.8 / max(1, units - 4), rel=1e-9)
    assert (found.verdicts == ["UNDEFINED"]) is undefined


@pytest.mark.parametrize(("gap", "distance", "spaces"), [(1e-6, 1, 0), (1.01e-6, 1, 1), (1.9e-6, 2, 0), (2.1e-6, 2, 1)])
def test_eigenspaces_are_kept_apart_by_more_than_the_trusted_gap(gap, distance, spaces):
    found = frame_health(
        axes([4.0, 4.0 - 4.0 * gap * (1 + 1e-9 * spaces - 1e-9)], [[[1.0, 1.0]]], float(distance)), F64
    )
    assert found.spaces.tolist() == [[0, spaces]]
    assert found.multiplicities(0) == ((1, 1) if spaces else (2,))


def test_axes_by_hand():
    """Four points around (1, 1): C = X^T X / n of the centred points, and of vectors as they are."""
    square = torch.tensor([[[2.0, 1.0], [0.0, 1.0], [1.0, 3.0], [1.0, -1.0]]], dtype=F64)
    found = principal_axes([square])
    assert found.centre.tolist() == [[[1.0, 1.0]]]
    assert found.eigenvalues.tolist() == [[2.0, 0.5]]
    assert found.axes.abs().tolist() == [[[0.0, 1.0], [1.0, 0.0]]]
    torch.testing.assert_close(found.coordinates[0].abs()[0, :, 0], torch.tensor([0.0, 0, 2, 2], dtype=F64))
    assert found.distance.tolist() == [1.0]  # 2^0.5 / 2.5^0.5 is below it
    far = principal_axes([square + torch.tensor([29.0, 39.0])])
    assert far.distance.item() == pytest.approx(50 / 2.5**0.5)
    speeds = torch.tensor([[[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [4.0, 0.0]]], dtype=F64)
    weighted = principal_axes([square, speeds], weights=(4.0, 0.5))
    assert weighted.eigenvalues.tolist() == [[8.0, 4.0]]
    assert weighted.coordinates[1].abs().amax().item() == 4.0
    assert principal_axes([square, speeds]).eigenvalues.tolist() == [[2.0, 0.5]]
    assert principal_axes([square, speeds], weights=(0.0, 0.5)).eigenvalues.tolist() == [[2.0, 0.0]]
    heavy = principal_axes([square + torch.tensor([29.0, 39.0])], weights=(9.0,))
    assert heavy.distance.item() == pytest.approx(50 / 2.5**0.5)


def test_masked_points_do_not_count():
    rows = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [7.0, 7.0]], [[5.0, 5.0], [1.0, 1.0], [1.0, 1.0]]], dtype=F64)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    found = principal_axes([rows], mask=mask)
    assert found.centre.tolist() == [[[0.0, 0.0]], [[0.0, 0.0]]]
    assert found.eigenvalues.tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert found.distance.tolist() == [1.0, 1.0]
    apart = principal_axes([torch.zeros(1, 2, 2, dtype=F64) + 3.0])
    assert apart.distance.tolist() == [1e16]
    single = principal_axes([rows[:, 2:]])
    assert single.centre.tolist() == [[[7.0, 7.0]], [[1.0, 1.0]]]
    assert (
        principal_axes([rows], mask=torch.tensor([[False, False, True]] * 2)).centre.tolist() == single.centre.tolist()
    )
    none = principal_axes([rows[:, :0]])
    assert none.centre.tolist() == [[[0.0, 0.0]]] * 2
    assert none.eigenvalues.tolist() == [[0.0, 0.0]] * 2


def test_derivatives_go_through_the_axes_only_if_asked():
    x = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [-2.0, -1.5]]], dtype=F64, requires_grad=True)
    for differentiable in (False, True):
        found = principal_axes([x], differentiable=differentiable)
        assert found.axes.requires_grad is differentiable
        assert found.eigenvalues.requires_grad is differentiable
        assert found.coordinates[0].requires_grad
        assert not found.distance.requires_grad


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        ([(3, 2)], {}, r"x: expected \(batch, n, d\), here \(3, 2\), got \(3, 2\)"),
        ([(1, 1, 3, 2)], {}, r"x: expected \(batch, n, d\)"),
        ([(1, 3, 0)], {}, r"x: expected \(batch, n, d\)"),
        (
            [(1, 3, 2), (1, 3, 2), (1, 4, 2)],
            {},
            r"vectors\[1\]: expected .*, here \(1, 3, 2\), got \(1, 4, 2\)",
        ),
        ([(1, 3, 2)], {"weights": ()}, r"weights: expected 1 to 1 numbers, none negative, one positive, got \(\)"),
        ([(1, 3, 2)], {"weights": (1.0, 1.0)}, "weights: expected 1 to 1 numbers"),
        ([(1, 3, 2)] * 2, {"weights": (1.0, -1e-9)}, "weights: expected 1 to 2 numbers"),
        ([(1, 3, 2)] * 2, {"weights": (0.0, 0.0)}, "weights: expected 1 to 2 numbers"),
        ([(1, 3, 2)], {"weights": (math.inf,)}, "weights: expected 1 to 1 numbers"),
    ],
)
def test_what_has_no_axes(inputs, options, words):
    with pytest.raises(HaarError, match=words):
        principal_axes([torch.ones(shape, dtype=F64) for shape in inputs], **options)


@pytest.mark.parametrize("place", [0, 1])
def test_which_input_is_not_finite(place):
    inputs = [torch.ones(1, 3, 2, dtype=F64) for _ in range(2)]
    inputs[place][0, 1, 0] = math.nan
    name = ("x", r"vectors\[0\]")[place]
    for weights in ((1.0,), (1.0, 1.0), (1.0, 0.0)):
        with pytest.raises(HaarError, match=f"{name}: expected finite coordinates, got NaN or infinity"):
            principal_axes(inputs, weights=weights)
    with pytest.raises(HaarError, match="x: expected coordinates whose squares are finite, got larger ones"):
        principal_axes([1e200 * torch.eye(2, dtype=F64)[None]])
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(HaarError, match=r"x: expected float32 or float64, got b?float16; principal axes"):
            principal_axes([torch.eye(2, dtype=dtype)[None]])


def test_every_cloud_has_a_record_of_its_own():
    clouds = torch.randn(3, 6, 3, generator=torch.Generator().manual_seed(0), dtype=F64)
    clouds[1] = clouds[1] * torch.tensor([1.0, 1.0, 3.0]) + 7.0
    together = frame_health(principal_axes([clouds]), F64)
    for k in range(3):
        alone = frame_health(principal_axes([clouds[k : k + 1]]), F64)
        for name in ("eigenvalues", "gaps", "reach", "rank", "spaces"):
            torch.testing.assert_close(getattr(together, name)[k], getattr(alone, name)[0])
        assert together.predicted[k].item() == pytest.approx(alone.predicted.item(), rel=1e-6)
    assert principal_axes([clouds[:0]]).eigenvalues.shape == (0, 3)


@pytest.mark.parametrize(("tolerance", "left_out"), [(0.3, True), (0.2, False), (None, False)])
def test_derivatives_leave_out_gaps_below_the_given_one(tolerance, left_out):
    """Eigenvalues 2 and 1.5: a relative gap of 0.25."""
    x = torch.tensor([[[2.0, 0.0], [-2.0, 0.0], [0.0, 3.0**0.5], [0.0, -(3.0**0.5)]]], dtype=F64, requires_grad=True)
    options = {} if tolerance is None else {"tolerance": tolerance}
    axes = principal_axes([x], differentiable=True, **options).axes
    (slope,) = torch.autograd.grad((axes * torch.arange(4.0).reshape(2, 2)).sum(), x)
    assert bool((slope == 0).all()) is left_out
