"""Products, semidirect and wreath products: parts, laws of composition, refusals."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.groups import (
    SO,
    FiniteProduct,
    FiniteWreath,
    MixedProduct,
    RowWreath,
    cyclic,
    dihedral,
    from_permutations,
    grid_group,
    hyperoctahedral,
    product,
    quaternion,
    semidirect,
    shifts,
    sign,
    symmetric,
    wreath,
)

ACTION = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])


@pytest.mark.parametrize(
    "group", [product(dihedral(4), sign(2), cyclic(3)), product(dihedral(4), symmetric(8)), product(SO(3), sign(2))]
)
def test_split_and_join(group: FiniteProduct | MixedProduct, generator: torch.Generator) -> None:
    g = group.sample(6, generator)
    parts = group.split(g)
    assert [p.shape[1:] for p in parts] == [torch.Size(f.element_shape) for f in group.factors]
    assert group.equal(group.join(parts), g).all()
    one = group.split(g[0])
    assert group.equal(group.join(one), g[0])
    h = group.sample(6, generator)
    for k, factor in enumerate(group.factors):
        both = group.split(group.compose(g, h))[k]
        assert factor.equal(both, factor.compose(parts[k], group.split(h)[k])).all()


def test_product_moves_the_grid_of_its_one_mover(generator: torch.Generator) -> None:
    group = product(sign(1), dihedral(4))
    assert group.space_dim == 2
    g = group.sample(5, generator)
    assert torch.equal(group.motion(g).index, dihedral(4).motion(group.split(g)[1]).index)
    mixed = product(dihedral(4), symmetric(8))
    g = mixed.sample(5, generator)
    assert torch.equal(mixed.motion(g).sign, dihedral(4).motion(mixed.split(g)[0]).sign)
    with pytest.raises(ArgumentError, match="expected a group that moves grids"):
        product(sign(1), sign(2)).motion(torch.tensor(0))
    with pytest.raises(ArgumentError, match="expected a group that moves grids"):
        product(sign(1), symmetric(8)).motion(torch.zeros(9, dtype=torch.int64))


def test_product_names() -> None:
    group = product(dihedral(4), sign(1))
    assert group.describe(0) == "e"
    assert group.describe(group.join([torch.tensor(1), torch.tensor(1)])) == "r90*-"


@given(st.integers(2, 4), st.integers(2, 3), st.integers(0, 99))
def test_wreath_acts_on_its_blocks(m: int, n: int, seed: int) -> None:
    """(b; s) sends block j to block s j and turns it there: checked on the matrices themselves."""
    group = wreath(dihedral(m), symmetric(n))  # type: ignore[arg-type]
    assert group.order == (2 * m) ** n * (symmetric(n).order or 0)
    g = group.sample(1, torch.Generator().manual_seed(seed))[0]
    bases, s = group.split(g)
    matrix = group.defining_matrix(g)
    where = symmetric(n).defining_matrix(s)
    for i in range(n):
        j = int(where[i].argmax())
        block = matrix[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        torch.testing.assert_close(block, dihedral(m).defining_matrix(bases[i]), rtol=0, atol=1e-13)
        assert int((matrix[2 * i : 2 * i + 2].abs() > 1e-9).any(0).sum()) <= 2


def test_signed_permutations_as_a_wreath_product() -> None:
    group = wreath(sign(1), symmetric(3))  # type: ignore[arg-type]
    assert isinstance(group, FiniteWreath)
    ours = {tuple(m.flatten().tolist()) for m in group.defining_matrix(group.elements())}
    cube = hyperoctahedral(3)
    assert ours == {tuple(m.flatten().tolist()) for m in cube.defining_matrix(cube.elements())}
    assert len(group.closure(group.generators())) == 48


def test_large_wreath_products_have_rows() -> None:
    group = wreath(quaternion(), symmetric(9))
    assert isinstance(group, RowWreath)
    assert group.element_shape == (18,)
    swap = from_permutations([[1, 0, 2]], "swap")
    two = wreath(cyclic(2), swap)
    # points {0, 1} and {2} are separate orbits: each needs a generator of the base
    assert isinstance(two, FiniteWreath)
    assert len(two.generators()) == 3
    assert len(two.closure(two.generators())) == two.order == 16


def test_semidirect_parts() -> None:
    group = semidirect(cyclic(7), cyclic(3), ACTION)
    a, h = group.element(3), group.element(0, 1)
    conjugate = group.compose(group.compose(h, a), group.inverse(h))
    assert int(group.normal_of(conjugate)) == int(ACTION[1, 3])
    assert int(group.complement_of(conjugate)) == 0
    assert sorted(len(c) for c in group.conjugacy_classes) == [1, 3, 3, 7, 7]
    assert group.describe(a) == "(r154.286, e)"


def test_dihedral_as_a_semidirect_product() -> None:
    turned = (-torch.arange(5)).remainder(5)
    group = semidirect(cyclic(5), cyclic(2), torch.stack([torch.arange(5), turned]))
    assert torch.equal(group.table, dihedral(5).table)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="factors: expected at least two groups"):
        product(dihedral(4))
    with pytest.raises(
        ArgumentError, match=r"at most one factor that moves a grid, got D4, T4x4; use haar.groups.grid_group"
    ):
        product(dihedral(4), shifts((4, 4)))
    with pytest.raises(ShapeError, match=r"action: expected \(3, 7\)"):
        semidirect(cyclic(7), cyclic(3), ACTION[:2])
    with pytest.raises(ArgumentError, match="rows that are permutations of the normal factor"):
        semidirect(cyclic(7), cyclic(3), ACTION * 0)
    swapped = ACTION.clone()
    swapped[1, 1], swapped[1, 2] = ACTION[1, 2], ACTION[1, 1]
    with pytest.raises(ArgumentError, match="action: expected automorphisms of C7"):
        semidirect(cyclic(7), cyclic(3), swapped)
    with pytest.raises(ArgumentError, match="rows that compose as C3 does"):
        semidirect(cyclic(7), cyclic(3), ACTION[[0, 1, 1]])
    with pytest.raises(ArgumentError, match="top: expected a group that permutes points, got C5"):
        wreath(sign(1), cyclic(5))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="expected a group with a defining representation"):
        wreath(grid_group(dihedral(4), (2, 2)), symmetric(2)).defining_matrix(torch.tensor(0))
    with pytest.raises(ArgumentError, match="dim: expected 1, 2, 3 or 4"):
        hyperoctahedral(5)
