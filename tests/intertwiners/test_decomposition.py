"""Isotypic decomposition: canonical bases, types, sums of copies, and refusals."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from haar.actions.representation import (
    Defining,
    Harmonic,
    Regular,
    Representation,
    Spin,
    Trivial,
    direct_sum,
    tensor_power,
)
from haar.errors import ArgumentError
from haar.groups import (
    SO,
    SU2,
    FiniteGroup,
    O,
    cyclic,
    dicyclic,
    dihedral,
    icosahedral,
    octahedral,
    quaternion,
    real_irreducibles,
    semidirect,
    symmetric,
)
from haar.intertwiners import Isotypic, decompose, matched, right_multiplication
from haar.intertwiners.group_algebra import draw, images, probes
from haar.intertwiners.primitive import primitive_blocks

FROBENIUS = semidirect(
    cyclic(7), cyclic(3), torch.tensor([[0, 1, 2, 3, 4, 5, 6], [0, 2, 4, 6, 1, 3, 5], [0, 4, 1, 5, 2, 6, 3]])
)


def representations() -> list[Representation]:
    space, plane, turns = O(3), SO(2), SU2()
    squares, cube = dihedral(4), octahedral(full=True)
    return [
        Regular(cyclic(9)),
        Regular(quaternion()),
        Regular(dicyclic(3)),
        Regular(FROBENIUS),
        Regular(icosahedral()),
        tensor_power(Defining(symmetric(9)), 2),
        direct_sum([Regular(squares)] * 3 + [Defining(squares)] + [Regular(squares)] * 2),
        tensor_power(Defining(cube), 3),
        tensor_power(Defining(space), 3) + Harmonic(space, 2) * 3,
        tensor_power(Defining(plane), 3) + Trivial(plane, 2),
        tensor_power(Defining(turns), 2) + Spin(turns, 0.5) * 2,
    ]


@pytest.mark.parametrize("rep", representations(), ids=lambda r: f"{r.group.name}-{r.name}"[:40])
def test_blocks_are_copies_of_one_matrix(rep: Representation, generator: torch.Generator) -> None:
    """In the isotypic basis every element acts on the last axis of each class alone, by one matrix for all copies."""
    found = decompose(rep)
    assert sum(c.multiplicity * c.dim for c in found.classes) == rep.dim
    Q = found.basis
    torch.testing.assert_close(Q.T @ Q, torch.eye(rep.dim, dtype=torch.float64), rtol=0, atol=1e-12)
    g = rep.group.sample(3, generator)
    x = torch.randn(4, rep.dim, generator=generator, dtype=torch.float64)
    still = found.to_blocks(x)
    torch.testing.assert_close(found.from_blocks(still), x, rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.cat([b.flatten(-2) for b in still], -1), x @ Q, rtol=0, atol=1e-12)
    for element in g:
        moved = found.to_blocks(rep.act(element, x))
        for c, before, after in zip(found.classes, still, moved, strict=True):
            assert before.shape == (4, c.multiplicity, c.dim)
            matrix = torch.linalg.lstsq(before.flatten(0, 1), after.flatten(0, 1)).solution.T
            if 4 * c.multiplicity >= c.dim:
                torch.testing.assert_close(before @ matrix.T, after, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rep", representations(), ids=lambda r: f"{r.group.name}-{r.name}"[:40])
def test_what_commutes_multiplies_from_the_right(rep: Representation, generator: torch.Generator) -> None:
    found = decompose(rep)
    tests = probes(rep.group)
    for c in found.classes:
        assert c.matrices.shape == (len(tests), c.dim, c.dim)
        eye = torch.eye(c.dim // c.end, dtype=torch.float64)
        for unit in right_multiplication(c.end):
            J = torch.kron(eye, unit)
            torch.testing.assert_close(J @ c.matrices, c.matrices @ J, rtol=0, atol=1e-10)


def test_regular_representations_hold_every_irreducible() -> None:
    for group in (dihedral(6), quaternion(), FROBENIUS, octahedral(full=True)):
        found = decompose(Regular(group))
        wanted = sorted((r.dim, r.end, r.dim // r.end) for r in real_irreducibles(group))
        assert sorted((c.dim, c.end, c.multiplicity) for c in found.classes) == wanted
        assert found.commutant_dim == group.order
        assert [c.is_trivial for c in found.classes].count(True) == 1
        assert len(found.table().splitlines()) == len(wanted)


@given(st.integers(0, 2**20), st.sampled_from([dihedral(5), quaternion(), FROBENIUS]))
@settings(max_examples=12)
def test_canonical_bases_do_not_depend_on_the_representation(seed: int, group: FiniteGroup) -> None:
    """A representation turned by any orthogonal matrix has the same matrices in its isotypic basis."""
    base = Regular(group)
    turn = torch.linalg.qr(
        torch.randn(base.dim, base.dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ).Q

    class Turned(Regular):
        @property
        def is_signed_permutation(self) -> bool:
            return False

        def matrix(self, g: torch.Tensor) -> torch.Tensor:
            plain: torch.Tensor = turn @ super().matrix(g) @ turn.T
            return plain

        def character(self, g: torch.Tensor) -> torch.Tensor:
            return self.matrix(g).diagonal(dim1=-2, dim2=-1).sum(-1)

    one, other, pairs = matched(base, Turned(group))
    assert [i for i, _ in pairs] == list(range(len(one.classes)))
    for i, j in pairs:
        torch.testing.assert_close(one.classes[i].matrices, other.classes[j].matrices, rtol=0, atol=1e-8)


def test_copies_share_one_basis() -> None:
    group = dihedral(4)
    base = Regular(group)
    many = base * 50
    found = decompose(many)
    assert len(found.runs) == 1
    assert found.runs[0].copies == 50
    assert found.runs[0].basis is decompose(base).runs[0].basis
    assert [c.multiplicity for c in found.classes] == [50, 50, 50, 50, 100]
    nested = direct_sum([base * 2, direct_sum([Defining(group), base])])
    assert [run.copies for run in decompose(nested).runs] == [2, 1, 1]


def test_decompositions_are_remembered() -> None:
    rep = Regular(dihedral(5))
    assert decompose(rep) is decompose(rep)
    assert decompose(rep, drawn=1) is not decompose(rep)
    assert decompose(rep, drawn=1).drawn == 1


def test_representations_meet_at_the_higher_draw() -> None:
    group = dihedral(5)
    one, other = Regular(group), Defining(group)
    one.__dict__["_isotypic"] = {0: decompose(Regular(group), drawn=2)}  # as if draws 0 and 1 had been rejected
    a, b, pairs = matched(one, other)
    assert (a.drawn, b.drawn) == (2, 2)
    assert len(pairs) == 1
    summed = decompose(one + other)
    assert summed.drawn == 2
    assert [c.multiplicity for c in summed.classes] == [1, 1, 3, 2] or [c.multiplicity for c in summed.classes] == [
        1,
        1,
        2,
        3,
    ]


def test_pickles() -> None:
    found = decompose(Regular(quaternion()) * 2)
    x = torch.randn(3, 16, dtype=torch.float64)
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(other, Isotypic)
        for ours, theirs in zip(found.to_blocks(x), other.to_blocks(x), strict=True):
            assert torch.equal(ours, theirs)


def test_float32_blocks_follow_the_input() -> None:
    found = decompose(Regular(dihedral(4)))
    x = torch.randn(2, 8)
    assert all(b.dtype == torch.float32 for b in found.to_blocks(x))
    torch.testing.assert_close(found.from_blocks(found.to_blocks(x)), x)


def test_a_draw_that_is_not_sharp_is_rejected() -> None:
    close = torch.diag(torch.tensor([1.0, 1.0 + 1e-9], dtype=torch.float64))
    blocks, reason = primitive_blocks(torch.stack([close, close]))
    assert blocks == []
    assert "too close" in reason


def test_inequivalent_spaces_behind_one_eigenvalue_are_noticed() -> None:
    """a = 1 on two inequivalent lines; b tells them apart."""
    eye, split = torch.eye(2, dtype=torch.float64), torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    blocks, reason = primitive_blocks(torch.stack([eye, split]))
    assert blocks == []
    assert "inequivalent" in reason


def test_eigenspaces_of_different_size_in_one_class_are_noticed() -> None:
    a = torch.diag(torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64))
    b = torch.ones(3, 3, dtype=torch.float64)
    blocks, reason = primitive_blocks(torch.stack([a, b]))
    assert blocks == []
    assert "differ in dimension" in reason


def test_the_first_element_of_a_draw_is_symmetric() -> None:
    for rep in (Regular(quaternion()), tensor_power(Defining(SO(3)), 2)):
        made = images(rep, draw(rep.group, 0))
        assert torch.equal(made[0], made[0].T)
        again = images(rep, draw(rep.group, 0))
        assert torch.equal(made, again)
        assert not torch.equal(made, images(rep, draw(rep.group, 1)))


class _Stretched(Defining):
    """A homomorphism that is not orthogonal."""

    @property
    def is_signed_permutation(self) -> bool:
        return False

    def matrix(self, g: torch.Tensor) -> torch.Tensor:
        stretch = torch.diag(torch.tensor([2.0, 1.0], dtype=torch.float64))
        back = torch.diag(torch.tensor([0.5, 1.0], dtype=torch.float64))
        plain: torch.Tensor = stretch @ super().matrix(g) @ back
        return plain


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="rep: expected orthogonal matrices, got defining: off by"):
        decompose(_Stretched(dihedral(3)))
    with pytest.raises(ArgumentError, match="rep_out: expected a representation of the same group object as rep_in"):
        matched(Defining(dihedral(3)), Defining(dihedral(4)))
    rep = Regular(dihedral(3))
    with pytest.raises(
        ArgumentError, match=r"decomposes into irreducible ones, got regular of D3, dimension 6: no draw was tried"
    ):
        decompose(rep, drawn=99)


@pytest.mark.parametrize("end", [1, 2, 4])
def test_units_multiply_from_the_right(end: int) -> None:
    """Right multiplications reverse products and commute with left multiplications."""
    R = right_multiplication(end)
    for e in range(end):
        for f in range(end):
            # 1 e f: first multiply by e, then by f
            product = R[f] @ R[e]
            unit = int(product[:, 0].abs().argmax())
            torch.testing.assert_close(product, product[unit, 0] * R[unit])
    if end == 4:
        torch.testing.assert_close(R[2] @ R[1], R[3])  # 1 i j = k
        torch.testing.assert_close(R[1] @ R[1], -R[0])
