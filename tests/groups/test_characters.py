"""Irreducible characters: orthogonality, known tables, names, types, projectors."""

from __future__ import annotations

import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions.representation import Defining, Regular, tensor_power
from haar.errors import ArgumentError
from haar.groups import (
    FiniteGroup,
    TableGroup,
    alternating,
    cyclic,
    dicyclic,
    dihedral,
    from_permutations,
    grid_group,
    icosahedral,
    isotypic_projector_coefficients,
    octahedral,
    product,
    quaternion,
    real_irreducibles,
    reflections,
    semidirect,
    sign,
    symmetric,
    wreath,
)
from haar.groups.character_names import natural_key
from haar.groups.character_table import character_table
from haar.groups.characters import multiplicity

FROBENIUS = semidirect(
    cyclic(7), cyclic(3), torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
)
GROUPS = [
    cyclic(1),
    cyclic(9),
    dihedral(4),
    dihedral(7),
    octahedral(full=True),
    icosahedral(full=True),
    symmetric(5),
    alternating(5),
    sign(4),
    quaternion(),
    dicyclic(5),
    FROBENIUS,
    wreath(quaternion(), symmetric(2)),  # type: ignore[arg-type]
    product(cyclic(3), quaternion()),
    grid_group(dihedral(4), (6, 6)),
]


def check_table(group: FiniteGroup) -> None:
    table = character_table(group)
    rows = (table.values * table.sizes) @ table.values.conj().T / group.order
    torch.testing.assert_close(rows, torch.eye(len(rows), dtype=rows.dtype), rtol=0, atol=1e-11)
    columns = table.values.T @ table.values.conj() * table.sizes / group.order
    torch.testing.assert_close(columns, torch.eye(len(rows), dtype=rows.dtype), rtol=0, atol=1e-11)
    assert int((table.degrees**2).sum()) == group.order
    assert all(group.order % d == 0 for d in table.degrees.tolist())
    torch.testing.assert_close(table.values[0], torch.ones_like(table.values[0]), rtol=0, atol=1e-12)
    # Frobenius and Schur: the number of square roots of 1 is the sum of indicator times degree
    elements = group.elements()
    involutions = int((group.compose(elements, elements) == 0).sum())
    assert int((table.indicators * table.degrees).sum()) == involutions


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_orthogonality_and_square_roots(group: FiniteGroup) -> None:
    check_table(group)


@given(st.permutations(range(6)), st.permutations(range(6)))
@settings(max_examples=20)
def test_random_groups(one: list[int], other: list[int]) -> None:
    check_table(from_permutations([one, other]))


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_real_irreducibles_fill_the_regular_representation(group: FiniteGroup) -> None:
    found = real_irreducibles(group)
    assert len({r.name for r in found}) == len(found)
    assert sum(r.dim**2 // r.end for r in found) == group.order
    norms = torch.stack([(r.character**2).mean() for r in found])
    torch.testing.assert_close(
        norms, torch.tensor([float(r.end) for r in found], dtype=torch.float64), rtol=0, atol=1e-10
    )
    regular = torch.zeros(group.order, dtype=torch.float64)
    regular[0] = group.order
    assert [multiplicity(r, regular) for r in found] == [r.dim // r.end for r in found]


@pytest.mark.parametrize("group", [dihedral(4), quaternion(), FROBENIUS, cyclic(5), octahedral()], ids=lambda g: g.name)
def test_projectors(group: FiniteGroup) -> None:
    elements = group.elements()
    for rep in (Regular(group), *([tensor_power(Defining(group), 2)] if group.defining_dim else [])):
        matrices = rep.matrix(elements)
        total = torch.zeros(rep.dim, rep.dim, dtype=torch.float64)
        for r in real_irreducibles(group):
            P = torch.einsum("g,gij->ij", isotypic_projector_coefficients(r), matrices)
            torch.testing.assert_close(P @ P, P, rtol=0, atol=1e-12)
            torch.testing.assert_close(P, P.T, rtol=0, atol=1e-12)
            assert round(float(P.trace())) == r.dim * multiplicity(r, rep.character(elements))
            total += P
        torch.testing.assert_close(total, torch.eye(rep.dim, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("group", "names"),
    [
        (cyclic(1), "A"),
        (cyclic(4), "A B E"),
        (cyclic(5), "A E1 E2"),
        (dihedral(3), "A1 A2 E"),
        (dihedral(4), "A1 A2 B1 B2 E"),
        (dihedral(6), "A1 A2 B1 B2 E1 E2"),
        (reflections(2), "A1 A2 B1 B2"),
        (octahedral(), "A1 A2 E T1 T2"),
        (octahedral(full=True), "A1g A1u A2g A2u Eg Eu T1g T1u T2g T2u"),
        (icosahedral(), "A T1 T2 G H"),
        (icosahedral(full=True), "Ag Au T1g T1u T2g T2u Gg Gu Hg Hu"),
        (symmetric(4), "1a 1b 2a 3a 3b"),
        (quaternion(), "1a 1b 1c 1d 4a"),
    ],
    ids=lambda v: v.name if isinstance(v, FiniteGroup) else "",
)
def test_names(group: FiniteGroup, names: str) -> None:
    assert [r.name for r in real_irreducibles(group)] == names.split()


def test_names_mean_what_the_convention_says() -> None:
    group = dihedral(4)
    by_name = {r.name: r.character for r in real_irreducibles(group)}
    quarter, axis, diagonal = 1, 4, 5
    assert [round(float(by_name["B1"][g])) for g in (quarter, axis, diagonal)] == [-1, 1, -1]
    assert [round(float(by_name["A2"][g])) for g in (quarter, axis, diagonal)] == [1, -1, -1]
    torch.testing.assert_close(by_name["E"], Defining(group).character(group.elements()), rtol=0, atol=1e-12)
    cube = octahedral(full=True)
    vector = {r.name: r.character for r in real_irreducibles(cube)}["T1u"]
    torch.testing.assert_close(vector, Defining(cube).character(cube.elements()), rtol=0, atol=1e-12)
    ico = icosahedral()
    vector = {r.name: r.character for r in real_irreducibles(ico)}["T1"]
    torch.testing.assert_close(vector, Defining(ico).character(ico.elements()), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("group", "types"),
    [
        (cyclic(3), {"real": 1, "complex": 1}),
        (quaternion(), {"real": 4, "quaternionic": 1}),
        (dicyclic(3), {"real": 3, "complex": 1, "quaternionic": 1}),
        (symmetric(5), {"real": 7}),
        (FROBENIUS, {"real": 1, "complex": 2}),
    ],
    ids=lambda v: v.name if isinstance(v, FiniteGroup) else "",
)
def test_types(group: FiniteGroup, types: dict[str, int]) -> None:
    found = [r.type for r in real_irreducibles(group)]
    assert {t: found.count(t) for t in found} == types


def test_refusals() -> None:
    group = sign(3)
    half = torch.full((8,), 0.5, dtype=torch.float64)
    with pytest.raises(ArgumentError, match=r"expected the character of a real representation, got multiplicity 0.5"):
        multiplicity(real_irreducibles(group)[0], half)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="order times number of conjugacy classes"):
        character_table(grid_group(reflections(2), (128, 128)))


def test_natural_order_of_names() -> None:
    assert sorted(["E10", "E2", "E1"], key=natural_key) == ["E1", "E2", "E10"]
    assert sorted(["1aa", "1b", "1z"], key=natural_key) == ["1b", "1z", "1aa"]


def test_many_classes_get_distinct_names() -> None:
    found = real_irreducibles(TableGroup("C60", cyclic(60).table, [1]))
    assert len({r.name for r in found}) == len(found) == 31


@pytest.mark.parametrize(("off", "whole"), [(0.9e-6, True), (1.1e-6, False)])
def test_multiplicities_are_whole_to_a_millionth(off: float, whole: bool) -> None:  # noqa: FBT001
    trivial = real_irreducibles(dihedral(4))[0]
    character = torch.full((8,), 2 + off, dtype=torch.float64)
    if whole:
        assert multiplicity(trivial, character) == 2
    else:
        with pytest.raises(ArgumentError, match=r"character: expected .*, got multiplicity 2\.000001"):
            multiplicity(trivial, character)


def test_characters_that_are_not_orthogonal_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No group is known whose table fails: less than rounding is asked for."""
    monkeypatch.setattr(sys.modules[character_table.__module__], "_TOLERANCE", -1.0)
    with pytest.raises(
        ArgumentError, match=r"orthogonality relations, got D4: off by .*; report this group: its class"
    ):
        character_table(dihedral(4))
