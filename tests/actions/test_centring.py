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
