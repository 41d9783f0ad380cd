"""Frames turned to one another, and the derivative of the polar factor."""

from __future__ import annotations

import pytest
import torch
from scipy.linalg import orthogonal_procrustes, polar

import haar.align.procrustes
from haar.nn.principal import align_frame, nearest_orthogonal, orthonormal, polar_factor

F64 = torch.float64


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def frame(q, k, seed=0):
    return torch.linalg.qr(drawn(q, k, seed=seed)).Q


def test_a_frame_is_turned_as_scipy_turns_it():
    one, other = frame(7, 3, 1), frame(7, 3, 2)
    turn, _ = orthogonal_procrustes(one.numpy(), other.numpy())
    torch.testing.assert_close(align_frame(one, other), one @ torch.from_numpy(turn), rtol=0, atol=1e-12)


def test_what_it_was_turned_by_before_does_not_matter():
    one, other = frame(7, 3, 1), frame(7, 3, 2)
    turn = nearest_orthogonal(drawn(3, 3, seed=3))
    torch.testing.assert_close(align_frame(one @ turn, other), align_frame(one, other), rtol=0, atol=1e-12)


def test_signs_and_order_come_back():
    one = frame(7, 3)
    shuffled = one[:, [2, 0, 1]] * torch.tensor([1.0, -1.0, -1.0], dtype=F64)
    torch.testing.assert_close(align_frame(shuffled, one), one, rtol=0, atol=1e-12)


def test_networks_and_frames_are_aligned_by_one_function():
    assert haar.align.procrustes.nearest_orthogonal is nearest_orthogonal


def test_the_polar_factor_is_that_of_scipy_with_the_slope_of_differences():
    matrix = drawn(6, 3)
    torch.testing.assert_close(polar_factor(matrix), torch.from_numpy(polar(matrix.numpy())[0]), rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(polar_factor, (matrix.clone().requires_grad_(),))


def test_equal_singular_values_spoil_no_slope():
    equal = frame(5, 3).requires_grad_()  # where autograd through singular vectors divides by zero
    assert torch.autograd.gradcheck(polar_factor, (equal,))
    u, _, vh = torch.linalg.svd(equal, full_matrices=False)
    (wrong,) = torch.autograd.grad((u @ vh)[0, 1], equal)
    (right,) = torch.autograd.grad(polar_factor(equal)[0, 1], equal)
    assert not torch.allclose(wrong, right, atol=1e-6)


def test_gram_schmidt_keeps_the_side_of_every_column():
    matrix = drawn(6, 3)
    found = orthonormal(matrix)
    torch.testing.assert_close(found.mT @ found, torch.eye(3, dtype=F64), rtol=0, atol=1e-12)
    upper = found.mT @ matrix
    assert bool((upper.diagonal() > 0).all())
    assert float(upper.tril(-1).abs().max()) < 1e-12


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_single_column_has_its_sign_settled(sign):
    one = frame(4, 1)
    assert torch.equal(align_frame(sign * one, one), one)
