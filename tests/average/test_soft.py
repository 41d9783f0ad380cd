"""Soft averaging: nothing where the group is wrong, everything where it is right, link by link along a chain."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.average import SoftAverage, average, soft
from haar.errors import ArgumentError, ShapeError
from haar.groups import cyclic, dihedral

DOUBLE = torch.float64
D4 = dihedral(4)
SYMMETRY = Symmetry.of_fields(D4, "p, u:vector")


def conv(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Conv2d(3, 3, 3, padding=1, dtype=DOUBLE).requires_grad_(requires_grad=False)


def fields(batch=4, seed=1):
    return torch.randn(batch, 3, 5, 5, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def closed(x):
    return SYMMETRY.inputs[0].orbit(D4.elements(), x).flatten(0, 1)


def test_when_the_target_is_the_model_nothing_is_averaged():
    model, x = conv(), fields()
    made = soft(model, SYMMETRY, [(x, model(x))])
    assert float(made.alpha) == pytest.approx(1, abs=1e-12)
    torch.testing.assert_close(made(x), model(x), rtol=1e-12, atol=1e-12)
    assert made.fit.mse_model == pytest.approx(0, abs=1e-20)


def test_when_the_target_is_equivariant_everything_is_averaged():
    model, x = conv(), closed(fields())
    truth = average(conv(7), SYMMETRY)(x)
    made = soft(model, SYMMETRY, [(x, truth)])
    assert float(made.alpha) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(made(x), average(model, SYMMETRY)(x), rtol=1e-12, atol=1e-12)
    assert made.fit.mse_soft == pytest.approx(float((average(model, SYMMETRY)(x) - truth).square().mean()), rel=1e-10)


def test_in_between_it_is_the_least_squares_mixture():
    model, x = conv(), fields()
    target = 0.3 * model(x) + 0.7 * average(model, SYMMETRY)(x)
    made = soft(model, SYMMETRY, [((x[:3],), target[:3]), ((x[3:],), target[3:])])
    assert float(made.alpha) == pytest.approx(0.3, abs=1e-12)
    assert made.fit.units == 4
    assert "alpha = 0.300" in repr(made)


def test_values_beyond_the_bounds_are_clipped_and_told():
    model, x = conv(), fields()
    target = 2 * model(x) - average(model, SYMMETRY)(x)
    fit = soft(model, SYMMETRY, [(x, target)]).fit
    assert float(fit.alpha) == 1
    assert float(fit.raw) == pytest.approx(2, abs=1e-10)


def test_risks_are_those_of_the_three_models():
    model, x, y = conv(), fields(), fields(seed=9)
    made = soft(model, SYMMETRY, [(x, y)])
    for found, module in (
        (made.fit.mse_model, model),
        (made.fit.mse_average, average(model, SYMMETRY)),
        (made.fit.mse_soft, made),
    ):
        assert found == pytest.approx(float((module(x) - y).square().mean()), rel=1e-10)


def test_one_alpha_for_every_link_of_a_chain():
    """The half turn is right, the rest of D4 is not."""
    C2, C4 = D4.subgroup([2], "C2"), D4.subgroup([1], "C4")
    model, x = conv(), closed(fields())
    target = average(model, SYMMETRY.restrict(C2))(x)
    made = soft(model, SYMMETRY, [(x, target)], chain=[C2, C4, D4.subgroup([1, 4], "D4")])
    torch.testing.assert_close(made.alpha, torch.tensor([0.0, 1.0, 1.0], dtype=DOUBLE), rtol=0, atol=1e-10)
    torch.testing.assert_close(made(x), target, rtol=1e-10, atol=1e-10)


def test_channels_are_weighed_by_their_scale():
    """One channel has a large unit; scaled, both count alike."""
    group = cyclic(2)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, vector, vector)
    x = torch.tensor([[1.0, 1.0], [0.5, -1.0]], dtype=DOUBLE)
    unit = torch.tensor([1.0, 1000.0], dtype=DOUBLE)

    def model(x):
        return x.exp() * unit

    def alphas(x):
        odd, even = x.sinh() * unit, x.cosh() * unit
        return odd + even * torch.tensor([0.0, 1.0], dtype=DOUBLE)

    heavy = soft(model, symmetry, [(x, alphas(x))])
    fair = soft(model, symmetry, [(x, alphas(x))], scale=unit)
    assert float(heavy.alpha) > 0.999
    assert 0.3 < float(fair.alpha) < 0.7


def test_dependent_samples_widen_the_interval():
    generator = torch.Generator().manual_seed(0)
    model = conv()
    data = []
    for _ in range(6):  # every batch has its own bias: its samples say the same thing
        x = fields(8, seed=int(torch.randint(1000, (1,), generator=generator)))
        share = torch.rand(1, generator=generator, dtype=DOUBLE)
        data.append((x, share * model(x) + (1 - share) * average(model, SYMMETRY)(x)))
    alone, together = soft(model, SYMMETRY, data).fit, soft(model, SYMMETRY, data, unit="batch").fit
    assert float(alone.alpha) == pytest.approx(float(together.alpha), abs=1e-12)
    assert together.units == 6
    assert float(together.high - together.low) > 1.5 * float(alone.high - alone.low)
    assert float(together.low) <= float(together.alpha) <= float(together.high)


def test_a_soft_average_travels():
    model, x = conv(), fields()
    # A fixed micro-batch: sums in one order, the same bits.
    made = soft(model, SYMMETRY, [(x, 0.3 * model(x) + 0.7 * average(model, SYMMETRY)(x))], micro_batch=8)
    other = SoftAverage(copy.deepcopy(made.stages), torch.zeros(1))
    buffer = io.BytesIO()
    torch.save(made.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    torch.testing.assert_close(other(x), made(x), rtol=0, atol=0)


def test_gradients_flow_through_a_soft_average():
    model, x = conv(), fields(1)
    made = soft(model, SYMMETRY, [(x, model(x))], chain=[D4.subgroup([2])])
    assert torch.autograd.gradcheck(made, (x[:, :, :2, :2].clone().requires_grad_(),))


def test_several_outputs_are_fitted_together():
    group = cyclic(2)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, vector, {"a": vector, "b": vector})
    x = torch.tensor([[1.0, 2.0], [0.1, 0.4]], dtype=DOUBLE)
    made = soft(lambda x: {"a": x.exp(), "b": x.cos()}, symmetry, [(x, {"a": x.sinh(), "b": 0 * x})])
    assert float(made.alpha) == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(made(x)["a"], x.sinh(), rtol=1e-12, atol=1e-12)


def test_bad_input_is_refused():
    model, x = conv(), fields()
    with pytest.raises(ArgumentError, match="data: expected at least one labelled sample, got none"):
        soft(model, SYMMETRY, [])
    with pytest.raises(ShapeError, match="target: expected 4 samples of 75 numbers, like the output"):
        soft(model, SYMMETRY, [(x, x[:3])])
    with pytest.raises(ArgumentError, match="unit: expected 'sample' or 'batch', got 'run'"):
        soft(model, SYMMETRY, [(x, x)], unit="run")
    with pytest.raises(ArgumentError, match=r"level: expected a number between 0 and 1, got 95\.0"):
        soft(model, SYMMETRY, [(x, x)], level=95.0)
