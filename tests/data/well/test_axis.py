from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haar.data.well import Axis
from haar.data.well.boundary import BoundaryType
from haar.errors import ArgumentError

PERIODIC = (BoundaryType.PERIODIC, BoundaryType.PERIODIC)
WALLS = (BoundaryType.WALL, BoundaryType.WALL)


def stored(points, boundary):
    """The axis as a file of single precision gives it back, without a word on centring."""
    return Axis("x", np.asarray(points, dtype=np.float32).astype(np.float64), boundary)


@given(st.integers(3, 1024), st.floats(0.01, 1e3), st.booleans(), st.sampled_from(["start", "middle"]))
def test_centring_of_a_periodic_axis_is_inferred(size, length, cells, origin):
    points = (np.arange(size) + 0.5 * cells) * (length / size) - (length / 2 if origin == "middle" else 0.0)
    axis = stored(points, PERIODIC)
    assert axis.centring == ("cell" if cells else "periodic-node")
    assert axis.uniform
    assert axis.symmetric
    assert axis.spacing == pytest.approx(length / size, rel=1e-5)


@pytest.mark.parametrize(
    ("points", "boundary", "centring"),
    [
        (np.linspace(0, 1, 17), WALLS, "node"),
        ((np.arange(16) + 0.5) / 16, WALLS, "cell"),
        (np.linspace(-1, 1, 17), WALLS, "unknown"),  # or cells of a wider domain: the coordinates do not tell
        (0.3 + np.arange(16) / 16, PERIODIC, "unknown"),
        (-np.cos(np.pi * (np.arange(32) + 0.5) / 32), WALLS, "chebyshev"),
        (1 - np.cos(np.pi * np.arange(33) / 32), WALLS, "chebyshev"),
        (np.cos(np.pi * (np.arange(32) + 0.5) / 32), WALLS, "chebyshev"),  # from the top down
        (np.linspace(0, 1, 16) ** 2, WALLS, "unknown"),
        ([0.0, 0.0, 0.0], WALLS, "unknown"),
        ([1.0], WALLS, "unknown"),
    ],
)
def test_centring_of_other_axes(points, boundary, centring):
    assert stored(points, boundary).centring == centring


def test_what_is_known_is_not_inferred():
    assert Axis("x", np.linspace(-1, 1, 5), WALLS, "node").centring == "node"


def test_constructors_place_the_points():
    assert Axis.periodic_nodes("x", 4, length=2.0, start=-1.0).coordinates.tolist() == [-1.0, -0.5, 0.0, 0.5]
    assert Axis.nodes("x", 3, length=2.0).coordinates.tolist() == [0.0, 1.0, 2.0]
    roots = Axis.chebyshev("y", 3, length=2.0, start=-1.0)
    assert np.allclose(roots.coordinates, [-np.sqrt(3) / 2, 0.0, np.sqrt(3) / 2], atol=1e-15)
    more = Axis.chebyshev("y", 16, length=2.0, start=-1.0)
    assert Axis("y", more.coordinates, more.boundary).centring == more.centring == "chebyshev"
    assert Axis.cells("y", 2, length=1.0, boundary=("WALL", "OPEN")).boundary == (BoundaryType.WALL, BoundaryType.OPEN)


@given(st.integers(2, 100), st.floats(0.01, 1e3), st.floats(-10, 10))
def test_the_domain_is_told_by_the_points(size, length, start):
    made = [
        Axis.cells("x", size, length=length, start=start),
        Axis.cells("x", size, length=length, start=start, boundary="OPEN"),
        Axis.periodic_nodes("x", size, length=length, start=start),
        Axis.nodes("x", size, length=length, start=start),
    ]
    for axis in made:
        assert axis.length == pytest.approx(length, rel=1e-10)
        assert axis.origin == pytest.approx(start, rel=1e-10, abs=1e-10)
        downwards = Axis("x", axis.coordinates[::-1], axis.boundary, axis.centring)
        assert (downwards.length, downwards.origin) == (axis.length, axis.origin)


def test_a_period_is_not_counted_twice_where_the_first_point_is_stored_again():
    assert Axis.nodes("x", 9, length=2.0, boundary="PERIODIC").length == 2.0
    assert Axis.periodic_nodes("x", 8, length=2.0).length == 2.0
    assert Axis.cells("x", 8, length=2.0).length == 2.0


def test_one_joined_end_is_no_period():
    points = np.arange(4.0)
    assert not Axis("x", points, (BoundaryType.PERIODIC, BoundaryType.WALL)).periodic
    assert not Axis("x", points, (BoundaryType.WALL, BoundaryType.PERIODIC)).periodic


def test_uniform_and_symmetric_are_told_apart():
    graded = stored(np.linspace(0, 1, 9) ** 2, WALLS)
    assert not graded.uniform
    assert not graded.symmetric
    chebyshev = Axis.chebyshev("y", 9, length=1.0)
    assert not chebyshev.uniform
    assert chebyshev.symmetric
    assert not stored([1.0, 1.0, 1.0], WALLS).uniform


def test_axes_are_alike_up_to_an_offset():
    x = Axis.periodic_nodes("x", 8, length=1.0)
    assert x.like(Axis.periodic_nodes("y", 8, length=1.0, start=0.0))
    assert not x.like(Axis.periodic_nodes("y", 9, length=1.0))
    assert not x.like(Axis.periodic_nodes("y", 8, length=1.1))
    assert not x.like(Axis.cells("y", 8, length=1.0))
    assert not x.like(Axis.nodes("y", 8, length=1.0))
    assert Axis.nodes("y", 8, length=1.0, start=3.0).like(Axis.nodes("x", 8, length=1.0))


def test_wrong_axes_are_refused():
    with pytest.raises(ArgumentError, match=r"axis x: expected a list of points, got shape \(0,\)"):
        Axis("x", np.zeros(0))
    with pytest.raises(ArgumentError, match="axis x: expected finite coordinates, got NaN or infinity"):
        Axis("x", np.array([0.0, np.nan]))
    with pytest.raises(ArgumentError, match="centring: expected cell or node or periodic-node"):
        Axis("x", np.arange(3.0), WALLS, "centre")
    for ends in (("PERIODIC", "WALL"), ("WALL", "PERIODIC")):
        words = f"boundary: expected PERIODIC at both ends or at neither, got {ends[0]} and {ends[1]}"
        with pytest.raises(ArgumentError, match=words):
            Axis.cells("x", 3, length=1.0, boundary=ends)
    with pytest.raises(ArgumentError, match="boundary: expected 'WALL', 'OPEN' or 'PERIODIC', got 'NOSLIP'"):
        Axis.cells("x", 3, length=1.0, boundary="NOSLIP")


def line(*changed, start=0.0):
    """Eight points, 0 to 7, some of them moved; the tolerance is 1e-3 + 4 eps 7, eps that of single precision."""
    points = start + np.arange(8.0)
    for place, by in changed:
        points[place] += by
    return Axis("x", points, WALLS, "unknown")


TOLERANCE = 1e-3 + 4 * 2.0**-23 * 7


def test_points_are_even_symmetric_and_alike_up_to_a_thousandth_and_the_rounding_of_files():
    assert [line((3, f * TOLERANCE)).uniform for f in (0.999, 1.001)] == [True, False]
    assert [line((3, f * 2 * TOLERANCE)).symmetric for f in (0.999, 1.001)] == [True, False]
    assert [line((3, f * 2 * TOLERANCE)).like(line()) for f in (0.999, 1.001)] == [True, False]
    assert [line().like(line((5, -f * 2 * TOLERANCE))) for f in (0.999, 1.001)] == [True, False]
    # far from the origin files are coarser
    assert line((3, 1.5e-3), start=2000.0).uniform
    assert not line((3, 3e-3), start=2000.0).uniform


@pytest.mark.parametrize(
    ("start", "periodic", "walled"),
    [
        (0.0, "periodic-node", "node"),
        (0.009, "periodic-node", "node"),
        (-0.009, "periodic-node", "node"),
        (0.011, "unknown", "unknown"),
        (-4.0, "periodic-node", "unknown"),
        (-4.009, "periodic-node", "unknown"),
        (-4.011, "unknown", "unknown"),
        (0.5, "cell", "cell"),
        (0.509, "cell", "cell"),
        (0.511, "unknown", "unknown"),
        (-3.5, "cell", "unknown"),
        (-3.491, "cell", "unknown"),
        (-3.489, "unknown", "unknown"),
    ],
)
def test_the_first_point_tells_the_centring_to_a_hundredth_of_a_cell(start, periodic, walled):
    points = start + np.arange(8.0)
    assert Axis("x", points, PERIODIC).centring == periodic
    assert Axis("x", points, WALLS).centring == walled
    assert Axis("x", points[::-1], WALLS).centring == walled
    assert Axis("x", points[:2], WALLS).centring == "unknown"
    assert Axis("x", points[:3], WALLS).centring == walled


@pytest.mark.parametrize("kind", ["roots", "extrema"])
@pytest.mark.parametrize(("share", "centring"), [(0.99, "chebyshev"), (1.01, "unknown")])
def test_points_of_chebyshev_are_known_to_a_thousandth_of_a_cell_over_their_number(kind, share, centring):
    angles = (np.arange(16) + 0.5) / 16 if kind == "roots" else np.arange(16) / 15
    points = 1.0 - np.cos(np.pi * angles)
    reach = points[-1] - points[0]
    spacing = reach / 15
    near = (1e-3 * spacing + 4 * 2.0**-23 * points[-1]) / (16 * spacing)
    points[7] += share * near * reach / 2
    assert Axis("x", points, WALLS).centring == centring


def test_defaults_of_the_constructors():
    for make, boundary in ((Axis.cells, "PERIODIC"), (Axis.nodes, "WALL"), (Axis.chebyshev, "WALL")):
        axis = make("x", 5, length=2.0)
        assert axis.boundary == (BoundaryType[boundary],) * 2
        assert not axis.sample_varying
        assert np.allclose(make("x", 5, length=2.0, start=3.0).coordinates, axis.coordinates + 3.0)
        assert axis.coordinates[0] >= 0
    plain = Axis("x", np.array([4.0]))
    assert plain.boundary == (BoundaryType.OPEN, BoundaryType.OPEN)
    assert (plain.spacing, plain.length, plain.origin, plain.uniform, plain.size) == (0, 0, 4, True, 1)
    assert Axis.chebyshev("x", 4, length=2.0).coordinates.sum() == pytest.approx(4.0)
