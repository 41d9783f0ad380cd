"""Keypoints and boxes go where fields move the values under them."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Boxes, Field, Invariant, Keypoints, Symmetry, Trivial
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral, grid_group, octahedral, reflections, symmetric

GRIDS = [
    (reflections(1), (5,), True),
    (dihedral(4), (5, 5), True),
    (reflections(2), (4, 6), False),
    (grid_group(dihedral(4), (4, 4)), (4, 4), True),
    (grid_group(reflections(2), (4, 6), periodic=(True, False)), (4, 6), (True, False)),
    (octahedral(), (3, 3, 3), True),
]
ORDERS = st.sampled_from(("ij", "xy"))


def moved_values(group, shape, g, x, centring, periodic):
    return Field(Trivial(group), channels=None, centring=centring, periodic=periodic).act(g, x)


@given(
    st.integers(0, len(GRIDS) - 1),
    ORDERS,
    st.sampled_from(("index", "edge")),
    st.sampled_from(("cell", "node", "mixed")),
    st.integers(0, 999),
)
def test_a_keypoint_follows_the_one_hot_pixel(which, order, coordinates, centring, seed):
    group, shape, periodic = GRIDS[which]
    if centring == "mixed":
        group, shape, periodic, centring = grid_group(reflections(2), (4, 6)), (4, 6), True, ("node", "cell")
    coordinates = coordinates if centring == "cell" else "index"
    generator = torch.Generator().manual_seed(seed)
    g = group.sample(6, generator)
    points = torch.stack([torch.randint(n, (6,), generator=generator) for n in shape], -1)
    image = torch.zeros(6, *shape, dtype=torch.bool)
    image[(torch.arange(6), *points.unbind(-1))] = True
    goals = moved_values(group, shape, g, image, centring, periodic).nonzero()[:, 1:]
    action = Keypoints(group, shape, order=order, coordinates=coordinates, centring=centring, periodic=periodic)
    place = points.double() + (0.5 if coordinates == "edge" else 0)
    goal = goals.double() + (0.5 if coordinates == "edge" else 0)
    if order == "xy":
        place, goal = place.flip(-1), goal.flip(-1)
    assert torch.equal(action.act(g, place), goal)
    assert torch.equal(action.move(g[0])(place[0]), goal[0])
    if coordinates == "index":
        whole = action.act(g, place.to(torch.int64))
        assert whole.dtype == torch.int64
        assert torch.equal(whole.double(), goal)


@given(
    st.integers(0, len(GRIDS) - 1),
    ORDERS,
    st.sampled_from(("index", "edge")),
    st.sampled_from(("xyxy", "cxcywh")),
    st.integers(0, 999),
)
def test_a_box_follows_the_filled_box(which, order, coordinates, form, seed):
    group, shape, periodic = GRIDS[which]
    if hasattr(group, "n_shifts"):  # a box that a shift cuts in two is another test
        group = group.point
    generator = torch.Generator().manual_seed(seed)
    g = group.sample(1, generator)[0]
    low = torch.stack([torch.randint(n, (), generator=generator) for n in shape])
    high = torch.stack([torch.randint(int(a), n, (), generator=generator) for a, n in zip(low, shape, strict=True)])
    image = torch.zeros(1, *shape, dtype=torch.bool)
    image[(0, *[slice(int(a), int(b) + 1) for a, b in zip(low, high, strict=True)])] = True
    cells = moved_values(group, shape, g, image, "cell", periodic).nonzero()[:, 1:]

    def described(first, last):
        """From the first and the last cell of a box to its numbers."""
        first, last = first.double(), last.double() + (1 if coordinates == "edge" else 0)
        parts = (first, last) if form == "xyxy" else ((first + last) / 2, last - first)
        return torch.cat([part.flip(-1) if order == "xy" else part for part in parts])

    action = Boxes(group, shape, order=order, coordinates=coordinates, form=form, periodic=periodic)
    assert torch.equal(action.act(g, described(low, high)), described(cells.amin(0), cells.amax(0)))


@given(
    st.integers(0, len(GRIDS) - 1),
    st.sampled_from(("cell", "node")),
    ORDERS,
    st.sampled_from((None, "xyxy", "cxcywh")),
    st.integers(0, 999),
)
def test_the_group_law_and_its_linear_part(which, centring, order, form, seed):
    group, shape, periodic = GRIDS[which]
    generator = torch.Generator().manual_seed(seed)
    options = {"order": order, "centring": centring, "periodic": periodic, "coordinates": "index"}
    action = Keypoints(group, shape, **options) if form is None else Boxes(group, shape, form=form, **options)
    a, b = group.sample(5, generator), group.sample(5, generator)
    x = torch.rand(5, 3, action.columns, generator=generator, dtype=torch.float64)
    both = action.act(group.compose(a, b), x)
    assert torch.allclose(action.act(a, action.act(b, x)), both, atol=1e-12, rtol=0)
    assert torch.equal(torch.stack([action.move(g)(y) for g, y in zip(a, x, strict=True)]), action.act(a, x))
    step = 1e-3 * torch.rand(5, 3, action.columns, generator=generator, dtype=torch.float64)
    inside = 0.1 + 0.3 * x  # away from the periodic ends, which are at whole or half numbers
    displaced = action.act(a, inside + step) - action.act(a, inside)
    assert torch.allclose(action.linear().act(a, step), displaced, atol=1e-12, rtol=0)
    assert torch.allclose(
        action.linear().act(a, action.linear().act(b, step)), action.linear().act(group.compose(a, b), step)
    )
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(a, x), action.act(a, x))
    some = group.subgroup(group.generators()[:1])
    for k, g in enumerate(some.embedding[:4]):
        assert torch.allclose(action.restrict(some).act(torch.tensor(k), x), action.act(g, x), atol=1e-14)
        assert torch.equal(action.linear().restrict(some).act(torch.tensor(k), x), action.linear().act(g, x))


def test_boxes_across_a_periodic_end_keep_their_size():
    group = grid_group(reflections(2), (8, 8))
    box = torch.tensor([[5.0, 1.0, 7.0, 2.0]])
    shift = group.element(0, [0, 4])  # four columns to the right: x is the last axis
    assert Boxes(group, (8, 8)).act(shift, box).tolist() == [[1.0, 1.0, 3.0, 2.0]]
    assert Boxes(group, (8, 8)).act(group.element(0, [0, 2]), box).tolist() == [[7.0, 1.0, 9.0, 2.0]]
    middle = Boxes(group, (8, 8), form="cxcywh").act(shift, torch.tensor([[6.0, 1.5, 2.0, 1.0]]))
    assert middle.tolist() == [[2.0, 1.5, 2.0, 1.0]]


def test_images_count_columns_first():
    """A quarter turn of an image of 4 rows and 4 columns: array axes (row, column), coordinates (column, row)."""
    group = dihedral(4)
    image = torch.zeros(1, 4, 4)
    image[0, 0, 3] = 1  # row 0, column 3
    row, column = Field(Trivial(group), channels=None).act(torch.tensor(1), image)[0].nonzero()[0].tolist()
    assert Keypoints(group, (4, 4), order="xy").act(torch.tensor(1), torch.tensor([3, 0])).tolist() == [column, row]


def test_detections_are_a_tree_of_actions():
    group = dihedral(4)
    symmetry = Symmetry(
        group,
        Field(Trivial(group)),
        {"boxes": Boxes(group, (8, 8)), "scores": Invariant(group), "labels": Invariant(group)},
    )
    found = {"boxes": torch.rand(2, 5, 4), "scores": torch.rand(2, 5), "labels": torch.randint(3, (2, 5))}
    moved = symmetry.act_outputs(torch.tensor(3), found)
    assert torch.equal(moved["boxes"], Boxes(group, (8, 8)).act(torch.tensor(3), found["boxes"]))
    assert moved["labels"] is found["labels"]
    with pytest.raises(
        ShapeError, match=r"output\['boxes'\]: expected 4 numbers on the last axis for Boxes, got \(2, 5, 2\)"
    ):
        symmetry.check_outputs({**found, "boxes": torch.zeros(2, 5, 2)})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Keypoints(dihedral(4), (4, 4), order="yx"), "order: expected 'ij' or 'xy', got 'yx'"),
        (
            lambda: Keypoints(dihedral(4), (4, 4), coordinates="middle"),
            "coordinates: expected 'index' or 'edge', got 'middle'",
        ),
        (lambda: Boxes(dihedral(4), (4, 4), form="xywh"), "form: expected 'xyxy' or 'cxcywh', got 'xywh'"),
        (lambda: Keypoints(dihedral(4), (4, 6)), "shape: expected axes of equal length for D4, .* got 4x6"),
        (lambda: Keypoints(dihedral(4), (4, 4, 4)), "space_dim: expected 2, as D4 moves such grids, got 3"),
        (
            lambda: Keypoints(dihedral(4), (4, 4), coordinates="edge", centring="node"),
            "coordinates: expected 'index' on a grid of nodes, got 'edge'",
        ),
        (
            lambda: Keypoints(dihedral(4), (4, 4)).check(torch.zeros(3)),
            "x: expected 2 numbers on the last axis for Keypoints",
        ),
        (
            lambda: Keypoints(dihedral(4), (4, 4)).check(torch.zeros(3, 2, dtype=torch.uint8)),
            "x: expected signed integers or floating numbers, got uint8",
        ),
        (
            lambda: Keypoints(dihedral(4), (4, 4)).act(torch.tensor([0, 1]), torch.zeros(2)),
            "x: expected a batch axis, for one element a sample",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_internal_groups_leave_points_alone():
    x = torch.rand(3, 2)
    assert torch.equal(Keypoints(symmetric(3), (4, 6)).act(torch.tensor(1), x), x)


@pytest.mark.parametrize(("shape", "fits"), [((127, 3), True), ((3, 127), True), ((128, 3), False), ((3, 128), False)])
def test_whole_numbers_must_reach_to_the_end_of_the_longest_axis(shape, fits):
    action, x = Keypoints(reflections(2), shape), torch.zeros(1, 2, dtype=torch.int8)
    action.linear().check(x)  # displacements have no place
    if fits:
        action.check(x)
    else:
        with pytest.raises(ArgumentError, match="x: expected a dtype that holds coordinates up to 128, got int8"):
            action.check(x)


def test_complex_numbers_are_no_places():
    with pytest.raises(ArgumentError, match="x: expected signed integers or floating numbers, got complex64"):
        Keypoints(dihedral(4), (4, 4)).check(torch.zeros(1, 2, dtype=torch.complex64))


def test_the_first_half_cell_of_a_periodic_axis_belongs_to_its_first_cell():
    group = grid_group(reflections(1), (8,))
    shift = group.element(0, [1])
    moved = Keypoints(group, (8,)).act(shift, torch.tensor([[6.4], [6.6], [-1.4], [-1.6], [7.0]]))
    assert torch.allclose(moved, torch.tensor([[7.4], [-0.4], [-0.4], [7.4], [0.0]]), atol=1e-6)
    edges = Keypoints(group, (8,), coordinates="edge").act(shift, torch.tensor([[6.9], [7.0], [-1.1]]))
    assert torch.allclose(edges, torch.tensor([[7.9], [0.0], [7.9]]), atol=1e-6)
    nodes = Keypoints(group, (8,), centring="node").act(shift, torch.tensor([[6.9], [7.0], [-1.1]]))
    assert torch.allclose(nodes, torch.tensor([[7.9], [0.0], [7.9]]), atol=1e-6)
    whole = Keypoints(group, (8,)).act(shift, torch.tensor([[7], [-1]]))
    assert whole.tolist() == [[0], [0]]


def test_examples_reach_the_ends_of_the_grid(generator):
    for coordinates, end in (("index", 2.0), ("edge", 3.0)):
        made = Keypoints(reflections(1), (3,), coordinates=coordinates).example(400, 1, generator)
        assert 0 <= float(made.min()) < 0.05
        assert 0.97 * end < float(made.max()) <= end
    with pytest.raises(ArgumentError, match="shape: expected at least 1, got 0"):
        Keypoints(reflections(1), (0,))
