from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.data.metrics import mae, near_constant, nrmse, rmse, vrmse
from haar.errors import ArgumentError, ShapeError

METRICS = (vrmse, nrmse, rmse, mae)


def fields(dim, seed, lead=(2, 3), channels=2):
    generator = torch.Generator().manual_seed(seed)
    shape = (*lead, channels, *(4, 5, 3)[:dim])
    return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))


def by_hand(u, v):
    """The four metrics of one field, from the definitions, in plain Python."""
    u, v = u.flatten().tolist(), v.flatten().tolist()
    n = len(v)
    mean = math.fsum(v) / n
    variance = math.fsum((b - mean) ** 2 for b in v) / (n - 1)
    square = math.fsum(b * b for b in v) / n
    mse = math.fsum((a - b) ** 2 for a, b in zip(u, v, strict=True)) / n
    return (
        math.sqrt(mse / (variance + 1e-7)),
        math.sqrt(mse / (square + 1e-7)),
        math.sqrt(mse),
        math.fsum(abs(a - b) for a, b in zip(u, v, strict=True)) / n,
    )


@given(st.integers(1, 3), st.integers(0, 1000), st.sampled_from([(), (2,), (2, 3)]))
def test_the_definitions(dim, seed, lead):
    u, v = fields(dim, seed, lead)
    found = [metric(u, v, dim=dim) for metric in METRICS]
    assert all(value.shape == (*lead, 2) and value.dtype == torch.float64 for value in found)
    for index in np.ndindex(*lead, 2):
        for value, expected in zip(found, by_hand(u[index], v[index]), strict=True):
            assert float(value[index]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_slopes_are_finite_where_a_prediction_is_exact(metric, dtype):
    """0 there, the lowest point; elsewhere that of the definition."""
    u, v = fields(2, 0, lead=(2,))
    u[0], v[1, 0] = v[0], 3.0  # one exact sample, one constant channel
    u, v = u.to(dtype).requires_grad_(), v.to(dtype).requires_grad_()
    value = metric(u, v, dim=2)
    assert not value[0].any()
    slopes = torch.autograd.grad(value.sum(), (u, v))
    assert all(not slope[0].any() and bool(slope.isfinite().all()) for slope in slopes)
    alone = torch.autograd.grad(metric(u[1:], v[1:], dim=2).sum(), u)[0]
    assert torch.equal(slopes[0][1], alone[1])
    step = 1e-6 * torch.randn(u.shape[1:], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    here, truth = u[1].detach().double(), v[1].detach().double()
    ahead, back = (metric(here + s * step, truth, dim=2).sum() for s in (1, -1))
    assert float((ahead - back) / 2) == pytest.approx(float((slopes[0][1].double() * step).sum()), rel=1e-4)


@given(st.integers(1, 3), st.integers(0, 1000))
def test_every_reflection_and_exchange_of_axes_leaves_them(dim, seed):
    u, v = fields(dim, seed, lead=(2,))
    space = range(u.ndim - dim, u.ndim)
    for order in itertools.permutations(space):
        for count in range(dim + 1):
            for flipped in itertools.combinations(space, count):

                def act(x, order=order, flipped=flipped):
                    return x.permute(0, 1, *order).flip(flipped)

                for metric in METRICS:
                    assert torch.allclose(metric(act(u), act(v), dim=dim), metric(u, v, dim=dim), rtol=1e-13)


@given(st.integers(0, 1000))
def test_an_average_of_predictions_is_no_worse_than_their_average_error(seed):
    generator = torch.Generator().manual_seed(seed)
    predictions = torch.randn((5, 2, 3, 6, 6), generator=generator, dtype=torch.float64)
    truth = torch.randn((2, 3, 6, 6), generator=generator, dtype=torch.float64)
    for metric in METRICS:
        each = torch.stack([metric(u, truth, dim=2) for u in predictions])
        assert bool((metric(predictions.mean(0), truth, dim=2) <= each.mean(0) + 1e-14).all())


def test_the_mean_predictor():
    _, v = fields(2, 0)
    n = 20
    u = v.mean((-1, -2), keepdim=True).expand_as(v)
    variance = v.flatten(-2).var(-1)
    exact = torch.sqrt((n - 1) / n * variance / (variance + 1e-7))
    assert torch.allclose(vrmse(u, v, dim=2), exact, rtol=1e-13)
    assert torch.allclose(vrmse(u, v, dim=2), torch.full_like(exact, math.sqrt((n - 1) / n)), rtol=1e-6)


def test_a_perfect_prediction_scores_zero():
    u, _ = fields(3, 1)
    assert all(float(metric(u, u, dim=3).abs().max()) == 0.0 for metric in METRICS)


def test_single_precision_is_computed_in_double():
    v = 1000.0 + torch.linspace(0, 1e-2, 64).reshape(1, 64)
    u = v + 1e-3
    exact = vrmse(u.double(), v.double(), dim=1)
    assert vrmse(u, v, dim=1).dtype == torch.float64
    assert torch.equal(vrmse(u, v, dim=1), exact)


def test_nearly_constant_truths_are_counted():
    truth = torch.zeros(2, 3, 8)
    truth[0, 0, ::2] = 1.0
    truth[0, 1, ::2] = 1e-3
    assert float(near_constant(truth, dim=1)) == 5 / 6
    assert float(near_constant(truth, dim=1, below=1e-8)) == 4 / 6


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("metric", METRICS)
def test_complex_fields_are_refused_and_not_cut_to_their_real_part(metric):
    real, other = torch.ones(1, 4), torch.ones(1, 4, dtype=torch.complex64)
    for pair, name in (((other, real), "prediction"), ((real, other), "truth")):
        with pytest.raises(ArgumentError, match=rf"{name}: expected real values, got torch.complex64; compare both"):
            metric(*pair, dim=1)


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_input_is_refused(metric):
    x = torch.zeros(2, 3, 4)
    with pytest.raises(ShapeError, match=r"prediction: expected the shape of the truth \(2, 3, 4\), got \(2, 3, 5\)"):
        metric(torch.zeros(2, 3, 5), x, dim=1)
    with pytest.raises(ShapeError, match="truth: expected a channel axis before 3 space axes"):
        metric(x, x, dim=3)
    with pytest.raises(ArgumentError, match="dim: expected 1, 2 or 3 space dimensions, got 4"):
        metric(x, x, dim=4)
    with pytest.raises(ArgumentError, match="truth: expected at least two points of space"):
        metric(x[..., :1], x[..., :1], dim=1)
    with pytest.raises(ArgumentError, match="truth: expected finite values, got NaN or infinity"):
        metric(x, x + torch.nan, dim=1)


@pytest.mark.parametrize(("height", "share"), [(1.9, 1.0), (2.1, 0.0)])
def test_a_variance_below_1e_5_is_nearly_constant(height, share):
    # half 0 and half h: the unbiased variance of 8 points is h^2 2 / 7
    truth = torch.tensor([[0.0, 1.0] * 4], dtype=torch.float64) * height * (3.5e-5 / 4) ** 0.5
    assert float(truth.var()) == pytest.approx(height**2 / 4 * 1e-5)
    assert float(near_constant(truth, dim=1)) == share


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("which", [0, 1])
def test_complex_values_are_compared_part_by_part(which):
    given = [torch.ones(2, 1, 4), torch.ones(2, 1, 4)]
    given[which] = given[which].to(torch.complex64)
    with pytest.raises(ArgumentError, match=f"{('prediction', 'truth')[which]}: expected real values, got"):
        rmse(*given, dim=1)
