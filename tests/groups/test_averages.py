"""Class rules and averaging chains give exact averages from few elements."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    Group,
    MixedProduct,
    O,
    averaging_chain,
    cyclic,
    dihedral,
    from_permutations,
    grid_group,
    icosahedral,
    octahedral,
    permutation_group,
    product,
    quaternion,
    semidirect,
    sign,
    symmetric,
    trivial,
    wreath,
)
from haar.groups.class_rules import partitions, product_rule

ACTION = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
FINITE: list[FiniteGroup] = [
    trivial(),
    cyclic(12),
    dihedral(6),
    octahedral(full=True),
    icosahedral(),
    quaternion(),
    symmetric(5),  # type: ignore[list-item]
    product(dihedral(3), cyclic(4)),  # type: ignore[list-item]
    grid_group(dihedral(4), (4, 4), step=2),
    semidirect(cyclic(7), cyclic(3), ACTION),
    wreath(cyclic(3), symmetric(3)),  # type: ignore[list-item]
    dihedral(12).subgroup([2]),
]


def every_product(group: Group, degree: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """All products t_k ... t_1 of the steps of a chain, with their weights."""
    elements, weights = group.identity()[None], torch.ones(1, dtype=torch.float64)
    for step, weight in averaging_chain(group, degree):
        shape = group.element_shape
        left, right = step.reshape(-1, 1, *shape), elements.reshape(1, -1, *shape)
        elements = group.compose(left, right).reshape(-1, *shape)
        weights = (weight[:, None] * weights[None]).flatten()
    return elements, weights


@pytest.mark.parametrize("group", FINITE, ids=lambda g: g.name)
def test_chains_of_finite_groups_meet_every_element_once(group: FiniteGroup) -> None:
    elements, weights = every_product(group)
    assert sorted(elements.tolist()) == list(range(group.order))
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / group.order))


@pytest.mark.parametrize("group", [symmetric(7), sign(11), wreath(sign(1), permutation_group([[1, 2, 3, 0]]))])
def test_chains_of_implicit_groups_meet_every_element_once(group: Group) -> None:
    elements, weights = every_product(group)
    assert len(elements) == group.order
    assert len(elements.unique(dim=0)) == group.order
    assert float(weights.max()) == pytest.approx(1 / (group.order or 1))


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_chains_of_random_permutation_groups(one: list[int], other: list[int]) -> None:
    elements, _ = every_product(permutation_group([one, other]))
    assert len(elements) == len(elements.unique(dim=0)) == from_permutations([one, other]).order


def test_the_symmetric_group_takes_few_terms() -> None:
    for n in (7, 8, 20):
        assert sum(len(w) for _, w in averaging_chain(symmetric(n))) == n * (n + 1) // 2 - 1


def test_chains_are_much_shorter_than_groups() -> None:
    assert sum(len(w) for _, w in averaging_chain(cyclic(128))) <= 14
    assert sum(len(w) for _, w in averaging_chain(symmetric(6))) < 720 / 5


@pytest.mark.parametrize("group", [SO(2), O(2), SO(3), O(3), SU2(), product(SO(3), sign(2))], ids=lambda g: g.name)
@pytest.mark.parametrize("degree", [1, 4])
def test_chains_of_lie_groups_average_like_quadratures(group: Group, degree: int) -> None:
    elements, weights = every_product(group, degree)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)
    if isinstance(group, MixedProduct):
        matrices = group.factors[0].defining_matrix(group.split(elements)[0])
    else:
        matrices = group.defining_matrix(elements)
    trace = matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
    # the mean of trace^4 and of trace: SO(2) 6, O(2) 3, SO(3) and O(3) 3, SU(2) on R^4 2^4 * 2
    fourth = {"SO(2)": 6, "O(2)": 3, "SU(2)": 32}.get(group.name, 3)
    assert float((weights * trace).sum()) == pytest.approx(0, abs=1e-12)
    if degree == 4:
        assert float((weights * trace**4).sum()) == pytest.approx(fourth, abs=1e-11)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("full", [False, True])
def test_weyl_rules_of_rotation_groups(n: int, full: bool) -> None:  # noqa: FBT001
    """Moments of the trace: those of O(n) count perfect matchings while the degree is at most 2 n (Diaconis, Evans)."""
    group = O(n) if full else SO(n)
    rule = group.class_rule(2 * n)
    assert rule is not None
    elements, weights = rule
    trace = elements.diagonal(dim1=-2, dim2=-1).sum(-1)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)
    for k in range(n + 1):
        odd, even = float((weights * trace ** (2 * k + 1)).sum()), float((weights * trace ** (2 * k)).sum())
        matchings = math.prod(range(1, 2 * k, 2))
        if full:
            assert even == pytest.approx(matchings, abs=1e-9)
        if full and 2 * k + 1 <= 2 * n:
            assert odd == pytest.approx(0, abs=1e-9)
        if not full and 2 * k < n:
            # SO(n) differs from O(n) from degree n on, where the determinant is a new invariant
            assert even == pytest.approx(matchings, abs=1e-9)
    if not full:
        wanted = {2: 2, 3: 1, 4: 4, 5: 1, 6: 16}[n]
        assert float((weights * trace**n).sum()) == pytest.approx(wanted, abs=1e-9)


def test_cycle_types() -> None:
    rule = symmetric(8).class_rule()
    assert rule is not None
    rows, weights = rule
    assert len(rows) == 22
    assert float(weights.sum()) == pytest.approx(1)
    fixed = (rows == torch.arange(8)).sum(1).to(torch.float64)
    # moments of the number of fixed points are Bell numbers
    assert [round(float((weights * fixed**k).sum())) for k in range(6)] == [1, 1, 2, 5, 15, 52]
    assert symmetric(50).class_rule() is None
    assert len(list(partitions(10))) == 42


def test_products_of_rules() -> None:
    rule = product(SO(3), symmetric(7)).class_rule(2)
    assert rule is not None
    assert float(rule[1].sum()) == pytest.approx(1)
    finite = product(dihedral(4), cyclic(3)).class_rule()
    assert finite is not None
    assert len(finite[1]) == 15
    assert product_rule([None, None]) is None
    assert sign(12).class_rule() is None
    assert SO(12).class_rule(40) is None
    assert O(13).class_rule(40) is None


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"expected SO\(2\), O\(2\), SO\(3\), O\(3\) or SU\(2\)"):
        averaging_chain(SO(4), 2)

    class Odd(type(sign(12))):  # type: ignore[misc]
        pass

    assert len(averaging_chain(Odd(12))) == 12
