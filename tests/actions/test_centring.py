"""Centring from coordinates: cells, periodic nodes, closed nodes and Chebyshev points; what is neither is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Field, Trivial, centring_of, check_centring
from haar.errors import ArgumentError, ShapeError
from haar.groups import dihedral, reflections


@given(st.integers(2, 40), st.floats(0.01, 100), st.floats(-5, 5))
def test_cells_and_nodes_of_any_domain(n, length, start):
    cells = start + (torch.arange(n, dtype=torch.float64) + 0.5) * length / n
    nodes = start + torch.arange(n, dtype=torch.float64) * length / n
    closed = start + torch.arange(n, dtype=torch.float64) * length / (n - 1)
    chebyshev = start + (1 - torch.cos(math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n)) * length / 2
    assert centring_of(cells, start=start, end=start + length) == "cell"
    assert centring_of(nodes, start=start, end=start + length) == "node"
    assert centring_of(cells, start=start) == "cell"
    assert centring_of(nodes, start=start) == "node"
    assert centring_of(closed, start=start, end=start + length) == "cell"
    assert centring_of(chebyshev, start=start, end=start + length) == "cell"


def test_single_precision_coordinates_are_read():
    assert centring_of(torch.arange(512) * torch.tensor(2 * math.pi / 512)) == "node"
    assert centring_of((torch.arange(512) + 0.5) * torch.tensor(2 * math.pi / 512)) == "cell"


@pytest.mark.parametrize(
    ("coordinates", "options", "error", "message"),
    [
        (torch.arange(4.0) + 0.25, {}, ArgumentError, "expected points symmetric about the middle of 0 to 4, or nodes"),
        (
            torch.arange(5.0),
            {"end": 8.0},
            ArgumentError,
            "coordinates: expected points symmetric .* got 0 to 4 with mean spacing 1;",
        ),
        (torch.arange(4.0) ** 2, {}, ArgumentError, "coordinates: expected points symmetric"),
        (torch.tensor([0.0, 2.0, 1.0]), {}, ArgumentError, "coordinates: expected increasing numbers"),
        (torch.zeros(1), {}, ShapeError, "coordinates: expected at least 2 points, got 1"),
    ],
)
def test_what_is_neither_is_refused(coordinates, options, error, message):
    with pytest.raises(error, match=message):
        centring_of(coordinates, **options)


def test_a_field_must_be_reversed_as_its_coordinates_are():
    cells, nodes = torch.arange(8.0) + 0.5, torch.arange(8.0)
    check_centring(Field(Trivial(dihedral(4))), cells, cells)
    check_centring(Field(Trivial(dihedral(4)), centring="node"), nodes, nodes)
    with pytest.raises(ArgumentError, match="centring: expected 'cell', as the coordinates of axis y are, got 'node'"):
        check_centring(Field(Trivial(reflections(2)), centring="node"), nodes, cells)
    with pytest.raises(ArgumentError, match="coordinates: expected one tensor for each of 2 axes, got 1"):
        check_centring(Field(Trivial(reflections(2))), cells)
    closed = Field(Trivial(reflections(1)), centring="node", periodic=False)
    check_centring(closed, torch.linspace(0, 1, 9), end=1.0)


@pytest.mark.parametrize("spacing", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("off", "found"), [(0.9e-3, True), (1.1e-3, False)])
def test_coordinates_may_be_off_by_a_thousandth_of_a_spacing(off, found, spacing):
    """Of cells as of nodes: the first one, one in the middle, and the end (which may be off by two)."""
    nodes = torch.arange(6, dtype=torch.float64)
    cells, late, bent = nodes + 0.5 + off / 2, nodes + off, nodes.clone()
    bent[2] += off / 2
    bent[4] += off / 2  # steps differ by `off` in one place
    end = 6.0 + 2 * off
    cases = [
        (cells, {}, "cell"), (late, {"end": 6.0 + off}, "node"), (bent, {}, "node"), (nodes, {"end": end}, "node"),
    ]  # fmt: skip
    for points, options, kind in cases:
        if options:
            options["end"] *= spacing
        if found:
            assert centring_of(points * spacing, **options) == kind
        elif kind == "cell" or points is not bent:
            with pytest.raises(ArgumentError, match="coordinates: expected points symmetric"):
                centring_of(points * spacing, **options)


def test_two_points_are_enough_and_none_may_repeat():
    assert centring_of(torch.tensor([0.0, 1.0])) == "node"
    assert centring_of(torch.tensor([0.5, 1.5])) == "cell"
    with pytest.raises(
        ArgumentError, match="coordinates: expected increasing numbers, got numbers that repeat or fall"
    ):
        centring_of(torch.tensor([0.0, 1.0, 1.0, 2.0]))


def test_the_domain_of_the_coordinates_is_that_of_every_axis():
    cells = torch.arange(4.0) + 2.5
    check_centring(Field(Trivial(reflections(2))), cells, cells, start=2.0)
    check_centring(Field(Trivial(reflections(1))), cells, start=2.0, end=6.0)
    with pytest.raises(ArgumentError, match="coordinates: expected points symmetric about the middle of 0 to 4, or"):
        check_centring(Field(Trivial(reflections(1))), cells)
    with pytest.raises(ArgumentError, match=r"got 2\.5 to 5\.5 with mean spacing 1; give the domain's start and end"):
        check_centring(Field(Trivial(reflections(1))), cells, start=2.0, end=7.0)
