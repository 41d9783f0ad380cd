"""Groups of equal content are the same group; whatever else tells two apart makes them two."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from haar.actions import Field, Symmetry
from haar.actions.representation import Defining, Regular, Space
from haar.groups import (
    SO,
    SU2,
    LieGroup,
    O,
    Torus,
    cyclic,
    dihedral,
    from_permutations,
    grid_group,
    octahedral,
    permutation_group,
    product,
    reflections,
    semidirect,
    shifts,
    sign,
    symmetric,
    wreath,
)
from haar.nn import Linear

INVERSION = torch.tensor([[0, 1, 2], [0, 2, 1]])
STILL = torch.tensor([[0, 1, 2], [0, 1, 2]])
TURN = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=torch.float64)
FLIP = torch.diag(torch.tensor([1.0, -1, -1], dtype=torch.float64))[None]
#: Constructors of pairwise different groups; those of one row differ in a single part of their content.
MAKE = [
    *(lambda: cyclic(4), lambda: cyclic(5), lambda: dihedral(4), lambda: reflections(2), octahedral),
    *(lambda: symmetric(5), lambda: symmetric(6), lambda: symmetric(9), lambda: sign(11), lambda: sign(12)),
    *(lambda: from_permutations([[1, 2, 0, 3]], "G"), lambda: from_permutations([[1, 0, 2, 3]], "G")),
    *(lambda: permutation_group([[1, 2, 0]], "G"), lambda: permutation_group([[1, 0, 2]], "G")),
    *(lambda: dihedral(4).subgroup([2], "H"), lambda: dihedral(4).subgroup([4], "H")),
    *(lambda: dihedral(8).subgroup([1], "K"), lambda: dihedral(4).subgroup([2], "K")),
    *(lambda: shifts((4, 4)), lambda: grid_group(dihedral(4), (4, 4)), lambda: grid_group(dihedral(4), (4, 4), step=2)),
    *(lambda: product(cyclic(2), cyclic(3)), lambda: product(cyclic(3), cyclic(2)), lambda: product(SO(3), cyclic(2))),
    *(lambda: semidirect(cyclic(3), cyclic(2), INVERSION), lambda: semidirect(cyclic(3), cyclic(2), STILL)),
    *(lambda: wreath(cyclic(2), symmetric(3)), lambda: wreath(cyclic(2), symmetric(9))),
    *(lambda: SO(2), lambda: SO(3), lambda: O(3), SU2, lambda: Torus(1), lambda: Torus(2)),
    *(lambda: LieGroup("L", TURN), lambda: LieGroup("L", TURN, FLIP), lambda: LieGroup("L", 2 * TURN)),
]


@pytest.mark.parametrize("number", range(len(MAKE)))
def test_a_group_equals_what_was_made_like_it_and_nothing_else(number):
    group = MAKE[number]()
    for other in (MAKE[number](), copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
        assert other is not group
        assert other == group
        assert hash(other) == hash(group)
    assert [k for k, make in enumerate(MAKE) if make() == group] == [number]
    assert group != "D4"
    assert len({group, MAKE[number]()}) == 1


def test_symmetries_and_layers_take_groups_of_equal_content_as_one():
    one, other = dihedral(4), dihedral(4)
    symmetry = Symmetry(one, Field(Space(other)), Field(Space(one)))
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    assert torch.equal(symmetry.act_inputs(torch.tensor(1), (x,))[0], symmetry.act_outputs(torch.tensor(1), x))
    assert symmetry.restrict(other.subgroup([1], "C4")).group.order == 4
    layer = Linear(Regular(one), Defining(other), dtype=torch.float64)
    assert layer(torch.zeros(2, 8, dtype=torch.float64)).shape == (2, 2)


@pytest.mark.parametrize("name", ["D4", "d4"])
def test_fields_take_a_group_by_its_name(name):
    named = Symmetry.of_fields(name, {"tracer": "scalar", "velocity": "vector"})
    given = Symmetry.of_fields(dihedral(4), "tracer, velocity:vector")
    assert named.group == given.group
    assert named.inputs[0].rep.dim == given.inputs[0].rep.dim == 3


@pytest.mark.parametrize(
    ("name", "dim", "order"), [("C4v", None, 8), ("reflections", 2, 4), ("reflections:3", None, 8)]
)
def test_names_of_groups_on_grids(name, dim, order):
    assert Symmetry.of_fields(name, "p", dim=dim).group.order == order
