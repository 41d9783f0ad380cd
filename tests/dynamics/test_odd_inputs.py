"""Meters on what models may be: complex, sparse, in containers, shared, in place, frozen, or no longer finite."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from haar.dynamics import (
    BatchSignal,
    GeometricComplexity,
    GradientSignal,
    Plasticity,
    dormant_ratio,
    effective_rank,
    geometric_complexity,
    signal_to_noise,
    stable_rank,
)
from haar.errors import ArgumentError, ShapeError


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mean_square(made, target):
    return (made - target).abs().square().mean()


def both(parts):
    """Two real numbers for each complex one."""
    return torch.cat([torch.view_as_real(one).flatten() for one in parts])


def test_both_parts_of_complex_gradients_count():
    model = nn.Linear(3, 2, dtype=torch.complex128)
    x, y = normal(16, 3, dtype=torch.complex128), normal(16, 2, seed=1, dtype=torch.complex128)
    rows = torch.stack([
        both(torch.autograd.grad(mean_square(model(a), b), list(model.parameters())))
        for a, b in zip(x.split(4), y.split(4), strict=True)
    ])  # fmt: skip
    found = BatchSignal(model, mean_square, parts=4).update(x, y)
    assert found["signal to noise"] == pytest.approx(signal_to_noise(rows), rel=1e-9)
    assert found["gradient norm"] == pytest.approx(float(rows.mean(0).norm()), rel=1e-9)
    mean_square(model(x), y).backward()
    norm = float(both([p.grad for p in model.parameters()]).norm())
    assert GradientSignal(model.parameters()).update()["norm"] == pytest.approx(norm, rel=1e-12)


def test_features_and_outputs_may_be_complex():
    features = normal(20, 5, dtype=torch.complex128)
    as_real = torch.cat([torch.cat([features.real, -features.imag], 1), torch.cat([features.imag, features.real], 1)])
    # singular values of the real form come in pairs
    assert stable_rank(as_real) == pytest.approx(2 * stable_rank(features), rel=1e-12)
    assert effective_rank(1j * features) == effective_rank(features)
    assert dormant_ratio(1j * normal(8, 4)) == dormant_ratio(normal(8, 4))
    assert geometric_complexity(lambda x: torch.complex(x, 2 * x), normal(4, 3)) == pytest.approx(15.0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_features_that_are_no_numbers_have_no_rank(value):
    features = normal(6, 4)
    features[2, 1] = value
    assert math.isnan(dormant_ratio(features))
    assert math.isnan(stable_rank(features))
    with pytest.raises(ArgumentError, match="features: expected finite numbers, got NaN or infinity"):
        effective_rank(features)
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh()).double()
    with torch.no_grad():
        model[0].bias[0] = math.nan
    assert all(math.isnan(number) for number in Plasticity(model).update(normal(5, 4)).values())


def test_a_shared_activation_is_read_at_each_run():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last, self.act = nn.Linear(3, 8), nn.Linear(8, 5), nn.ReLU()

        def forward(self, x):
            return self.act(self.last(self.act(self.first(x))))

    model, x = Shared().double(), normal(16, 3)
    found = Plasticity(model).update(x)
    with torch.no_grad():
        first = model.first(x).relu()
        expected = {"act": first, "act, run 2": model.last(first).relu()}
    assert {name: found[f"{name}/stable rank"] for name in expected} == {
        name: pytest.approx(stable_rank(features)) for name, features in expected.items()
    }


def test_what_is_written_in_place_later_is_not_what_is_read():
    class Overwritten(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act = nn.Linear(3, 8), nn.Tanh()

        def forward(self, x):
            return self.act(self.first(x)).mul_(0.0)

    model, x = Overwritten().double(), normal(16, 3)
    with torch.no_grad():
        expected = stable_rank(model.first(x).tanh())
    assert Plasticity(model).update(x)["act/stable rank"] == pytest.approx(expected)


class Named(nn.Linear):
    def forward(self, x):
        return {"y": super().forward(x["x"])}


def test_batches_in_containers_are_parted_as_tensors_are():
    inside, plain = Named(3, 1), nn.Linear(3, 1)
    plain.load_state_dict(inside.state_dict())
    x, y = normal(12, 3).float(), normal(12, 1).float()
    found = BatchSignal(inside, lambda a, b: mse_loss(a["y"], b["y"]), parts=3).update({"x": x}, {"y": y})
    assert found == pytest.approx(BatchSignal(plain, mse_loss, parts=3).update(x, y), rel=1e-6)


@pytest.mark.parametrize(("inputs", "targets"), [(16, 8), (8, 16)])
def test_inputs_and_targets_are_equally_many(inputs, targets):
    meter = BatchSignal(nn.Linear(3, 1), mse_loss, parts=4)
    with pytest.raises(ShapeError, match=rf"given: expected equally many samples.*got \({inputs}, {targets}\)"):
        meter.update(torch.zeros(inputs, 3), torch.zeros(targets, 1))
    with pytest.raises(ShapeError, match="given: expected samples on axis 0 of inputs and targets, got a number alone"):
        meter.update(torch.zeros(8, 3), torch.tensor(1.0))


def test_sparse_gradients_are_read():
    table, plain = nn.Embedding(10, 4, sparse=True), nn.Embedding(10, 4)
    plain.load_state_dict(table.state_dict())
    words, y = torch.tensor([1, 2, 3, 1]), torch.zeros(4, 4)
    readings = []
    for model in (table, plain):
        mse_loss(model(words), y).backward()
        signal = GradientSignal(model.parameters()).update()
        readings.append({"norm": signal["norm"], **BatchSignal(model, mse_loss, parts=2).update(words, y)})
    assert readings[0] == pytest.approx(readings[1], rel=1e-6)


def test_layers_may_be_frozen_on_the_way():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)).double()
    meter, x, y = BatchSignal(model, mse_loss, parts=2), normal(8, 3), normal(8, 1)
    meter.update(x, y)
    model[0].requires_grad_(requires_grad=False)
    assert meter.update(x, y) == pytest.approx(BatchSignal(model, mse_loss, parts=2).update(x, y), rel=1e-12)
    model.requires_grad_(requires_grad=False)
    with pytest.raises(ArgumentError, match="model: expected a model with trainable parameters, got none"):
        meter.update(x, y)


def test_inference_mode_is_left_for_derivatives():
    model, x, y = nn.Linear(3, 2).double(), normal(8, 3), normal(8, 2)
    meters = [(GeometricComplexity(model), (x,)), (BatchSignal(model, mse_loss, parts=2), (x, y))]
    expected = [meter.update(*given) for meter, given in meters]
    with torch.inference_mode():
        inside = [meter.update(*(one.clone() for one in given)) for meter, given in meters]
    assert inside == [pytest.approx(reading, rel=1e-12) for reading in expected]


@pytest.mark.usefixtures("unchecked_annotations")
def test_refusals():
    with pytest.raises(
        ArgumentError, match=r"parameters: expected parameters, got a module; give its \.parameters\(\)"
    ):
        GradientSignal(nn.Linear(2, 2))
    for tau in (-0.1, math.nan, math.inf):
        with pytest.raises(ArgumentError, match="tau: expected a number of at least 0"):
            Plasticity(nn.Sequential(nn.ReLU()), tau=tau)
        with pytest.raises(ArgumentError, match="tau: expected a number of at least 0"):
            dormant_ratio(normal(3, 2), tau=tau)
    with pytest.raises(ArgumentError, match="model: expected one tensor as its answer, got tuple"):
        geometric_complexity(lambda x: (x, x), normal(3, 2))
