"""Subgroups, cosets, classes, chains; tables that are no groups are refused."""

from __future__ import annotations

import itertools

import pytest
import torch

from haar.errors import ArgumentError
from haar.groups import FiniteGroup, TableGroup, cyclic, dihedral, icosahedral, octahedral, quaternion, shifts, sign
from haar.groups import symmetric as symmetric_group


def symmetric(n: int) -> FiniteGroup:
    group = symmetric_group(n)
    assert isinstance(group, FiniteGroup)
    return group


@pytest.mark.parametrize(
    ("group", "sizes"),
    [
        (dihedral(4), [1, 1, 2, 2, 2]),
        (dihedral(5), [1, 2, 2, 5]),
        (quaternion(), [1, 1, 2, 2, 2]),
        (symmetric(4), [1, 3, 6, 6, 8]),
        (symmetric(5), [1, 10, 15, 20, 20, 24, 30]),
        (icosahedral(), [1, 12, 12, 15, 20]),
        (cyclic(6), [1] * 6),
    ],
    ids=lambda v: v.name if isinstance(v, FiniteGroup) else "",
)
def test_conjugacy_classes(group: FiniteGroup, sizes: list[int]) -> None:
    classes = group.conjugacy_classes
    assert classes[0] == [0]
    assert sorted(len(c) for c in classes) == sizes
    for members in classes:
        conjugates = group.compose(
            group.compose(group.elements(), torch.tensor(members[0])), group.inverse(group.elements())
        )
        assert sorted(set(conjugates.tolist())) == members


@pytest.mark.parametrize(
    ("group", "count"), [(dihedral(4), 10), (symmetric(4), 30), (quaternion(), 6), (cyclic(12), 6)]
)
def test_all_subgroups(group: FiniteGroup, count: int) -> None:
    found = group.subgroups()
    assert len(found) == count
    assert found[0].order == 1
    assert found[-1].order == group.order
    assert all(group.order % h.order == 0 for h in found)


@pytest.mark.parametrize("side", ["left", "right"])
def test_cosets_partition_the_group(side: str) -> None:
    group = octahedral()
    subgroup = group.subgroup(group.generators()[:1])
    rows = group.cosets(subgroup, side)
    assert rows.shape == (group.order // subgroup.order, subgroup.order)
    assert sorted(rows.flatten().tolist()) == list(range(group.order))
    assert sorted(rows[0].tolist()) == subgroup.embedding.tolist()
    g = rows[1, 0]
    moved = group.compose(subgroup.embedding, g) if side == "right" else group.compose(g, subgroup.embedding)
    assert sorted(moved.tolist()) == sorted(rows[1].tolist())


def test_subgroup_knows_its_embedding() -> None:
    group = dihedral(6)
    subgroup = group.subgroup([2, 6], "D3")
    assert subgroup.order == 6
    assert subgroup.name == "D3"
    members = subgroup.include(subgroup.elements())
    assert torch.equal(subgroup.locate(members), subgroup.elements())
    a, b = subgroup.elements()[:, None], subgroup.elements()[None, :]
    assert torch.equal(subgroup.include(subgroup.compose(a, b)), group.compose(members[:, None], members[None, :]))
    assert torch.equal(subgroup.include(subgroup.inverse(a)), group.inverse(subgroup.include(a)))
    assert subgroup.describe(0) == "e"
    with pytest.raises(ArgumentError, match="expected elements of the subgroup D3"):
        subgroup.locate(torch.tensor(1))


def test_chain_grows_by_small_steps() -> None:
    orders = [h.order for h in symmetric(4).subgroup_chain()]
    assert orders[0] == 1
    assert orders[-1] == 24
    assert all(b % a == 0 and b > a for a, b in itertools.pairwise(orders))


def test_class_rule_is_the_mean_over_classes() -> None:
    group = symmetric(5)
    representatives, weights = group.class_rule() or (torch.zeros(0), torch.zeros(0))
    trace = group.defining_matrix(group.elements()).diagonal(dim1=-2, dim2=-1).sum(-1)
    assert float((weights * trace[representatives] ** 3).sum()) == pytest.approx(float((trace**3).mean()), abs=1e-12)


def test_abelian() -> None:
    assert cyclic(5).is_abelian
    assert sign(3).is_abelian  # type: ignore[attr-defined]
    assert not quaternion().is_abelian


def test_refusals() -> None:
    big = shifts((128, 64))
    with pytest.raises(ArgumentError, match="at most 100 elements to list"):
        big.elements(100)
    with pytest.raises(ArgumentError, match="at most 4096 elements to list"):
        _ = big.table
    with pytest.raises(ArgumentError, match="at most 400 elements to list all subgroups"):
        big.subgroups()
    with pytest.raises(ArgumentError, match=r"expected elements 0\.\.7 of D4"):
        dihedral(4).subgroup([8])
    with pytest.raises(ArgumentError, match="side: expected 'left' or 'right'"):
        dihedral(4).cosets(dihedral(4).subgroup([1]), "up")


@pytest.mark.parametrize(
    ("table", "generators", "message"),
    [
        ([[0, 1], [1, 2]], [1], r"a square table of elements 0..n-1"),
        ([[0, 1, 0]], [1], r"a square table of elements 0..n-1"),
        ([[1, 0], [0, 1]], [1], "element 0 to be the identity"),
        ([[0, 1], [1, 1]], [1], "an inverse for every element, got none for element 1"),
        ([[0, 1], [1, 0]], [], "to generate all 2 elements, got 1"),
        (
            # a loop of five elements: identity, inverses, every row and column a permutation, not associative
            [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]],
            [1, 2, 3],
            "an associative product",
        ),
    ],
)
def test_tables_that_are_no_groups(table: list[list[int]], generators: list[int], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        TableGroup("no", torch.tensor(table), generators)


def test_catalogue_refuses_nothing_to_turn() -> None:
    with pytest.raises(ArgumentError, match="n: expected an integer of at least 1, got 0"):
        cyclic(0)
    with pytest.raises(ArgumentError, match="expected a group with a defining representation"):
        TableGroup("2", torch.tensor([[0, 1], [1, 0]]), [1]).defining_matrix(torch.tensor(0))
    with pytest.raises(ArgumentError, match="expected a group that moves grids"):
        cyclic(3).motion(torch.tensor(1))


def test_groups_that_are_not_listed_say_so():
    from haar.actions.representation import Regular
    from haar.groups import SO, symmetric

    for group in (symmetric(40), SO(3)):
        with pytest.raises(ArgumentError, match="group: expected an enumerated group"):
            group.elements()
        with pytest.raises(ArgumentError, match="an enumerated group for the regular representation"):
            Regular(group)


@pytest.mark.parametrize(
    ("expected", "matrices"),
    [
        (
            "defining: expected orthogonal matrices in double precision",
            dihedral(5).defining_matrix(torch.arange(10)).float(),
        ),
        ("defining: expected orthogonal matrices", dihedral(5).defining_matrix(torch.arange(10).flip(0))),
        ("defining: expected one matrix for each of 10", dihedral(5).defining_matrix(torch.arange(5))),
        ("defining: expected real numbers", dihedral(5).defining_matrix(torch.arange(10)) + 0j),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_defining_matrices_multiply_as_the_table(expected: str, matrices: torch.Tensor) -> None:
    with pytest.raises(ArgumentError) as caught:
        TableGroup("D5", dihedral(5).table, [1, 5], defining=matrices)
    assert str(caught.value).startswith(expected)


def test_how_many_elements_are_listed() -> None:
    assert len(shifts((400, 500)).elements()) == 200_000
    large = shifts((449, 449))
    with pytest.raises(ArgumentError, match=r"at most 200000 elements to list, got T449x449 with 201601; sample it"):
        large.elements()
    assert large.class_rule() is None
    assert len(large.elements(201_601)) == 201_601
    assert len(cyclic(400).subgroups()) == 15
    with pytest.raises(ArgumentError, match="at most 400 elements to list all subgroups, got C401 with 401"):
        cyclic(401).subgroups()


def test_orders_of_elements() -> None:
    group = dihedral(6)
    assert [group.element_order(g) for g in range(12)] == [1, 6, 3, 2, 3, 6, 2, 2, 2, 2, 2, 2]


def test_matrices_are_equal_to_a_billionth() -> None:
    from haar.groups import SO

    group, one = SO(2), torch.eye(2, dtype=torch.float64)
    for off, equal in ((0.9e-9, True), (1.1e-9, False)):
        moved = one.clone()
        moved[0, 1] += off
        assert group.equal(torch.stack([one, moved]), one).tolist() == [True, equal]
    assert dihedral(4).equal(torch.tensor([1, 2]), torch.tensor(2)).tolist() == [False, True]
    assert repr(group) == "<RotationGroup SO(2)>"


@pytest.mark.parametrize(("generators", "message"), [([-1], r"got \[-1\]"), ([3, 8], r"got \[3, 8\]")])
def test_generators_of_a_subgroup_are_elements(generators: list[int], message: str) -> None:
    with pytest.raises(ArgumentError, match=r"generators: expected elements 0\.\.7 of D4, " + message):
        dihedral(4).subgroup(generators)
    assert dihedral(4).subgroup([7]).order == 2
    assert dihedral(4).subgroup([]).name == "1"
    assert dihedral(4).subgroup([1, 4]).name == "D4"
    assert dihedral(4).subgroup([4, 6]).name == "<r180, my>"


@pytest.mark.parametrize(("off", "accepted"), [(0.9e-8, True), (1.1e-8, False)])
def test_how_exactly_matrices_multiply_as_the_table(off: float, accepted: bool) -> None:  # noqa: FBT001
    """A mirror of determinant -1 whose square is off by so much, and one that is no unit."""
    matrices = dihedral(1).defining_matrix(torch.arange(2)).clone()
    bent, first = matrices.clone(), matrices.clone()
    bent[1, 1, 1] -= off / 2
    first[0, 0, 0] += off
    for wrong in (bent, first):
        if accepted:
            TableGroup("D1", dihedral(1).table, [1], defining=wrong)
        else:
            with pytest.raises(ArgumentError, match=r"defining: expected orthogonal matrices .* off by"):
                TableGroup("D1", dihedral(1).table, [1], defining=wrong)
