"""Groups, eigenvalues, grids and files that do not fit are refused by name; one bad thing at a time."""

from __future__ import annotations

import json

import pytest
import torch

from haar.actions import ContinuousShift, Field, Layout, Spectral, Symmetry, eigenspaces
from haar.actions.saved import load_symmetry
from haar.errors import ArgumentError, DataError
from haar.groups import SignGroup, Torus, cyclic, dihedral

D4 = dihedral(4)


@pytest.mark.usefixtures("unchecked_annotations")
def test_only_circles_shift_by_any_amount():
    assert ContinuousShift(Torus(2)).group.name == Torus(2).name
    with pytest.raises(ArgumentError, match="group: expected a Torus, one circle for each shifted axis, got"):
        ContinuousShift(cyclic(4))


def test_eigenvalues_are_sorted_either_way():
    for values in ([0.0, 1.0, 1.0], [1.0, 1.0, 0.0], [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]):
        eigenspaces(torch.tensor(values))
    for values in ([0.0, 2.0, 1.0], [[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]]):
        with pytest.raises(ArgumentError, match="eigenvalues: expected sorted values, rising or falling, got unsorted"):
            eigenspaces(torch.tensor(values))


def test_eigenspaces_have_the_group_of_their_sizes():
    group = Spectral((1, 1, 2)).group
    assert Spectral((1, 2, 1), group=group).group is group
    with pytest.raises(ArgumentError, match=r"group: expected \{\+-1\}\^2 x O\(2\) for eigenspaces of \(1, 1, 2\) col"):
        Spectral((1, 1, 2), group=SignGroup(3))


@pytest.mark.parametrize(("key", "value"), [("schema", 2), ("schema", None), ("kind", "report")])
def test_files_of_another_schema_or_kind(tmp_path, key, value):
    (tmp_path / "s.json").write_text(json.dumps({"kind": "symmetry", "schema": 1} | {key: value}))
    words = r"expected schema 1, got (2|None); write it again" if key == "schema" else "expected a symmetry, as found"
    with pytest.raises(DataError, match=words):
        load_symmetry(tmp_path / "s.json")


def test_fields_of_one_symmetry_are_on_one_grid():
    cells, nodes = (Field.of_layout(Layout.parse("p"), D4, centring=where) for where in ("cell", "node"))
    Symmetry(D4, cells, cells)
    with pytest.raises(
        ArgumentError, match=r"outputs.*: expected a cell-centred grid with .*, like inputs.*, got node-"
    ):
        Symmetry(D4, cells, nodes)
    walls = Field.of_layout(Layout.parse("p"), D4, centring="node", periodic=False)
    with pytest.raises(ArgumentError, match=r"outputs.*: expected .* got node-centred with periodic=\(False, "):
        Symmetry(D4, nodes, walls)
