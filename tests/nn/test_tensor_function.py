"""Isotropic tensor functions: values, derivatives where eigenvalues are equal, equivariance, refusals."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import Defining, Mandel, Trivial, from_mandel, mandel_rotation, to_mandel
from haar.errors import ArgumentError
from haar.groups import SO
from haar.nn import TensorFunction
from haar.nn.tensor_function import FUNCTIONS, tensor_function

F64 = torch.float64


def _random(d, count=4, seed=0):
    return torch.randn(count, d * (d + 1) // 2, dtype=F64, generator=torch.Generator().manual_seed(seed))


def _states(d):
    """Random, zero, a multiple of the identity, two equal eigenvalues, two near ones."""
    eye = torch.eye(d, dtype=F64)
    turned = torch.linalg.qr(torch.randn(d, d, dtype=F64, generator=torch.Generator().manual_seed(3))).Q
    two, near = torch.ones(d, dtype=F64), torch.ones(d, dtype=F64)
    two[0], near[0] = 0.3, 1.0 + 1e-7
    made = [0 * eye, 0.4 * eye, turned @ torch.diag(two) @ turned.mT, turned @ torch.diag(near) @ turned.mT]
    return [_random(d), *(to_mandel(A)[None] for A in made)]


@pytest.mark.parametrize("d", [2, 3])
def test_identity_and_square(d):
    x = _random(d)
    A = from_mandel(x)
    assert torch.allclose(tensor_function(x, "identity"), x, atol=1e-12)
    assert torch.allclose(from_mandel(tensor_function(x, "square")), A @ A, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_are_those_of_eigenvalues(d, name):
    x = _random(d)
    values, vectors = torch.linalg.eigh(from_mandel(x))
    expected = vectors @ torch.diag_embed(FUNCTIONS[name][0](values)) @ vectors.mT
    assert torch.allclose(from_mandel(tensor_function(x, name)), expected, atol=1e-12)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_derivatives_also_where_eigenvalues_are_equal(d, name):
    for x in _states(d):
        assert torch.autograd.gradcheck(lambda a: tensor_function(a, name), x.clone().requires_grad_(), atol=1e-6)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_reverse_and_forward_mode_agree():
    x, v = _random(3), _random(3, seed=1)
    _, tangent = torch.func.jvp(lambda a: tensor_function(a, "silu"), (x,), (v,))
    expected = torch.einsum(
        "bij,bj->bi", torch.func.vmap(torch.func.jacrev(lambda a: tensor_function(a, "silu")))(x), v
    )
    assert torch.allclose(tangent, expected, atol=1e-12)


def test_the_layer_commutes_with_every_rotation():
    rep = Mandel(Defining(SO(3)))
    layer = TensorFunction(3 * rep, "leaky_relu")
    x = torch.randn(5, 18, dtype=F64)
    R = torch.block_diag(*3 * [mandel_rotation(SO(3).sample(1, torch.Generator().manual_seed(0))[0])])
    assert torch.allclose(layer(x @ R.mT), layer(x) @ R.mT, atol=1e-12)
    assert "leaky_relu" in repr(layer)


def test_refusals():
    rep = Mandel(Defining(SO(3)))
    with pytest.raises(ArgumentError, match=r"function: expected one of identity, .* got 'relu'"):
        TensorFunction(rep, "relu")
    with pytest.raises(ArgumentError, match=r"rep: expected copies of Mandel, on the last axis"):
        TensorFunction(rep + Trivial(rep.group))
    x = _random(3).requires_grad_()
    (slope,) = torch.autograd.grad(tensor_function(x, "tanh").sum(), x, create_graph=True)
    with pytest.raises(
        ArgumentError, match=r"function: expected one derivative of a tensor function in space, got a second"
    ):
        slope.sum().backward()
