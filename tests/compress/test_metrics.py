"""Metrics and batches: classes wherever torch has them, and one line for what does not fit the model."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from haar.compress import PERTURBATIONS, sensitivity, sweep
from haar.compress.metrics import Own
from haar.errors import ArgumentError


def _value(model, data, metric, **kwargs):
    return (
        sweep(model, "magnitude", [metric], data, levels=[0.5], draws=0, **kwargs)
        .curve("magnitude", metric)
        .baseline.value
    )


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.int64])
@pytest.mark.parametrize("column", [False, True])
def test_classes_of_any_whole_kind_as_a_row_or_a_column(perceptron, pairs, kind, column):
    x, y = pairs[0]
    given = y.to(kind)[:, None] if column else y.to(kind)
    right = float((perceptron(x).argmax(-1) == y).double().mean())
    assert _value(perceptron, [(x, given)], "accuracy") == pytest.approx(right)
    assert _value(perceptron, [(x, given)], "loss") == pytest.approx(float(F.cross_entropy(perceptron(x), y)), rel=1e-6)


def test_classes_of_pixels_are_on_axis_1():
    torch.manual_seed(0)
    model, x, y = (
        nn.Sequential(nn.Conv2d(1, 6, 1), nn.ReLU(), nn.Conv2d(6, 4, 1)),
        torch.randn(3, 1, 5, 5),
        torch.randint(4, (3, 5, 5)),
    )
    y[0, 0] = -100
    with torch.no_grad():
        wanted = float(F.cross_entropy(model(x), y))
        right = (model(x).argmax(1) == y)[y >= 0].double().mean()
    assert _value(model, [(x, y)], "loss") == pytest.approx(wanted, rel=1e-6)
    assert _value(model, [(x, y)], "accuracy") == pytest.approx(float(right))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 7), "data: expected classes from 0 to 2, or -100 for none, got"),
        (lambda x, y: (x, y - 1), "data: expected classes from 0 to 2, or -100 for none, got -1"),
        (lambda x, y: (x, F.one_hot(y, 3)), "data: expected one class for every row of the last axis"),
        (
            lambda x, y: (x[:, :-1], y),
            "data: expected batches that Sequential takes, got (16, 7) float64, with RuntimeError: mat1",
        ),
        (lambda x, _: {"x": x}, "data: expected batches that Sequential takes, got x=(16, 8) float64, with TypeError"),
        (lambda x, y: (x[:0], y[:0]), "data: expected samples in every batch, got none in batch 0"),
    ],
)
def test_batches_that_do_not_fit_are_told_in_one_line(perceptron, pairs, change, message):
    x, y = pairs[0]
    with pytest.raises(ArgumentError) as error:
        sweep(perceptron, "magnitude", ["accuracy"], [change(x, y)], levels=[0.5])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (
            {"own": lambda *_: "much"},
            "metrics: expected a number, or one for every sample, got str from 'own'",
        ),
        (
            {"own": lambda *_: torch.ones(3)},
            r"metrics: expected a number, or one for every sample, got a tensor of shape (3,)",
        ),
        ([Own("own", len), Own("own", len)], "metrics: expected each with a name of its own, got own, own"),
    ],
)
def test_metrics_of_ones_own_that_do_not_fit(perceptron, pairs, metrics, message):
    with pytest.raises(ArgumentError) as error:
        sweep(perceptron, "magnitude", metrics, pairs, levels=[0.5])
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"levels": {"magnitud": [0.5]}}, "levels: expected names among magnitude, got 'magnitud'"),
        ({"layers": []}, "layers: expected at least one pattern of names, got none"),
        ({"seed": 2**64}, "seed: expected a whole number of at most 64 bits"),
    ],
)
def test_levels_layers_and_seeds_that_are_none(perceptron, pairs, kwargs, message):
    with pytest.raises(ArgumentError, match=message):
        sweep(perceptron, "magnitude", None, pairs, **kwargs)


def test_one_pattern_of_layers_may_be_a_word(perceptron, pairs):
    told = sweep(perceptron, "magnitude", None, pairs, levels=[0.5], layers="0", draws=0)
    assert told.layers == ("0.weight",)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_factors_of_half_precision_are_worked_out_in_single(perceptron, pairs, kind):
    data = [(x.to(kind), y) for x, y in pairs]
    found = sweep(
        perceptron.to(kind), ["low rank", "low rank (data)"], ["drift"], data, levels=[0.5], calibration=data, draws=0
    )
    assert all(0 < found.curve(name, "drift").values[0] < 2 for name in ("low rank", "low rank (data)"))


def test_gradients_are_taken_where_none_are_recorded(perceptron, pairs):
    plain = sensitivity(perceptron, "taylor", ["drift"], pairs, calibration=pairs, draws=0)
    with torch.inference_mode():
        found = sensitivity(perceptron, "taylor", ["drift"], pairs, calibration=pairs, draws=0)
    assert found.together.values == plain.together.values


@pytest.mark.parametrize("name", [name for name, made in PERTURBATIONS.items() if made().calibrated])
def test_every_calibrated_perturbation_tells_which_layer_is_to_blame(perceptron, pairs, near, name):
    found = sensitivity(perceptron, name, ["drift"], pairs, calibration=near, draws=0)
    assert set(found.layers) == {"0", "2"}
    assert all(0 < curve.values[0] < found.together.values[0] * 1.5 for curve in found.layers.values())


def test_weights_of_one_module_are_blamed_one_by_one():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.last = nn.MultiheadAttention(8, 2, kdim=6, vdim=6, batch_first=True), nn.Linear(8, 2)

        def forward(self, x):
            return self.last(self.inner(x, x[..., :6], x[..., :6], need_weights=False)[0])

    found = sensitivity(Asks(), "magnitude", ["drift"], [torch.randn(4, 5, 8)], level=0.9, draws=0)
    parts = [f"inner.{part}_proj_weight" for part in "qkv"]
    assert set(found.layers) == {*parts, "inner.out_proj"}
