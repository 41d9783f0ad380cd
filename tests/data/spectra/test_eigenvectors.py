"""Eigenvectors on both sides of each threshold, on graphs whose spectrum is known by hand."""

from __future__ import annotations

import pytest
import torch

from haar.data.spectra import laplacian_eigs
from haar.errors import ArgumentError, HaarWarning

F64 = torch.float64


def square(apart):
    """A ring of four with weights 1 + apart, 1, 1 + apart, 1: eigenvalues 0, 2, 2 + 2 apart, 4 + 2 apart."""
    weights = torch.zeros(4, 4, dtype=F64)
    for k, weight in enumerate((1 + apart, 1.0, 1 + apart, 1.0)):
        i, j = k, (k + 1) % 4
        weights[i, j] = weights[j, i] = weight
    return weights


def found(apart, k=3, **options):
    return laplacian_eigs(square(apart), k, normalization="none", **{"unhealthy": "quiet", **options})


def test_eigenvalues_are_those_by_hand():
    assert found(0.5).eigenvalues.tolist() == pytest.approx([2, 3, 5], rel=1e-12)
    symmetric = laplacian_eigs(square(0.5), 3)  # every degree is 2.5
    assert symmetric.eigenvalues.tolist() == pytest.approx([0.8, 1.2, 2], rel=1e-12)
    assert symmetric.vectors.abs().flatten().tolist() == pytest.approx([1.0] * 12, rel=1e-9)
    assert found(0.5, scale="unit").vectors.abs().flatten().tolist() == pytest.approx([0.5] * 12, rel=1e-9)


@pytest.mark.parametrize(("gap", "options", "spaces"), [
    (0.9e-8, {}, [0, 0, 1]),
    (1.1e-8, {}, [0, 1, 2]),
    (1.1e-8, {"tol": 1.2e-8}, [0, 0, 1]),
    (0.9e-8, {"tol": 0.8e-8}, [0, 1, 2]),
])  # fmt: skip
def test_an_eigenspace_ends_at_a_gap_relative_to_the_largest_eigenvalue(gap, options, spaces):
    apart = 2 * gap / (1 - gap)  # 2 apart / (4 + 2 apart) = gap
    spectrum = found(apart, **options)
    assert spectrum.spaces.tolist() == spaces
    assert ("W1" in spectrum.health.warnings) == (spaces == [0, 0, 1])


@pytest.mark.parametrize(("off", "fits"), [(2.7e-8, True), (2.9e-8, False)])
def test_columns_that_are_off_by_more_than_1e_8_are_refused(off, fits, monkeypatch):
    solver = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: (solver(matrix)[0] + off, solver(matrix)[1]))
    edge = torch.tensor([[0], [1]])
    # of the eigenvector (1, -1) / sqrt(2) with eigenvalue 2
    if fits:
        assert laplacian_eigs(edge, 1).health.residual == pytest.approx(off / 2**0.5 / 2, rel=1e-6)
        return
    with pytest.raises(ArgumentError, match=r"got a residual of 1\.0e-08; bring the weights to sizes nearer"):
        laplacian_eigs(edge, 1)


def test_a_solver_that_gives_no_numbers_is_refused(monkeypatch):
    solver = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda matrix: (solver(matrix)[0], solver(matrix)[1] * torch.nan))
    with pytest.raises(ArgumentError, match="got a residual of inf"):
        laplacian_eigs(square(0.5), 2)


def test_an_unhealthy_spectrum_is_warned_of_unless_it_is_asked_otherwise():
    with pytest.warns(HaarWarning, match="laplacian_eigs: W1 repeated"):
        laplacian_eigs(square(0.0), 3)
    with pytest.raises(
        ArgumentError, match=r"graph: expected a simple spectrum, got W1 .*; networks of haar.nn.spectral"
    ):
        found(0.0, unhealthy="raise")
    assert found(0.5, unhealthy="raise").health.warnings == {}


@pytest.mark.parametrize(("drop", "values"), [("trivial", [0, 2, 2]), ("null", [2, 2]), ("none", [0, 0, 2, 2])])
def test_what_is_dropped_of_two_parts(drop, values):
    two = torch.tensor([[0, 2], [1, 3]])
    spectrum = laplacian_eigs(two, 4, drop=drop, unhealthy="quiet")
    assert spectrum.eigenvalues.tolist() == pytest.approx([*values, *[0] * (4 - len(values))], abs=1e-12)
    assert spectrum.columns.tolist() == [True] * len(values) + [False] * (4 - len(values))
    assert ("W4" in spectrum.health.warnings) == (len(values) < 4)
    assert spectrum.health.components == 2
    usual = laplacian_eigs(two, 4, unhealthy="quiet")
    assert usual.columns.sum() == 3
    own = {"trivial": [0, 1, 1, 2], "null": [0, 0, 1, 2], "none": [0, 0, 1, 1]}[drop]
    assert spectrum.spaces.tolist() == own


def test_a_graph_without_eigenvectors_is_all_padding():
    alone = laplacian_eigs(torch.zeros(1, 1, dtype=F64), 3, unhealthy="quiet")
    assert (alone.spaces.tolist(), alone.columns.tolist()) == ([0, 1, 2], [False] * 3)
    assert alone.vectors.tolist() == [[0, 0, 0]]
    assert alone.action.spaces == (1, 1, 1)
