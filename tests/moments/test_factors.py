"""Slices of cumulants in factors against the tensors themselves, written out index by index."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from haar.moments.entries import Entries
from haar.moments.factors import Edge, Factors, Pairing, Path, Power, Quadruple, Repeat, Rows, Star, Triple

UNITS, COLUMNS = 4, 3


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


X, Y, Z = (_random(UNITS, COLUMNS, seed=seed) for seed in range(3))
K = _random(COLUMNS, COLUMNS, seed=3)
SYMMETRIC = K + K.mT
HOLLOW = SYMMETRIC - SYMMETRIC.diagonal().diag()
H = K[0]


def _symmetrised(tensor: Tensor, placements: int) -> Tensor:
    """The sum over the different placements of the indices."""
    found = [tensor.permute(*order) for order in itertools.permutations(range(tensor.ndim))]
    return torch.stack(found).sum(0) * placements / math.factorial(tensor.ndim)


def _two_and_two(tensor: Tensor) -> Tensor:
    return torch.einsum("aabb->ab", tensor)


@pytest.mark.parametrize(
    ("form", "dense"),
    [
        (Triple(0, 1, 1), _symmetrised(torch.einsum("ar,br,cr->abc", X, Y, Y), 3)),
        (Triple(0, 1, 2), _symmetrised(torch.einsum("ar,br,cr->abc", X, Y, Z), 6)),
        (Triple(0, 1, 1, H), _symmetrised(torch.einsum("ar,r,br,cr->abc", X, H, Y, Y), 3)),
    ],
)
def test_a_triple_has_the_slices_of_its_tensor(form: Triple, dense: Tensor) -> None:
    found = Factors((X, Y, Z), (form,)).slices(X @ X.mT, Entries())[0]
    torch.testing.assert_close(found, torch.einsum("aab->ab", dense), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(form.dense((X, Y, Z)), dense, rtol=1e-12, atol=1e-12)


QUADRUPLES = {
    "power": (Power(0, H), torch.einsum("r,ar,br,cr,dr->abcd", H, X, X, X, X), 1),
    "pairing": (Pairing(0, SYMMETRIC), torch.einsum("rs,ar,br,cs,ds->abcd", SYMMETRIC, X, X, X, X), 3),
    "edge": (Edge(0, 1, H), torch.einsum("r,ar,br,cr,dr->abcd", H, X, X, Y, Y), 6),
    "star": (Star(0, 1, H), torch.einsum("r,ar,br,cr,dr->abcd", H, X, X, X, Y), 4),
    "path": (Path(0, 1, HOLLOW), torch.einsum("rs,ar,br,cs,ds->abcd", HOLLOW, Y, X, X, Y), 12),
    "repeat": (Repeat(0, 1, K), torch.einsum("rs,ar,br,cs,ds->abcd", K, X, X, X, Y), 12),
}


@pytest.mark.parametrize("name", QUADRUPLES)
def test_a_quadruple_has_the_slices_of_its_tensor(name: str) -> None:
    form, product, placements = QUADRUPLES[name]
    dense = _symmetrised(product, placements)
    _, aabb, aaab = Factors((X, Y), (), (form,)).slices(X @ X.mT, Entries())
    torch.testing.assert_close(aaab, torch.einsum("aaab->ab", dense), rtol=1e-12, atol=1e-12)
    if name in ("power", "edge", "star"):
        torch.testing.assert_close(aabb, _two_and_two(dense), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(aabb.diagonal(), torch.einsum("aaaa->a", dense), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("form", "straight"),
    [
        # of the pairings of a a b b those that do not pair a with b, and of the diagonal of k all
        (
            Pairing(0, SYMMETRIC),
            torch.einsum("rs,ar,ar,bs,bs->ab", SYMMETRIC, X, X, X, X)
            + 2 * torch.einsum("r,ar,ar,br,br->ab", SYMMETRIC.diagonal(), X, X, X, X),
        ),
        (Path(0, 1, HOLLOW), 4 * torch.einsum("rs,ar,ar,bs,bs->ab", HOLLOW, X, Y, X, Y)),
        (
            Repeat(0, 1, K),
            2 * torch.einsum("rs,ar,ar,bs,bs->ab", K, X, X, X, Y)
            + 2 * torch.einsum("rs,br,br,as,as->ab", K, X, X, X, Y),
        ),
    ],
)
def test_only_the_crossed_part_of_two_and_two_is_left_out(form: Quadruple, straight: Tensor) -> None:
    aabb, _ = form.slices((X, Y), Entries())
    different = ~torch.eye(UNITS, dtype=torch.bool)
    torch.testing.assert_close(aabb[different], straight[different], rtol=1e-12, atol=1e-12)


def test_rows_have_the_fourth_cumulants_of_their_law() -> None:
    data = _random(UNITS, 50, seed=4).exp()
    centred = data - data.mean(-1, keepdim=True)
    cov = centred @ centred.mT / 50
    dense = torch.einsum("as,bs,cs,ds->abcd", centred, centred, centred, centred) / 50
    dense = dense - _symmetrised(torch.einsum("ab,cd->abcd", cov, cov), 3)
    aabb, aaab = Rows(0).slices((centred,), Entries())
    torch.testing.assert_close(aabb, _two_and_two(dense), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(aaab, torch.einsum("aaab->ab", dense), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ["power", "pairing", "edge", "star"])
def test_what_a_repeated_index_leaves_is_a_sum_of_triples(name: str) -> None:
    """K_aabc: whole for a power and an edge, without crossed pairs for a pairing, without z z at a for a star."""
    form, product, placements = QUADRUPLES[name]
    if name == "pairing":
        wanted = torch.einsum("rs,ar,ar,bs,cs->abc", SYMMETRIC, X, X, X, X)
    elif name == "star":
        wanted = 2 * torch.einsum("r,ar,ar,br,cr->abc", H, Y, X, X, X)
    else:
        wanted = torch.einsum("aabc->abc", _symmetrised(product, placements))
    found = torch.zeros_like(wanted)
    for x, y, z in form.bent((X, Y), Entries()):
        one = torch.einsum("ar,br,cr->abc", x, (X, Y)[y], (X, Y)[z])
        found = found + (one if y == z else one + one.transpose(-1, -2))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_unit_matrices_are_written_out_where_they_are_needed() -> None:
    factors = Factors((None, X), (Triple(1, 0, 0),), fresh=1)
    with_columns = Factors((torch.eye(UNITS, dtype=torch.float64), X), (Triple(1, 0, 0),))
    square = torch.zeros(UNITS, COLUMNS, dtype=torch.float64)
    assert factors.filled(square[:, 0], Entries()).written[0].equal(with_columns.written[0])
    assert factors.filled(square[:, 0], Entries()).fresh == 1
