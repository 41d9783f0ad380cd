"""Eigenvectors: the solver's derivatives where eigenvalues are apart, finite ones where they meet."""

from __future__ import annotations

import pytest
import torch

from haar.nn.principal import eigenvectors

F64 = torch.float64


def semidefinite(values, generator):
    turn = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=F64)).Q
    return turn @ torch.diag(torch.tensor(values, dtype=F64)) @ turn.T


def projector(matrix, column):
    """What does not hang on the solver's signs."""
    vector = eigenvectors(matrix)[1][..., column]
    return vector.unsqueeze(-1) * vector.unsqueeze(-2)


def test_values_fall_and_vectors_are_theirs(generator):
    matrix = torch.stack([semidefinite([3.0, 0.0, 1.0], generator) for _ in range(4)])
    values, vectors = eigenvectors(matrix)
    assert torch.allclose(values, torch.tensor([3.0, 1.0, 0.0], dtype=F64), atol=1e-12)
    assert bool((values >= 0).all())
    assert torch.allclose(matrix @ vectors, vectors * values.unsqueeze(-2), atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own rules for forward mode
def test_derivatives_are_those_of_differences(generator):
    matrix = semidefinite([3.0, 2.0, 0.5], generator).requires_grad_()
    symmetric = lambda m: (m + m.T) / 2  # noqa: E731
    torch.autograd.gradcheck(lambda m: eigenvectors(symmetric(m))[0], (matrix,), check_forward_ad=True)
    torch.autograd.gradcheck(lambda m: projector(symmetric(m), 1), (matrix,), check_forward_ad=True)


def test_what_equal_eigenvalues_divide_by_is_left_out(generator):
    matrix = semidefinite([2.0, 2.0, 1.0], generator).requires_grad_()
    projector(matrix, 2).square()[0, 1].backward()  # apart from the others: as it should be
    assert bool((matrix.grad != 0).any())
    assert bool(matrix.grad.isfinite().all())
    equal = torch.eye(3, dtype=F64, requires_grad=True)
    eigenvectors(equal)[1].sum().backward()
    assert torch.equal(equal.grad, torch.zeros(3, 3, dtype=F64))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own rules for forward mode
@pytest.mark.parametrize(("gap", "seen"), [(0.99e-3, False), (1.01e-3, True)])
def test_the_smallest_gap_is_relative_to_the_largest_eigenvalue(gap, seen):
    matrix = torch.diag(torch.tensor([4.0, 4.0 * (1 - gap)], dtype=F64)).requires_grad_()
    eigenvectors(matrix, tolerance=1e-3)[1].abs()[0, 1].backward()
    vectors = eigenvectors(matrix.detach(), tolerance=None)[1]
    assert torch.equal(eigenvectors(matrix, tolerance=1e-3)[1].detach(), vectors)
    step = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=F64)
    turned = torch.func.jvp(lambda m: eigenvectors(m, tolerance=1e-3)[1], (matrix.detach(),), (step,))[1]
    assert bool((turned != 0).any()) is seen


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own rules for forward mode
def test_batches_of_any_shape_are_differentiated_one_by_one(generator):
    matrices = torch.stack([semidefinite([4.0, 2.0 + k, 0.5], generator) for k in range(2)]).unsqueeze(1)
    step = torch.randn(2, 1, 3, 3, generator=generator, dtype=F64)
    step = step + step.mT

    def turned(matrix, direction):
        return torch.func.jvp(lambda m: eigenvectors(m)[1], (matrix,), (direction,))[1]

    whole = turned(matrices, step)
    (back,) = torch.autograd.grad(eigenvectors(matrices.requires_grad_())[1], matrices, grad_outputs=step)
    for k in range(2):
        alone = matrices[k, 0].detach().requires_grad_()
        assert torch.allclose(whole[k, 0], turned(alone.detach(), step[k, 0]), atol=1e-12)
        (slope,) = torch.autograd.grad(eigenvectors(alone)[1], alone, grad_outputs=step[k, 0])
        assert torch.allclose(back[k, 0], slope, atol=1e-12)
