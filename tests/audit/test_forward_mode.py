"""Forward mode: the derivative of `torch.func.jvp`, with two runs of every linear layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from haar.audit.forward_mode import push_forward

NETWORKS = {
    "conv1d": (lambda: nn.Conv1d(2, 3, 3, padding="same", padding_mode="circular"), (2, 2, 7)),
    "conv2d": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.GELU(), nn.Conv2d(4, 2, 3, bias=False)), (2, 2, 8, 8)),
    "conv3d": (lambda: nn.Conv3d(2, 2, 2, stride=2, groups=2), (1, 2, 4, 4, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2), (1, 2, 4, 4)),
    "linear": (lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2, bias=False)), (4, 3)),
    "norms": (lambda: nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.SiLU()), (4, 6)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_the_derivative(name):
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    net, x, v = make().double(), torch.randn(shape).double(), torch.randn(shape).double()
    y, change = push_forward(net, [x], [v])
    expected, wanted = torch.func.jvp(net, (x,), (v,))
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(change, wanted, atol=1e-12, rtol=0)


def test_layers_called_by_name_and_several_inputs():
    torch.manual_seed(0)
    w, b, x, v = (torch.randn(shape).double() for shape in ((3, 2, 3), (3,), (1, 2, 9), (1, 2, 9)))

    def function(x, z):
        first = functional.conv1d(x, w, bias=b) + functional.conv1d(input=z, weight=w) + functional.conv1d(x, w, b, 1)
        return {"sum": first, "products": (functional.conv1d(x, x[:, :, :3]), w), "name": "kept"}

    y, change = push_forward(function, [x, 2 * x], [v, v])
    expected, wanted = torch.func.jvp(lambda x, z: function(x, z)["sum"], (x, 2 * x), (v, v))
    torch.testing.assert_close(y["sum"], expected)
    torch.testing.assert_close(change["sum"], wanted)
    _, wanted = torch.func.jvp(lambda x: function(x, x)["products"][0], (x,), (v,))
    torch.testing.assert_close(change["products"][0], wanted)
    assert not change["products"][1].any()
    assert (y["name"], change["name"]) == ("kept", "kept")


class _Convolutions(TorchDispatchMode):
    """Counts convolutions."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += "convolution" in str(func)
        return func(*args, **(kwargs or {}))


def test_a_convolution_runs_twice():
    net, x = nn.Conv2d(2, 2, 3), torch.randn(1, 2, 5, 5)
    with _Convolutions() as seen:
        push_forward(net, [x], [x])
    assert seen.count == 2


def test_an_operation_without_a_rule_says_so():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(_ctx, x):
            return x.clone()

        @staticmethod
        def backward(_ctx, g):
            return g

    with pytest.raises((NotImplementedError, RuntimeError), match="jvp"):
        push_forward(Odd.apply, [torch.ones(2)], [torch.ones(2)])
    with forward_ad.dual_level():  # the level was left
        assert forward_ad.unpack_dual(torch.ones(2)).tangent is None


def test_gradients_pass_through():
    net, x = nn.Conv2d(1, 1, 3).double(), torch.randn(1, 1, 4, 4).double()
    _, change = push_forward(net, [x], [torch.ones_like(x)])
    change.sum().backward()
    assert net.weight.grad is not None
    assert torch.allclose(net.weight.grad, torch.full_like(net.weight, 4.0))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, w, b: functional.conv1d(x, w, b, 2),
        lambda x, w, _: functional.conv1d(x, w, None, 2),
        lambda x, w, b: functional.conv1d(x, w, b, stride=2),
        lambda x, w, b: functional.conv1d(x, w, bias=b, stride=2),
        lambda x, w, _: functional.conv1d(x, w, stride=2),
        lambda x, w, b: functional.conv1d(x, w, b * x.sum()),  # a bias that depends on the direction
        lambda x, w, b: functional.conv1d(x, w, bias=b * x.sum()),
        lambda x, w, b: functional.conv1d(input=x, weight=w * x.sum(), bias=b),
        lambda x, w, b: functional.conv1d(w, w[:, :, :2] * x.mean(), b),
        lambda x, w, b: functional.conv_transpose1d(x, w.transpose(0, 1), b, 2, 1),
        lambda x, w, b: functional.linear(x.transpose(1, 2), w[:, :, 0], b),
    ],
)
def test_every_way_to_call_a_linear_map(function):
    w, b, x, v = (torch.randn(shape, dtype=torch.float64) for shape in ((3, 2, 3), (3,), (1, 2, 9), (1, 2, 9)))
    y, change = push_forward(lambda z: function(z, w, b), [x], [v])
    expected, wanted = torch.func.jvp(lambda z: function(z, w, b), (x,), (v,))
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(change, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "leave", [torch.detach, torch.Tensor.detach, lambda x: x.data], ids=["torch", "method", "data"]
)
def test_what_leaves_the_graph_keeps_its_derivative(leave):
    x, v = torch.tensor([2.0, 3.0]), torch.tensor([1.0, -1.0])
    y, change = push_forward(lambda z: leave(z) ** 2 + leave(torch.ones(2)), [x], [v])
    assert (y.tolist(), change.tolist()) == ([5, 10], [4, -6])


def test_directions_are_as_many_as_inputs():
    with pytest.raises(ValueError, match="zip"):
        push_forward(lambda x, y: x + y, [torch.ones(2), torch.ones(2)], [torch.ones(2)])
