"""Groups from generators: closure, tables, and refusals that say what is wrong."""

from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.errors import ArgumentError, ShapeError
from haar.groups import from_matrices, from_permutations, octahedral, permutation_group, symmetric
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


def reflection(normal: list[float]) -> torch.Tensor:
    v = torch.tensor(normal, dtype=torch.float64)
    return torch.eye(len(v), dtype=torch.float64) - 2 * torch.outer(v, v) / v.dot(v)


def weyl_group_b(n: int) -> list[torch.Tensor]:
    unit = torch.eye(n, dtype=torch.float64)
    return [reflection((unit[i] - unit[i + 1]).tolist()) for i in range(n - 1)] + [reflection(unit[-1].tolist())]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_signed_permutations_of_five_axes(dtype: torch.dtype) -> None:
    """2^5 5! = 3840 elements: some pairs have nearly the same random projection."""
    group = from_matrices([g.to(dtype) for g in weyl_group_b(5)], "B5")
    assert group.order == 3840
    matrices = group.defining_matrix(group.elements())
    assert len(matrices.flatten(1).unique(dim=0)) == 3840
    for g in group.generators():
        moved = group.compose(g, group.elements())
        assert torch.equal(group.defining_matrix(g) @ matrices, matrices[moved])


def test_a_group_too_large_for_a_table(generator: torch.Generator) -> None:
    """More than 4096 elements are composed one by one, and pickled as they are."""

    large = from_permutations([[1, 0, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7, 0]], "S8", limit=40_320)
    assert large.order == 40_320
    for made in (large, pickle.loads(pickle.dumps(large))):
        a, b = made.sample(300, generator), made.sample(300, generator)
        assert torch.equal(made.defining_matrix(made.compose(a, b)), made.defining_matrix(a) @ made.defining_matrix(b))
        assert not made.compose(a, made.inverse(a)).any()


# the root systems H3 (icosahedral) and F4
GOLDEN = (1 + math.sqrt(5)) / 2
H3 = [reflection([1, 0, 0]), reflection([GOLDEN, 1 / GOLDEN, 1]), reflection([0, 0, 1])]
F4 = [reflection([0, 1, -1, 0]), reflection([0, 0, 1, -1]), reflection([0, 0, 0, 1]), reflection([1, -1, -1, -1])]
SKEW = torch.tensor([[1, 0.5, 0.2], [0, 1, 0.3], [0.1, 0, 2]], dtype=torch.float64)


@pytest.mark.parametrize(("gens", "order"), [(H3, 120), (F4, 1152), ([rotation(2 * math.pi / 100)], 100)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rounded_generators_make_an_exact_group(gens: list[torch.Tensor], order: int, dtype: torch.dtype) -> None:
    group = from_matrices([g.to(dtype) for g in gens], orthogonalise=True)
    assert group.order == order
    a, b = group.elements()[:, None], group.generators()[None]
    product = group.defining_matrix(a) @ group.defining_matrix(b)
    torch.testing.assert_close(product, group.defining_matrix(group.compose(a, b)), rtol=0, atol=1e-12)
    close = torch.finfo(dtype).eps * 20
    torch.testing.assert_close(group.defining_matrix(group.generators()), torch.stack(gens), rtol=0, atol=close)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_a_skewed_basis_in_any_precision(dtype: torch.dtype) -> None:
    gens = [(SKEW @ g @ SKEW.inverse()).to(dtype) for g in H3]
    group = from_matrices(gens, orthogonalise=True)
    assert group.order == 120
    matrices = group.defining_matrix(group.generators())
    assert float((matrices @ matrices.transpose(-1, -2) - torch.eye(3, dtype=torch.float64)).abs().max()) < 1e-12


def test_single_precision_in_double_is_seen_by_its_digits() -> None:
    turn = rotation(2 * math.pi / 50).float().double()
    with pytest.raises(ArgumentError, match="orthogonalise=True to change the basis, or to take off the rounding"):
        from_matrices([turn])
    assert from_matrices([turn], orthogonalise=True).order == 50


def test_near_misses_are_refused() -> None:
    almost = rotation(2 * math.pi / 7 + 5e-7)
    with pytest.raises(ArgumentError, match=r"generators: expected a finite group whose elements differ clearly"):
        from_matrices([almost])
    with pytest.raises(ArgumentError, match=r"generators: expected matrices that differ clearly from the identity"):
        from_matrices([rotation(5e-7)])
    coarse = rotation(2 * math.pi / 500).bfloat16()
    with pytest.raises(ArgumentError, match=r"generators: expected matrices that differ clearly from the identity"):
        from_matrices([coarse], orthogonalise=True)


@pytest.mark.parametrize(
    ("expected", "generators"),
    [
        ("generators: expected real numbers, got complex64", [1j * torch.eye(2)]),
        ("generators: expected finite numbers", [torch.full((2, 2), math.nan)]),
        ("generators: expected a tensor of numbers, got 'C4'", "C4"),
        ("generators: expected matrices of one size", [torch.eye(2), torch.eye(3)]),
        ("generators: expected a finite group of at most 4096", [torch.tensor([[2.0, 1], [1, 1]])]),
    ],
)
@pytest.mark.usefixtures("unchecked_annotations")
def test_what_is_no_generator(expected: str, generators: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        from_matrices(generators, orthogonalise=True)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("rows", [[[0.5, 1.0]], [[1, 0, 2.5]], [[0, 0]]])
@pytest.mark.usefixtures("unchecked_annotations")
def test_fractions_are_no_points(rows: list[list[float]]) -> None:
    for make in (from_permutations, permutation_group):
        with pytest.raises(ArgumentError, match="generators: expected rows that are permutations"):
            make(rows)


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 3), (2, 2, 3, 3)])
def test_generators_that_are_no_square_matrices(shape):
    with pytest.raises(ShapeError, match=r"generators: expected square matrices \(k, d, d\), got \("):
        from_matrices(torch.ones(shape, dtype=torch.float64))
