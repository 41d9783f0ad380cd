"""Groups from generators: closure, tables, and refusals that say what is wrong."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError
from haar.groups import from_matrices, from_permutations, octahedral, symmetric
from haar.groups.generated import permutation_matrix


def rotation(angle: float) -> torch.Tensor:
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12, 97])
def test_cyclic_from_a_rotation(n: int) -> None:
    group = from_matrices([rotation(2 * math.pi / n)], "C")
    assert group.order == n
    assert group.is_abelian


def test_table_agrees_with_the_matrices() -> None:
    cube = octahedral(full=True)
    group = from_matrices(cube.defining_matrix(cube.generators()), "Oh", moves_grid=True)
    assert group.order == 48
    a, b = group.elements()[:, None], group.elements()[None, :]
    products = group.defining_matrix(a) @ group.defining_matrix(b)
    torch.testing.assert_close(products, group.defining_matrix(group.compose(a, b)), rtol=0, atol=0)
    assert group.motion(torch.tensor(3)).index.shape == (3,)


@given(st.integers(2, 9), st.floats(0.2, 3.0), st.floats(-1.0, 1.0))
def test_orthogonalised_in_a_basis_that_is_equivalent(n: int, stretch: float, shear: float) -> None:
    change = torch.tensor([[stretch, shear], [0.0, 1.0]], dtype=torch.float64)
    skew = change @ rotation(2 * math.pi / n) @ torch.linalg.inv(change)
    group = from_matrices([skew], orthogonalise=True)
    assert group.order == n
    matrices = group.defining_matrix(group.elements())
    eye = torch.eye(2, dtype=torch.float64).expand_as(matrices)
    torch.testing.assert_close(matrices @ matrices.transpose(-1, -2), eye, rtol=0, atol=1e-9)
    g = int(group.generators()[0])
    assert float(matrices[g].trace()) == pytest.approx(float(skew.trace()), abs=1e-9)


def test_numbering_is_breadth_first() -> None:
    group = from_permutations([[1, 0, 2], [1, 2, 0]])
    rows = group.defining_matrix(group.elements()).argmax(-2).tolist()
    assert rows == [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0], [0, 2, 1], [2, 0, 1]]


def test_permutation_matrices_move_unit_vectors() -> None:
    p = torch.tensor([2, 0, 1])
    eye = torch.eye(3, dtype=torch.float64)
    assert torch.equal(permutation_matrix(p) @ eye, eye[:, [2, 0, 1]])


def test_refusals() -> None:
    singular = torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    with pytest.raises(ArgumentError, match="matrix 1 is singular"):
        from_matrices([torch.eye(2, dtype=torch.float64), singular])
    with pytest.raises(ArgumentError, match=r"matrix 0 with .* pass orthogonalise=True"):
        from_matrices([torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)])
    with pytest.raises(ArgumentError, match="square matrices"):
        from_matrices([torch.ones(2, 3, dtype=torch.float64)])
    with pytest.raises(ArgumentError, match="a finite group of at most 50 elements, got more"):
        from_matrices([rotation(1.0)], limit=50)
    with pytest.raises(ArgumentError, match="a finite group of at most 300 elements"):
        # a shear generates no compact group
        from_matrices([torch.tensor([[1.0, 1.0], [0.0, 1.0]], dtype=torch.float64)], orthogonalise=True, limit=300)
    with pytest.raises(ArgumentError, match="rows that are permutations"):
        from_permutations([[0, 0, 1]])
    with pytest.raises(ArgumentError, match=r"at most 100 elements.*permutation_group"):
        from_permutations([[1, 2, 3, 4, 5, 0], [1, 0, 2, 3, 4, 5]], limit=100)
    with pytest.raises(ArgumentError, match="a finite group whose elements differ clearly"):
        from_matrices([rotation(0.0), rotation(1.1e-6), rotation(2.1e-6)], limit=300)


def test_same_group_as_the_catalogue() -> None:
    group = from_permutations([[1, 0, 2, 3], [1, 2, 3, 0]])
    assert torch.equal(group.table, symmetric(4).table)  # type: ignore[attr-defined]


def test_a_few_products_need_no_table_and_agree_with_it() -> None:
    group = symmetric(5)
    generator = torch.Generator().manual_seed(0)
    a, b = group.sample(20, generator), group.sample(20, generator)
    few = group.compose(a[:, None], b[None, :10])
    assert "_table" not in group.__dict__
    assert torch.equal(few, group.table[a][:, b[:10]])
    assert torch.equal(group.compose(a, group.inverse(a)), torch.zeros_like(a))


def test_a_group_without_a_table_is_copied_and_pickled() -> None:
    for twin in (copy.deepcopy(symmetric(4)), pickle.loads(pickle.dumps(symmetric(4)))):
        assert torch.equal(twin.table, symmetric(4).table)
        assert twin.order == 24
