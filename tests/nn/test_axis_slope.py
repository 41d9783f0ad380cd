"""Derivatives of tensor functions in closed form: those of automatic differentiation, ties and all signs included."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from haar.actions.representation import from_mandel, to_mandel
from haar.nn.axis_slope import along, axis_slope, projector, tensor_function_response
from haar.nn.tensor_function import FUNCTIONS, tensor_function

F64 = torch.float64


def _tensors(d):
    """Values of every pattern of signs, zeros and ties, in random axes; and zero."""
    patterns = [
        *itertools.product((-1.3, 0.0, 0.4, 2.0), repeat=d),
        *itertools.permutations((0.5, 0.5 + 1e-7, -1.0), d),
    ]
    values = torch.tensor(patterns, dtype=F64)
    source = torch.Generator().manual_seed(0)
    Q = torch.linalg.qr(torch.randn(len(values), d, d, dtype=F64, generator=source)).Q
    return to_mandel(Q * values[:, None] @ Q.mT)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_derivative_is_that_of_automatic_differentiation(d, function):
    x = _tensors(d)
    # at 0 rounding says on which side a value lies, and leaky ReLU has a derivative on either
    x = x[(torch.linalg.eigvalsh(from_mandel(x)).abs() > 1e-9).all(-1)] if function == "leaky_relu" else x
    value, slope = tensor_function_response(x, function)
    jacobian = torch.func.vmap(torch.func.jacrev(lambda a: tensor_function(a, function)))(x)
    assert torch.allclose(value, tensor_function(x, function), atol=1e-13)
    # in the plane automatic differentiation leaves out what is of the size of a gap, here 1e-7, where it counts as none
    assert torch.allclose(slope, jacobian, atol=1e-13 if d == 3 else 1e-7)
    assert torch.allclose(slope, slope.mT, atol=1e-13)


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("function", ["leaky_relu", "silu"])
def test_the_derivative_is_that_of_differences(d, function):
    source = torch.Generator().manual_seed(1)
    x, X = (torch.randn(50, d * (d + 1) // 2, dtype=F64, generator=source) for _ in range(2))
    values = torch.linalg.eigvalsh(from_mandel(x))
    x = x[(values.abs() > 1e-2).all(-1)]
    X, step = X[: len(x)], 1e-6
    expected = (tensor_function(x + step * X, function) - tensor_function(x - step * X, function)) / (2 * step)
    found = torch.einsum("bij,bj->bi", tensor_function_response(x, function)[1], X)
    assert torch.allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("function", ["leaky_relu", "tanh"])
def test_directions_of_channels_and_directions_for_all_samples(function):
    source = torch.Generator().manual_seed(2)
    x = torch.randn(6, 2, 7, dtype=F64, generator=source)
    X = torch.randn(6, 2, 3, 1, dtype=F64, generator=source)
    at = axis_slope(x, function)
    found = along(at, X)
    assert torch.equal(found, along(at, X.expand(6, 2, 3, 7)))
    slope = tensor_function_response(x.movedim(0, -1), function)[1]
    assert torch.allclose(found, torch.einsum("csij,jcds->icds", slope, X.expand(6, 2, 3, 7)), atol=1e-13)
    assert torch.allclose(at.value.movedim(0, -1), tensor_function(x.movedim(0, -1), function), atol=1e-13)


def test_one_axis_takes_what_lies_alone_on_its_side():
    """Of 0.5, -1 and -3 it is the first, though -3 is farther from the others."""
    for values, alone in (((2.0, -1.0, -3.0), 0), ((0.5, -1.0, -3.0), 0), ((-0.1, 1.0, 3.0), 0), ((5.0, 4.0, -1.0), 2)):
        x = torch.zeros(6, 1, dtype=F64)
        x[:3, 0] = torch.tensor(values, dtype=F64)
        at = axis_slope(x, "leaky_relu")
        assert at.axis[:, 0].abs().tolist() == [float(k == alone) for k in range(3)]
        assert not at.stretches
        assert float(at.shared) == (0.01 if values[alone] > 0 else 1.0)


def test_projectors():
    n = torch.tensor([0.6, 0.0, 0.8], dtype=F64)
    assert torch.allclose(projector(n), to_mandel(torch.outer(n, n)))
    assert projector(n[:2]).tolist() == pytest.approx([0.36, 0.0, 0.0])
    assert math.isclose(float(projector(n).norm()), 1.0)


def test_single_precision():
    x = _tensors(3)
    values = torch.linalg.eigvalsh(from_mandel(x))
    x = x[((values[:, 1:] - values[:, :-1]).abs() > 0.1).all(-1)]
    narrow, wide = tensor_function_response(x.float(), "tanh"), tensor_function_response(x, "tanh")
    for one, other in zip(narrow, wide, strict=True):
        assert torch.allclose(one.double(), other, atol=2e-5)
