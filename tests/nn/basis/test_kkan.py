"""KKAN: what it computes against a loop in plain numpy, its derivatives, its special cases and refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from haar.errors import ArgumentError, HaarWarning, ShapeError
from haar.nn import KKAN
from haar.nn.basis import coordinates
from haar.nn.basis.inner_map import inner_map, plain_inner_map
from haar.nn.basis.outer_block import BASES

F64 = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def made(*args, **options):
    return KKAN(*args, **{"inner": (5, 3), "mixing": 4, "degree": 3, "generator": seeded()} | options).double()


def points(samples, count, seed=1):
    return 2 * torch.rand(samples, count, generator=seeded(seed), dtype=F64) - 1


def embedded(u, coefficients):
    """``[c_0 T_0(u), (c_1 / 2) T_1(u), ...]`` of one number, in plain numpy."""
    angles = np.arccos(np.clip(u, -1, 1))
    return [c * np.cos(n * angles) / (n + 1) for n, c in enumerate(coefficients)]


def by_hand(model, x):
    """One sample, coordinate by coordinate and unit by unit."""
    inner, outer = ({k: v.detach().numpy() for k, v in part.named_parameters()} for part in (model.inner, model.outer))
    xi = np.zeros(inner["last"].shape[0])
    for p, value in enumerate(x):
        h = np.tanh(inner["first"][p] @ embedded(value, inner["coefficients"][0, p]) + inner["bias"][0, p, :, 0])
        for weight, bias in zip(inner["hidden"], inner["bias"][1:], strict=True):
            h = np.tanh(weight[p] @ h + bias[p, :, 0])
        for q in range(len(xi)):
            xi[q] += inner["shift"][p, q]
            for k, unit in enumerate(h):
                xi[q] += inner["last"][q, p, :, k] @ embedded(unit, inner["coefficients"][1, p])
    w, phase, c = outer["frequencies"], outer["phases"], outer["weight"]
    mean = np.exp(-(w**2) / 2) * np.sin(phase)
    sigma = np.sqrt(0.5 - 0.5 * np.exp(-2 * w**2) * np.cos(2 * phase) - mean**2 + 1e-6)
    return [sum(c[o, q] @ ((np.sin(w * xi[q] + phase) - mean) / sigma) for q in range(len(xi))) for o in range(len(c))]


def test_it_is_the_loop():
    model, x = made(3, 2), points(4, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(3), dtype=F64))
    wanted = np.array([by_hand(model, row) for row in x.numpy()])
    np.testing.assert_allclose(model(x).detach().numpy(), wanted, rtol=0, atol=1e-12)


def test_its_size_is_that_of_the_trial():
    model = KKAN(2, inner=(24, 3), mixing=24)
    assert sum(p.numel() for p in model.parameters()) == 12_310
    assert sum(p.numel() for p in KKAN(2).parameters()) == 40_302


def test_any_batch_shape():
    model, x = made(2), points(6, 2)
    torch.testing.assert_close(model(x.reshape(2, 3, 2)), model(x).reshape(2, 3, 1))
    torch.testing.assert_close(model(x[0]), model(x)[0])
    assert model(x[:0]).shape == (0, 1)


def test_domains_and_periods_are_brought_to_where_they_belong():
    one = made(2)
    other = made(coordinates(2, domain=[(0, 4), (-1, 1)]))
    x = points(5, 2)
    torch.testing.assert_close(other(torch.stack([2 + 2 * x[:, 0], x[:, 1]], -1)), one(x))
    periodic = made(coordinates(2, periods=[2.5, None]))
    shift = torch.tensor([2.5, 0.0], dtype=F64)
    torch.testing.assert_close(periodic(x + shift), periodic(x), rtol=0, atol=1e-12)
    assert (periodic(x + shift / 2) - periodic(x)).abs().max() > 1e-4


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("enhanced", [False, True])
def test_it_is_twice_differentiable_at_the_ends_too(basis, enhanced):
    model = made(2, basis=basis, enhanced=enhanced, inner=(3, 2), mixing=2)
    x = torch.tensor([[-1.0, 1.0], [1.0, 0.3]], dtype=F64, requires_grad=True)
    names, values = zip(*model.named_parameters(), strict=True)

    def run(x, *values):
        return torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HaarWarning)  # differences step over the ends
        assert gradcheck(run, (x, *values), atol=1e-5, rtol=1e-3)
        assert gradgradcheck(run, (x, *values), atol=1e-4, rtol=1e-3)


def test_second_derivatives_are_finite_in_single_precision():
    model = KKAN(1, inner=(4, 2), mixing=3, generator=seeded())
    x = torch.tensor([[-1.0], [0.0], [1.0]])
    curve = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda u: model(u)[0])))(x)
    model = model.double()
    double = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda u: model(u)[0])))(x.double())
    assert curve.isfinite().all()
    torch.testing.assert_close(curve.double(), double, rtol=1e-3, atol=1e-4)


def test_gradients_by_hand_are_the_recorded_ones():
    g = seeded(2)
    shapes = ((2, 4, 12), (2, 4), (2, 5, 4), (2, 2, 5, 5), (3, 2, 5, 1), (2, 4), (6, 2, 4, 5))
    given = [torch.randn(*shape, generator=g, dtype=F64, requires_grad=True) for shape in shapes]
    back = torch.randn(6, 12, generator=g, dtype=F64)
    hand = torch.autograd.grad(inner_map(*given), given, back)
    plain = torch.autograd.grad(plain_inner_map(*given), given, back)
    torch.testing.assert_close(hand, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("frozen", ["inner.first", "inner.last", "outer.frequencies", "outer.weight"])
def test_frozen_weights_have_no_gradient_and_the_others_theirs(frozen):
    model, x = made(2), points(5, 2)
    wanted = dict(
        zip(dict(model.named_parameters()), torch.autograd.grad(model(x).sum(), list(model.parameters())), strict=True)
    )
    dict(model.named_parameters())[frozen].requires_grad_(requires_grad=False)
    model(x).sum().backward()
    for name, parameter in model.named_parameters():
        if name == frozen:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, wanted[name])


def test_a_sum_of_functions_of_single_coordinates_has_no_mixed_derivative():
    model = made(2, basis="fourier", degree=3, mixing=3)
    # without an outer block: the sums themselves
    mixed = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda u: model.inner(u[:, None])[0, 0])))(points(5, 2))
    assert torch.equal(mixed[:, 0, 1], torch.zeros(5, dtype=F64))
    assert mixed[:, 0, 0].abs().min() > 0


def test_small_weights_and_one_linear_term_give_a_linear_function():
    model = made(2, basis="chebyshev", degree=1, mixing=1, inner=(1, 1))
    scale = 1e-5  # tanh(e u) = e u to third order, three times over
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.inner.coefficients.fill_(2.0)  # 2 / (n + 1) = 1 for n = 1
        model.inner.first[0, 0, 1], model.inner.first[1, 0, 1] = 3 * scale, -2 * scale
        model.inner.last[0, :, 1, 0] = 1.0
        model.outer.weight[0, 0, 1] = 1 / scale
    x = points(7, 2)
    torch.testing.assert_close(model(x)[:, 0].detach(), 3 * x[:, 0] - 2 * x[:, 1], rtol=0, atol=1e-8)


def test_inputs_outside_their_interval_are_told_with_their_share_once_and_again_if_it_grows():
    model = made(2)
    x = torch.tensor([[0.5, 1.5], [0.0, 0.1]], dtype=F64)
    with pytest.warns(HaarWarning, match=r"25\.0% of the inputs lie outside \[-1, 1\]") as told:
        [model(x) for _ in range(2)]
    assert len(told) == 1
    with pytest.warns(HaarWarning, match=r"50\.0%"):
        model(x + torch.tensor([1.0, 0.0]).double())
    made(coordinates(2, periods=1.0))(5 * x)  # nothing lies outside a period


def test_what_cannot_be_is_refused():
    with pytest.raises(ShapeError, match="x: expected 2 coordinates on the last axis"):
        made(2)(points(3, 3))
    for options, match in {
        "outputs": ({"outputs": 0}, "outputs: expected at least 1, got 0"),
        "degree": ({"degree": 0}, "degree: expected at least 1, got 0"),
        "inner": ({"inner": (3, 0)}, "inner: expected at least 1, got 0"),
        "basis": ({"basis": "spline"}, "basis: expected one of"),
    }.values():
        with pytest.raises(ArgumentError, match=match):
            made(2, **options)
    with pytest.raises(ArgumentError, match="coordinates: expected at least 1"):
        KKAN(0)
    with pytest.raises(ArgumentError, match=r"expected intervals \(low, high\) with low < high, got \(1.0, 0.0\)"):
        coordinates(2, domain=(1, 0))
    with pytest.raises(ArgumentError, match="domain: expected one interval, or one for each of 3 coordinates, got 2"):
        coordinates(3, domain=[(0, 1), (0, 1)])
    with pytest.raises(ArgumentError, match="periods: expected a number above 0"):
        coordinates(2, periods=-1)
    with pytest.raises(ArgumentError, match="periods: expected one, or one for each of 2 coordinates, got 1"):
        coordinates(2, periods=[1.0])
