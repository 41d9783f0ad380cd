"""Refined eigenvectors against forty digits, and under an exact symmetry."""

from __future__ import annotations

import mpmath
import pytest
import torch

from haar.data.graphs import twin_task
from haar.data.spectra import laplacian_eigs
from haar.data.spectra.refinement import refined

F64 = torch.float64


def near_pairs(gap, seed=0, n=12):
    """A symmetric matrix whose eigenvalues lie in pairs that are `gap` apart."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=F64)).Q
    level = torch.arange(n // 2, dtype=F64).repeat_interleave(2)
    level[1::2] += gap
    matrix = turn @ torch.diag(level) @ turn.T
    return (matrix + matrix.T) / 2


def to_forty_digits(matrix):
    with mpmath.workdps(40):
        _, vectors = mpmath.eigsy(mpmath.matrix(matrix.tolist()))
        return torch.tensor([[float(x) for x in row] for row in vectors.tolist()], dtype=F64)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7])
def test_eigenvectors_are_right_to_the_last_digits_however_near_their_eigenvalues_are(gap):
    matrix = near_pairs(gap)
    truth = to_forty_digits(matrix)
    values, vectors = torch.linalg.eigh(matrix)
    found = refined(matrix, values, vectors, torch.arange(12), slice(2, 9))
    exact = truth[:, 2:9]
    error = (found - exact * (found * exact).sum(0).sign()).abs().max()
    assert error < 1e-15
    plain = vectors[:, 2:9]
    assert (plain - exact * (plain * exact).sum(0).sign()).abs().max() > 3 * error  # what there was to gain


def test_within_an_eigenspace_nothing_is_turned():
    matrix = torch.diag(torch.tensor([1.0, 1.0, 2.0, 3.0], dtype=F64))
    turn = torch.linalg.qr(torch.randn(2, 2, generator=torch.Generator().manual_seed(0), dtype=F64)).Q
    vectors = torch.eye(4, dtype=F64)
    vectors[:2, :2] = turn
    vectors[2, 0], vectors[0, 2] = 1e-9, -1e-9 * turn[0, 0]  # a share of another space, which goes
    spaces = torch.tensor([0, 0, 1, 2])
    found = refined(matrix, matrix.diagonal(), vectors, spaces, slice(0, 2))
    torch.testing.assert_close(found[:2], turn, rtol=0, atol=1e-15)
    assert found[2:].abs().max() < 1e-15


@pytest.mark.parametrize("seed", [6000, 4001])  # relative gaps of 4e-5 and 1e-4
@pytest.mark.parametrize("normalization", ["symmetric", "none"])
def test_what_a_symmetry_of_the_graph_exchanges_is_equal_up_to_a_sign(seed, normalization):
    graph = twin_task(100, probability=0.12, crossings=30, seed=seed).graph
    spectrum = laplacian_eigs(graph.both_directions, 16, nodes=200, normalization=normalization)
    v = spectrum.vectors
    assert spectrum.health.smallest_gap > 1e-7
    exchanged = v.roll(100, 0)
    assert (v - exchanged * (v * exchanged).sum(0).sign()).abs().max() < 1e-14
