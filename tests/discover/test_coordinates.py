"""Coordinates of a found action, the whitening, readable bases and compact algebras, by hand."""

from __future__ import annotations

import json
import math

import pytest
import torch

from haar.discover.compact import is_compact, positive_form
from haar.discover.components import components
from haar.discover.coordinates import Coordinates, SideCoordinates
from haar.discover.flows import Finite
from haar.discover.reading import reading_basis, sparsest
from haar.discover.rows import Pair
from haar.discover.whitening import whitening
from haar.errors import DataError
from haar.groups.algebra import LieAlgebra

F64 = torch.float64
PLAIN = SideCoordinates(torch.eye(2, dtype=F64), torch.zeros(2, dtype=F64))
MOVED = SideCoordinates(torch.tensor([[2.0, 1.0], [0.0, 0.5]], dtype=F64), torch.tensor([1.0, -1.0], dtype=F64))
X = torch.randn(5, 2, generator=torch.Generator().manual_seed(0), dtype=F64)


def test_a_side_is_a_matrix_times_what_is_off_the_centre():
    x = torch.tensor([[2.0, 3.0]], dtype=F64)
    assert MOVED.inwards(x).tolist() == [[2.0 * 1 + 4, 0.5 * 4]]
    torch.testing.assert_close(MOVED.outwards(MOVED.inwards(X)), X)
    assert MOVED.inwards(X.float()).dtype is MOVED.outwards(X.float()).dtype is torch.float32
    assert PLAIN.is_plain
    assert not MOVED.is_plain
    assert not SideCoordinates(PLAIN.matrix, MOVED.centre).is_plain
    assert not SideCoordinates(MOVED.matrix, PLAIN.centre).is_plain


@pytest.mark.parametrize("flat", [False, True])
def test_a_model_between_coordinates(flat):
    x = X.reshape(5, 1, 2) if flat else X
    place = Coordinates(MOVED, SideCoordinates(2 * PLAIN.matrix, PLAIN.centre), *([(1, 2), (1, 2)] if flat else []))

    def model(x):
        assert x.shape[1:] == ((1, 2) if flat else (2,))
        return x.sin()

    inside = place.of_inputs(x)
    torch.testing.assert_close(inside, MOVED.inwards(X))
    torch.testing.assert_close(place.model(model)(inside), 2 * X.sin())
    assert not place.is_plain
    assert Coordinates(PLAIN, PLAIN).model(model) is model
    assert not Coordinates(PLAIN, PLAIN, (1, 2)).is_plain
    assert not Coordinates(PLAIN, PLAIN, None, (1, 2)).is_plain
    assert not Coordinates(PLAIN, MOVED).is_plain


def test_coordinates_are_written_and_read():
    place = Coordinates(MOVED, PLAIN, (1, 2), None)
    again = Coordinates.read(json.loads(json.dumps(place.to_dict())))
    assert (again.input_shape, again.output_shape) == ((1, 2), None)
    for one, other in ((again.inputs, MOVED), (again.outputs, PLAIN)):
        assert torch.equal(one.matrix, other.matrix)
        assert torch.equal(one.centre, other.centre)
    assert Coordinates.read(None) is None
    for broken in ({"inputs": {}}, place.to_dict() | {"outputs": {"matrix": [[0.0, 0], [0, 0]], "centre": [0.0, 0]}}):
        with pytest.raises(DataError, match="coordinates: "):
            Coordinates.read(broken)


def test_whitening_has_the_rank_of_the_data_in_any_units():
    x = torch.randn(300, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    wide = torch.stack([1e6 * x[:, 0], 1e-3 * x[:, 1], torch.full((300,), 4.0, dtype=F64), x.sum(1)], 1) + 2
    space = whitening(wide, centred=True)
    assert (space.rank, space.size) == (2, 4)
    white = space(wide)
    torch.testing.assert_close(white.T @ white / 300, torch.eye(2, dtype=F64), rtol=0, atol=1e-9)
    torch.testing.assert_close(space.centre + white @ space.outwards.T, wide, rtol=1e-9, atol=1e-6)
    uncentred = whitening(x + 3, centred=False)
    assert uncentred.centre.tolist() == [0.0, 0.0]
    torch.testing.assert_close(uncentred(x + 3).T @ uncentred(x + 3) / 300, torch.eye(2, dtype=F64), rtol=0, atol=1e-9)
    turned = space.turned(torch.tensor([[1.0], [0.0]], dtype=F64))
    torch.testing.assert_close(turned(wide)[:, 0], white[:, 0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        space.matrix(2 * torch.eye(2, dtype=F64)), 2 * space.outwards @ space.inwards, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize(("share", "rank"), [(0.9e-5, 1), (1.1e-5, 2)])
def test_directions_of_less_than_a_ten_billionth_are_empty(share, rank):
    line = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=F64)
    across = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=F64)
    x = torch.stack([line + share * across, line - share * across], 1)
    assert whitening(x, centred=True).rank == rank


def generator_of_so(n):
    rows = torch.combinations(torch.arange(n))
    made = torch.zeros(len(rows), n, n, dtype=F64)
    for k, (i, j) in enumerate(rows.tolist()):
        made[k, i, j], made[k, j, i] = -1.0, 1.0
    return made


TURN = generator_of_so(2)[0]


def spiral(slope, tolerance=1e-9):
    return LieAlgebra((TURN + slope * torch.eye(2, dtype=F64))[None], tolerance=tolerance)


def test_what_turns_is_compact_and_what_grows_shears_or_shifts_is_not():
    assert is_compact(LieAlgebra(generator_of_so(3), tolerance=1e-9))
    assert is_compact(spiral(0.0))
    assert is_compact(spiral(2.9e-6))  # thrice the least tolerance of an algebra
    assert not is_compact(spiral(3.1e-6))
    assert is_compact(spiral(0.29, tolerance=0.1))
    assert not is_compact(spiral(0.33, tolerance=0.1))
    shear = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]], dtype=F64)
    assert not is_compact(LieAlgebra(shear, tolerance=1e-9))
    boosts = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]], dtype=F64)
    assert not is_compact(LieAlgebra(boosts, tolerance=1e-9))
    both = torch.stack([torch.block_diag(TURN, 0 * TURN), torch.block_diag(0 * TURN, math.sqrt(2) * TURN)])
    assert is_compact(LieAlgebra(both, tolerance=1e-9))
    assert not is_compact(LieAlgebra(torch.cat([generator_of_so(2), torch.eye(2)[None].double()]), tolerance=1e-9))


def nearly_sheared(size, tolerance):
    """Two blocks that turn by so much of the size of the matrix."""
    block = torch.tensor([[0.0, 1.0], [-(size**2), 0.0]], dtype=F64)
    return LieAlgebra(torch.block_diag(block, block)[None], tolerance=tolerance)


@pytest.mark.parametrize(("tolerance", "least"), [(1e-9, 1e-4), (1e-3, 1e-2), (0.1, 0.3)])
@pytest.mark.parametrize(("share", "turns"), [(0.97, False), (1.03, True)])
def test_what_turns_by_less_than_ten_defects_is_a_shear(tolerance, least, share, turns):
    algebra = nearly_sheared(share * least, tolerance)
    assert is_compact(algebra) is turns
    (scaled,) = torch.einsum("jk,kab->jab", reading_basis(algebra, algebra.basis), algebra.basis)
    if turns:
        assert float(torch.linalg.eigvals(scaled).abs().max()) == pytest.approx(1.0)
    else:
        assert float(scaled.norm()) == pytest.approx(1.0)


def test_a_positive_form_has_absolute_eigenvalues():
    mixed = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=F64)  # 3 and -1
    torch.testing.assert_close(positive_form(mixed), torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=F64))


def test_rotations_are_read_in_their_own_scale_and_order():
    algebra = LieAlgebra(7 * generator_of_so(3), tolerance=1e-9)
    e = torch.einsum("jk,kab->jab", reading_basis(algebra, algebra.basis), algebra.basis)
    torch.testing.assert_close(e[0] @ e[1] - e[1] @ e[0], e[2], rtol=0, atol=1e-9)
    assert sorted(e.abs().flatten(1).sum(1).tolist()) == pytest.approx([2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (5 * TURN, TURN),
        (torch.diag(torch.tensor([-4.0, 2.0], dtype=F64)), torch.diag(torch.tensor([-1.0, 0.5], dtype=F64))),
        (torch.tensor([[0.0, 9.0], [0.0, 0.0]], dtype=F64), torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=F64)),
    ],
)
def test_other_generators_have_a_largest_eigenvalue_of_one_or_size_one(matrix, expected):
    algebra = LieAlgebra(matrix[None], tolerance=1e-9)
    found = reading_basis(algebra, algebra.basis)[0, 0] * algebra.basis[0]
    torch.testing.assert_close(found.abs(), expected.abs(), rtol=0, atol=1e-9)


def test_sparse_rows_come_out_of_any_rotation_of_them_with_positive_largest_entries():
    plain = torch.diag(torch.tensor([3.0, 2.0, 1.0], dtype=F64))
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1), dtype=F64)).Q
    found = sparsest(turn @ plain)
    torch.testing.assert_close(found @ found.T, torch.eye(3, dtype=F64), rtol=0, atol=1e-12)
    rows = found @ turn @ plain
    assert sorted(rows.amax(1).tolist()) == pytest.approx([1.0, 2.0, 3.0])
    assert rows.abs().sum().item() == pytest.approx(6.0)
    assert sparsest(torch.zeros(2, 3, dtype=F64)).tolist() == torch.eye(2).tolist()


def test_blocks_are_told_apart_by_their_spin():
    """Vectors and a tensor of degree two: Casimir eigenvalues 2 and 6, the higher first."""
    three = generator_of_so(3)
    symmetric = torch.stack([torch.kron(g, torch.eye(3)) + torch.kron(torch.eye(3).double(), g) for g in three])
    inputs = torch.stack(
        [torch.block_diag(s, g, torch.zeros(2, 2, dtype=F64)) for s, g in zip(symmetric, three, strict=True)]
    )
    outputs = torch.stack([torch.block_diag(g, torch.zeros(1, 1, dtype=F64)) for g in three])
    good = Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
    elements = []

    def judged(pair):
        elements.append(pair)
        return good

    found = components(Pair(inputs / 3, outputs), judged)
    assert [(one.inputs, one.outputs) for one in found] == [
        ((1, 1), (-1,)),
        ((1, -1), (1,)),
        ((1, -1), (-1,)),
        ((-1, 1), (1,)),
        ((-1, 1), (-1,)),
        ((-1, -1), (1,)),
        ((-1, -1), (-1,)),
    ]
    assert [one.plain for one in found] == [False] * 6 + [True]
    assert found[3].told == "-1 1 on the inputs, 1 on the outputs"
    assert found[0].to_dict() == {"inputs": [1, 1], "outputs": [-1], "defect": good._asdict()}
    all_reversed = elements[-1]
    torch.testing.assert_close(
        all_reversed.b[0], torch.diag(torch.tensor([-1.0, -1, -1, 1], dtype=F64)), rtol=0, atol=1e-9
    )
    vectors_alone = elements[1].a[0]  # of spin one: the vector and the antisymmetric part of the tensor
    assert float(vectors_alone.trace()) == pytest.approx(14 - 2 * 6)
    spin_two = elements[3].a[0]
    assert float(spin_two.trace()) == pytest.approx(14 - 2 * 5)


def test_many_blocks_are_reversed_together_only():
    turns = [torch.block_diag(*[k * TURN if k == j else 0 * TURN for j in range(1, 5)]) for k in range(1, 5)]
    side = torch.stack([*turns])
    found = components(Pair(side, TURN[None].expand(4, 2, 2) * 0), lambda _: Finite(0, 0, 0, 0, 0, True))
    assert [one.inputs for one in found] == [(-1, -1, -1, -1)]
