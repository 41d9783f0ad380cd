"""Symmetries of force fields from the names of what they take and give."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Symmetry
from haar.errors import ArgumentError
from haar.groups import O, octahedral

F64 = torch.float64


def test_each_name_turns_as_its_kind_does(generator):
    symmetry = Symmetry.of_atoms("O3", outputs="energy, forces, stress, dipole, spin:pseudovector")
    g = -O(3).exp(torch.tensor([0.3, -1.0, 0.4]))  # a rotation with the inversion
    draw = {name: torch.randn(shape, generator=generator, dtype=F64) for name, shape in SHAPES.items()}
    moved = symmetry.act_outputs(g, draw)
    assert torch.equal(moved["energy"], draw["energy"])
    assert torch.allclose(moved["forces"], draw["forces"] @ g.T)
    assert torch.allclose(moved["dipole"], draw["dipole"] @ g.T)
    assert torch.allclose(moved["spin"], -draw["spin"] @ g.T)
    assert torch.allclose(moved["stress"], g @ draw["stress"] @ g.T)


SHAPES = {"energy": (), "forces": (5, 3), "stress": (3, 3), "dipole": (1, 3), "spin": (5, 3)}


def test_inputs_stand_in_order_and_a_cell_has_rows(generator):
    symmetry = Symmetry.of_atoms(octahedral(), inputs="positions, numbers, cell, shifts")
    x, cell = (torch.randn(k, 3, generator=generator, dtype=F64) for k in (4, 3))
    numbers, shifts = torch.arange(4), torch.ones(2, 3)
    g = torch.tensor(7)
    matrix = octahedral().defining_matrix(g)
    moved = symmetry.act_inputs(g, (x, numbers, cell, shifts))
    assert torch.allclose(moved[0], x @ matrix.T)
    assert torch.allclose(moved[2], cell @ matrix.T)
    assert moved[1] is numbers
    assert moved[3] is shifts


def test_one_output_is_an_action_a_text_a_dict_a_list_a_tuple():
    assert not isinstance(Symmetry.of_atoms().outputs, (dict, tuple))
    assert list(Symmetry.of_atoms(outputs="energy, forces").outputs) == ["energy", "forces"]
    assert len(Symmetry.of_atoms(outputs=["energy", "forces:vector"]).outputs) == 2
    (graph,) = Symmetry.of_atoms(inputs="pos, z", graph=True).inputs
    assert list(graph) == ["pos", "z"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"group": "S4"}, "group: expected a group of rotations of space, such as O3, got S4"),
        ({"group": "Q9"}, "group: expected a haar.groups.Group, or C4"),
        ({"outputs": "energy, forces:vektor"}, "outputs: expected forces as one of scalar, vector, .* got 'vektor'"),
        ({"outputs": "energy, energy"}, "outputs: expected names.* got energy twice"),
        ({"inputs": "positions,, numbers"}, "inputs: expected names.* got 'positions,, numbers'"),
    ],
)
def test_what_is_no_name(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        Symmetry.of_atoms(**wrong)
