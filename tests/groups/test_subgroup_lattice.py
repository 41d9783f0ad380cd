"""All subgroups: known numbers, and a brute-force list for small groups."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.groups import (
    alternating,
    cyclic,
    dicyclic,
    dihedral,
    hyperoctahedral,
    icosahedral,
    product,
    quaternion,
    sign,
    symmetric,
)

#: Numbers of subgroups: OEIS A005432 (S_n), A029725 (A_n), A006116 ({+-1}^k), tau + sigma (D_n), tau (C_n).
KNOWN = [
    (symmetric(3), 6),
    (symmetric(4), 30),
    (symmetric(5), 156),
    (symmetric(6), 1455),
    (alternating(5), 59),
    (alternating(6), 501),
    (sign(4), 67),
    (sign(5), 374),
    (cyclic(360), 24),
    (dihedral(60), 12 + 168),
    (quaternion(), 6),
    (hyperoctahedral(2), 10),
    (hyperoctahedral(3), 98),
    (icosahedral(full=True), 164),
]


@pytest.mark.parametrize(("group", "count"), KNOWN, ids=lambda value: getattr(value, "name", ""))
def test_known_numbers(group, count):
    assert len(group.subgroups(limit=720)) == count


def brute_force(group):
    """Joins of cyclic subgroups with plain sets, until nothing new comes up."""
    table = group.table.tolist()

    def generated(elements):
        members, front = {0}, {0}
        while front:
            front = {table[a][b] for a in front for b in elements} - members
            members |= front
        return frozenset(members)

    cyclic_ones = {generated([g]) for g in range(group.order)}
    found, front = set(cyclic_ones), set(cyclic_ones)
    while front:
        front = {generated(a | b) for a in front for b in cyclic_ones if not b <= a} - found
        found |= front
    return sorted((sorted(members) for members in found), key=lambda row: (len(row), row))


SMALL = [
    dihedral(6),
    symmetric(4),
    dicyclic(6),
    alternating(5),
    product(quaternion(), cyclic(3)),
    product(symmetric(3), symmetric(3)),
]


@pytest.mark.parametrize("group", SMALL, ids=lambda group: group.name)
def test_the_list_and_its_order_are_those_of_brute_force(group):
    assert [h.embedding.tolist() for h in group.subgroups()] == brute_force(group)


def test_signed_permutations_of_four_axes():
    """Order 384: closed, distinct, sorted, and the same under conjugation."""
    group = hyperoctahedral(4)
    found = [h.embedding for h in group.subgroups()]
    assert len(found) == 1659
    rows = [row.tolist() for row in found]
    assert rows == sorted(rows, key=lambda row: (len(row), row))
    assert all(tuple(a) != tuple(b) for a, b in itertools.pairwise(rows))
    for members in found[::40]:
        assert torch.equal(group.closure(members), members)
    everything = {tuple(row) for row in rows}
    for g in group.generators():
        moved = group.compose(group.compose(g, torch.cat(found)), group.inverse(g)).split([len(row) for row in found])
        assert {tuple(row.sort().values.tolist()) for row in moved} == everything


def test_names_are_those_of_the_generators():
    group = dihedral(4)
    assert [h.name for h in group.subgroups()] == [group.subgroup(h.embedding).name for h in group.subgroups()]
    assert group.subgroup([2], "C2").name == "C2"
    assert group.subgroup([]).name == "1"
