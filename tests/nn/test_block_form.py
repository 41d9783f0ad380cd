"""The blocks form and its gradient by hand: equal to the dense matrix's, in every way torch asks for them."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import Defining, Regular, Trivial
from haar.groups import dihedral, quaternion
from haar.nn import Linear

F64 = torch.float64


@pytest.fixture
def layer():
    group = quaternion()
    made = Linear(
        Regular(group) + 2 * Defining(group), 2 * Defining(group) + Trivial(group, 2), form="blocks", dtype=F64
    )
    torch.nn.init.normal_(made.bias)
    return made


def dense(layer, x, p, b):
    return x @ torch.einsum("k,koi->oi", p, layer.space.basis()).T + layer.fixed @ b


def test_gradients_are_those_of_the_dense_matrix_for_every_group(reps):
    layer = Linear(*reps, form="blocks", dtype=F64)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 3, reps[0].dim, dtype=F64, requires_grad=True)
    g = torch.randn(2, 3, reps[1].dim, dtype=F64)
    wanted = (x, layer.weight, layer.bias)
    found = torch.autograd.grad(layer(x), wanted, g)
    for one, other in zip(found, torch.autograd.grad(dense(layer, *wanted), wanted, g), strict=True):
        assert torch.allclose(one, other, atol=1e-11, rtol=0)


def test_second_gradients(layer):
    x = torch.randn(2, layer.rep_in.dim, dtype=F64, requires_grad=True)
    run = lambda x, p, b: layer.blocks(p, x, layer.fixed, b).square()  # noqa: E731
    assert torch.autograd.gradgradcheck(run, (x, layer.weight, layer.bias))


@pytest.mark.parametrize("frozen", ["input", "weights", "both"])
def test_what_needs_no_gradient_gets_none(layer, frozen):
    layer.requires_grad_(frozen == "input")
    x = torch.randn(3, layer.rep_in.dim, dtype=F64, requires_grad=frozen == "weights")
    y = layer(x)
    assert y.requires_grad == (frozen != "both")
    if frozen != "both":
        y.sum().backward()
    assert (x.grad is None) == (frozen != "weights")
    assert (layer.weight.grad is None) == (frozen != "input")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own rules for forward mode
def test_function_transforms_and_forward_mode(layer):
    x, t = torch.randn(2, 3, layer.rep_in.dim, dtype=F64)
    p, b = layer.weight.detach(), layer.bias.detach()
    run = lambda x: layer.blocks(p, x, layer.fixed, b)  # noqa: E731
    wanted = dense(layer, t, p, torch.zeros_like(b))
    assert torch.allclose(torch.func.jvp(run, (x,), (t,))[1], wanted, atol=1e-12)
    with torch.autograd.forward_ad.dual_level():
        dual = run(torch.autograd.forward_ad.make_dual(x, t))
        assert torch.allclose(torch.autograd.forward_ad.unpack_dual(dual).tangent, wanted, atol=1e-12)
    each = torch.func.vmap(torch.func.grad(lambda row: run(row[None]).square().sum()))(x)
    (whole,) = torch.autograd.grad(dense(layer, x.requires_grad_(), p, b).square().sum(), x)
    assert torch.allclose(each, whole, atol=1e-12)


def test_the_output_may_be_changed_in_place_and_the_gradient_may_be_expanded():
    group = dihedral(4)
    layer = Linear(16 * Regular(group), 16 * Regular(group), form="blocks", bias=False)
    x = torch.randn(4, 128, requires_grad=True)
    torch.relu_(layer(x)).sum().backward()
    one = x.grad.clone()
    x.grad = None
    torch.relu(x @ layer.matrix().T).sum().backward()
    assert torch.allclose(x.grad, one, atol=1e-4)


def test_an_empty_batch(layer):
    x = torch.zeros(0, layer.rep_in.dim, dtype=F64, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.shape == x.shape
    assert float(layer.weight.grad.abs().sum()) == 0
