"""The legend of an audit: what the names of elements and components stand for."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Field, Symmetry, Trivial, Vector
from haar.actions.representation import Defining
from haar.audit.legend import conventions, element_rows, legend
from haar.groups import cyclic, dihedral, grid_group, octahedral, symmetric
from haar.groups.rotations import SO


def image(told, point):
    """The point that a row of the legend names, by Python's own arithmetic."""
    names = dict(zip("xyz", point, strict=False))
    terms = told.strip("()").split(", ")
    found = []
    for term in terms:
        code = term
        for axis in names:
            code = code.replace(f" {axis}", f"*{axis}") if f" {axis}" in code and "." in code else code
        found.append(eval(code, {}, names))
    return found


@pytest.mark.parametrize("group", [dihedral(4), cyclic(6), octahedral(full=True)])
def test_a_point_goes_where_the_matrix_moves_it(group):
    elements = group.elements()
    rows = element_rows(group, elements)
    point = torch.tensor([0.7, -0.3, 1.9], dtype=torch.float64)[: group.defining_dim]
    assert [row[0] for row in rows] == [group.describe(g) for g in elements[1:]]
    for g, (_, told, order) in zip(elements[1:], rows, strict=True):
        expected = (group.defining_matrix(g) @ point).tolist()
        assert image(told, point.tolist()) == pytest.approx(expected, abs=2e-3)
        power = torch.linalg.matrix_power(group.defining_matrix(g), order)
        torch.testing.assert_close(power, torch.eye(len(point), dtype=torch.float64))


def test_components_are_told_with_their_characters():
    D4 = dihedral(4)
    _, components = legend(D4, D4.elements(), ["E"])
    assert components.table.columns[:2] == ("component", "dimension")
    rows = {row[0]: row[1:] for row in components.table.rows}
    assert list(rows) == ["A1 (trivial)", "A2", "B1", "B2", "E"]
    assert rows["A1 (trivial)"] == (1, 1.0, 1.0)
    assert rows["A2"] == (1, 1.0, -1.0)
    assert rows["E"] == (2, 0.0, 0.0)


def test_names_that_say_nothing_of_space_have_no_legend():
    assert element_rows(symmetric(5), torch.arange(120)) == []
    assert legend(SO(3), SO(3).sample(2, torch.Generator().manual_seed(0)), []) == []
    shifts = grid_group(dihedral(4), (16, 16))
    assert element_rows(shifts, torch.arange(2048)) == []


def test_conventions_say_grid_centring_and_periodicity():
    D4 = dihedral(4)
    node = conventions(Symmetry.of_fields(D4, "p, u:vector", history=2, centring="node"))
    assert "input: 6 channels on a 2-dimensional grid, points at the nodes, periodic;" in node
    assert "output: 3 channels on a 2-dimensional grid, points at the nodes, periodic;" in node
    closed = conventions(Symmetry(D4, *[Field(Trivial(D4), periodic=False)] * 2))
    assert "points at the cell centres, not periodic" in closed
    vector = conventions(Symmetry(D4, *[Vector(Defining(D4))] * 2))
    assert vector.startswith("input: Vector of dimension 2; output: Vector of dimension 2; coordinates in the order x,")
    assert vector.endswith("left action, (g f)(x) = rho(g) f(g^-1 x)")
