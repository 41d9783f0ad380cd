"""Where enumeration ends, what elements are called, and what is refused."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups import (
    FiniteGroup,
    PermutationGroup,
    SignGroup,
    SymmetricGroup,
    alternating,
    axial,
    cyclic,
    dicyclic,
    dihedral,
    hyperoctahedral,
    octahedral,
    quaternion,
    reflections,
    sign,
    symmetric,
    trivial,
)


@pytest.mark.parametrize(
    ("group", "kind", "order"),
    [
        (symmetric(1), FiniteGroup, 1),
        (symmetric(6), FiniteGroup, 720),
        (symmetric(7), SymmetricGroup, 5040),
        (alternating(2), FiniteGroup, 1),
        (alternating(3), FiniteGroup, 3),
        (alternating(7), FiniteGroup, 2520),
        (alternating(8), PermutationGroup, 20160),
        (sign(10), FiniteGroup, 1024),
        (sign(11), SignGroup, 2048),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_listed(group, kind, order):
    assert isinstance(group, kind)
    assert group.order == order
    assert repr(group) == f"<{type(group).__name__} {group.name}, order {order}>"


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (cyclic(3), ["e", "r120", "r240"]),
        (dihedral(1), ["e", "my"]),
        (dihedral(2), ["e", "r180", "my", "mx"]),
        (dihedral(3), ["e", "r120", "r240", "m0", "m60", "m120"]),
        (dihedral(4), ["e", "r90", "r180", "r270", "my", "d", "mx", "d'"]),
        (reflections(2), ["e", "my", "mx", "mxmy"]),
        (hyperoctahedral(2), ["e", "my", "mx", "mxmy", "(y,x)", "(y,-x)", "(-y,x)", "(-y,-x)"]),
        (axial(0, full=False), ["e", "mymz", "(x,z,-y)", "(x,-z,y)"]),
        (quaternion(), ["1", "i", "-1", "-i", "j", "k", "-j", "-k"]),
        (dicyclic(1), ["e", "a1", "j", "a1j"]),
        (sign(2), ["++", "-+", "+-", "--"]),
        (trivial(), ["e"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_names_of_elements(group, names):
    assert [group.describe(g) for g in range(group.order)] == names


@pytest.mark.parametrize("group", [dihedral(4), reflections(3), octahedral(full=True), axial(1)], ids=lambda g: g.name)
def test_elements_are_named_after_what_their_matrices_do(group):
    """(y,-x) sends a vector to its y and minus its x; mx reverses x."""
    axes = "xyz"[: group.space_dim]
    for g in range(group.order):
        name, matrix = group.describe(g), group.defining_matrix(torch.tensor(g))
        if name.startswith("("):
            parts = name[1:-1].split(",")
            wanted = torch.zeros_like(matrix)
            for row, part in enumerate(parts):
                wanted[row, axes.index(part[-1])] = -1 if part[0] == "-" else 1
            assert torch.equal(matrix, wanted)
        elif name.startswith("m"):
            assert torch.equal(
                matrix, torch.diag(torch.tensor([-1.0 if f"m{a}" in name else 1.0 for a in axes]).double())
            )


@pytest.mark.parametrize(
    ("group", "moves"),
    [
        (cyclic(1), 2), (cyclic(2), 2), (cyclic(4), 2), (cyclic(3), None), (dihedral(1), 2), (dihedral(2), 2),
        (dihedral(4), 2), (dihedral(8), None), (hyperoctahedral(3), 3), (hyperoctahedral(4), None), (trivial(), None),
        (trivial(3), 3), (quaternion(), None),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip
def test_which_grids_a_group_moves(group, moves):
    assert group.space_dim == moves


@pytest.mark.parametrize("make", [cyclic, dihedral, dicyclic, symmetric, alternating, sign])
@pytest.mark.usefixtures("unchecked_annotations")
def test_numbers_begin_at_one(make):
    assert make(1).order >= 1
    for wrong in (0, True, 2.0):
        with pytest.raises(ArgumentError, match=f"n: expected an integer of at least 1, got {wrong}"):
            make(wrong)
    for wrong in (0, 4):
        with pytest.raises(ArgumentError, match=f"dim: expected 1, 2 or 3, got {wrong}; use sign"):
            reflections(wrong)
    with pytest.raises(ArgumentError, match="dim: expected 1, 2, 3 or 4, got 0; use wreath"):
        hyperoctahedral(0)
