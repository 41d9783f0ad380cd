"""Second derivatives in forward mode are those of reverse mode, also where torch has none or a wrong one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.geometry import Pullback, christoffel
from haar.nn.basis import derivative, laplacian
from haar.probing.forward_mode import ForwardMode

F64 = torch.float64
LAYERS = {
    "silu": nn.SiLU(),
    "silu in place": nn.Sequential(nn.Linear(8, 8, dtype=F64), nn.SiLU(inplace=True)),
    "mish": nn.Mish(),
    "glu": nn.GLU(),
    "layer norm": nn.LayerNorm(8, dtype=F64),
    "layer norm over two axes": nn.Sequential(
        nn.Unflatten(1, (2, 4)), nn.LayerNorm((2, 4), elementwise_affine=False), nn.Flatten()
    ),
    "function": lambda x: torch.layer_norm(torch.nn.functional.silu(x), (8,)),
}


class Net(nn.Module):
    def __init__(self, layer):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.layer, self.last = nn.Linear(2, 8, dtype=F64), layer, nn.LazyLinear(3, dtype=F64)

    def forward(self, x):
        return self.last(self.layer(torch.tanh(self.first(x))))


@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives_are_those_of_reverse_mode(name):
    net, x = Net(LAYERS[name]), torch.randn(5, 2, dtype=F64)
    plain = net(x)
    with ForwardMode():
        torch.testing.assert_close(net(x), plain)
    found = derivative(net, x, 0, 2) + derivative(net, x, 1, 2)
    torch.testing.assert_close(found, laplacian(net, x))


@pytest.mark.parametrize("name", LAYERS)
def test_a_decoder_with_such_a_layer_has_christoffel_symbols(name):
    net, x = Net(LAYERS[name]), torch.randn(4, 2, dtype=F64)
    net(x)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda z: net(z[None])[0]))
    hessian = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda z: net(z[None])[0])))
    j, h = jacobian(x), hessian(x)  # of J^T J: Gamma^k_ij = g^kl <d_i d_j f, d_l f>
    expected = torch.einsum("nkl,nal,naij->nkij", torch.linalg.inv(j.mT @ j), j, h)
    torch.testing.assert_close(christoffel(Pullback(net), x).detach(), expected.detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.complex64, torch.int64, torch.bool])
@pytest.mark.parametrize("number", [2, 0.5, -3.25, 1 + 1j, True])
def test_numbers_beside_tensors_give_what_they_give_outside(dtype, number):
    x = torch.tensor([1, 3, 2]).to(dtype)

    def told():
        yield lambda: number * x
        yield lambda: x * number
        yield lambda: number + x
        yield lambda: torch.add(x, number, alpha=2)
        yield lambda: x - number
        yield lambda: number - x
        yield lambda: torch.rsub(x, number)
        yield lambda: x / number
        yield lambda: number / x
        yield lambda: torch.div(x, number, rounding_mode="floor")

    for made in told():
        try:
            expected = made()
        except (RuntimeError, TypeError) as error:
            with ForwardMode(), pytest.raises(type(error)):
                made()
            continue
        with ForwardMode():
            found = made()
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_slopes_beside_numbers_are_those_of_reverse_mode():
    x = torch.tensor([0.5, 2.0], dtype=F64)

    def field(x):
        return (3 / (1 - x) - 2 * x + 1) * (x - 4) / 5

    def slope(x):
        return torch.func.jvp(field, (x,), (torch.ones_like(x),))[1]

    with ForwardMode():
        first, second = torch.func.jvp(slope, (x,), (torch.ones_like(x),))
    leaf = x.clone().requires_grad_()
    (once,) = torch.autograd.grad(field(leaf).sum(), leaf, create_graph=True)
    (twice,) = torch.autograd.grad(once.sum(), leaf)
    torch.testing.assert_close(first, once.detach())
    torch.testing.assert_close(second, twice)
