"""The projector on leading eigenvectors: its derivative at ties, near them and away from them."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError, ShapeError
from haar.nn.principal import principal_projector

F64 = torch.float64


def semidefinite(values, seed=0):
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=F64)).Q
    return turn @ torch.diag(torch.tensor(values, dtype=F64)) @ turn.T


def of_symmetric(matrix):
    return principal_projector((matrix + matrix.T) / 2, 3)


def slope(function, matrix, weights):
    matrix = matrix.clone().requires_grad_()
    (found,) = torch.autograd.grad((function(matrix) * weights).sum(), matrix)
    return found


def by_autograd(matrix):
    vectors = torch.linalg.eigh((matrix + matrix.T) / 2)[1][:, -3:]
    return vectors @ vectors.T


@pytest.mark.parametrize("values", [[5.0, 4, 3, 1, 0.5], [2.0, 2, 2, 1, 0.5], [2.0, 2, 2, 1, 1, 0]])
def test_its_slope_is_that_of_differences_also_at_triple_ties(values):
    matrix = semidefinite(values)
    assert torch.autograd.gradcheck(of_symmetric, (matrix.requires_grad_(),))


def test_of_a_diagonal_matrix_with_ties_it_is_finite_where_autograd_is_not():
    matrix = torch.diag(torch.tensor([2.0, 2, 2, 1, 0.5], dtype=F64))
    weights = torch.arange(25, dtype=F64).reshape(5, 5)
    assert not bool(torch.isfinite(slope(by_autograd, matrix, weights)).all())
    found = slope(of_symmetric, matrix, weights)
    assert bool(torch.isfinite(found).all())
    assert torch.autograd.gradcheck(of_symmetric, (matrix.requires_grad_(),))


def test_near_ties_it_is_right_where_autograd_is_silently_wrong():
    weights = torch.arange(25, dtype=F64).reshape(5, 5)
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=F64)).Q
    errors = []
    for gap in (1e-3, 1e-14):
        values = torch.tensor([2.0 + gap, 2, 2 - gap, 1, 0.5], dtype=F64)
        matrix = turn @ torch.diag(values) @ turn.T
        right = slope(of_symmetric, matrix, weights)
        errors.append(float((slope(by_autograd, matrix, weights) - right).norm() / right.norm()))
    assert errors[0] < 1e-9
    assert errors[1] > 1e-4


def test_at_a_degenerate_cut_it_is_finite():
    matrix = torch.diag(torch.tensor([3.0, 2, 1, 1, 0.5], dtype=F64))
    assert bool(torch.isfinite(slope(of_symmetric, matrix, torch.ones(5, 5, dtype=F64))).all())


def test_it_projects_on_the_leading_directions():
    matrix = torch.diag(torch.tensor([1.0, 5, 2], dtype=F64))
    assert torch.equal(principal_projector(matrix, 2), torch.diag(torch.tensor([0.0, 1, 1], dtype=F64)))


def test_refusals():
    with pytest.raises(ShapeError, match=r"matrix: expected at least 4 x 4, got \(3, 3\)"):
        principal_projector(torch.eye(3), 4)
    with pytest.raises(ArgumentError, match="k: expected at least 1, got 0"):
        principal_projector(torch.eye(3), 0)
