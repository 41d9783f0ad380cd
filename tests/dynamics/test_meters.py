"""Meters read what is there, keep it, and leave the training as it is."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from haar.dynamics import GradientSignal, Plasticity, dormant_ratio, effective_rank, stable_rank
from haar.errors import ArgumentError


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2))


def test_features_of_activations_are_read_in_eval_mode():
    net, x = model(), torch.randn(32, 4)
    meter = Plasticity(net)
    reading = meter.update(x)
    net.eval()
    for name, features in (("1", net[:2](x)), ("4", net[:5](x))):
        assert reading[f"{name}/dormant ratio"] == dormant_ratio(features)
        assert reading[f"{name}/stable rank"] == pytest.approx(stable_rank(features))
        assert reading[f"{name}/effective rank"] == effective_rank(features)


def test_nothing_is_left_behind():
    net, x = model(), torch.randn(32, 4)
    state = torch.get_rng_state()
    Plasticity(net).update(x)
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())


def test_readings_are_kept_in_order():
    net = model()
    meter = Plasticity(net, ["4"])
    first = meter.update(torch.randn(8, 4))
    with torch.no_grad():
        net[3].weight[:4], net[3].bias[:4] = 0, 0
    meter.update(torch.randn(8, 4))
    assert meter.series("4/dormant ratio") == [first["4/dormant ratio"], 0.5]
    meter.reset()
    assert meter.readings == []


def test_channels_of_images_are_units():
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU())
    x = torch.randn(2, 1, 5, 5)
    features = net(x).movedim(1, -1).reshape(-1, 6)
    assert Plasticity(net).update(x)["1/stable rank"] == pytest.approx(stable_rank(features), rel=1e-5)


def test_gradients_by_hand():
    w, v = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    meter = GradientSignal([w, v], window=2)
    readings = []
    for g in ([1.0, 0.0], [1.0, 2.0], [1.0, 0.0]):
        w.grad = torch.tensor(g)
        readings.append(meter.update())
    assert [reading["norm"] for reading in readings] == pytest.approx([1, math.sqrt(5), 1])
    assert math.isnan(readings[0]["cosine"])
    assert readings[1]["cosine"] == pytest.approx(1 / math.sqrt(5))
    # of the last two: mean (1, 1), squares away from it 1 + 1
    assert readings[2]["signal to noise"] == pytest.approx(2 / 2)
    meter.reset()
    assert math.isnan(meter.update()["cosine"])


def test_gradients_that_vanish_agree_or_are_missing():
    w, v = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    meter = GradientSignal([w, v])
    assert meter.window == 8
    w.grad = torch.tensor([3.0, 4.0])  # v has none: it counts as zeros
    assert meter.update()["norm"] == 5
    assert meter.update() == {"norm": 5, "cosine": pytest.approx(1), "signal to noise": math.inf}
    w.grad = torch.zeros(2)
    assert math.isnan(meter.update()["cosine"])
    # the last two are compared; of all of them, two of (3, 4) and one of zeros, the mean is (2, 8/3)
    assert meter.readings[-1]["signal to noise"] == pytest.approx((4 + 64 / 9) / ((2 + 32 / 9 + 4 + 64 / 9) / 2))
    for g, cosine in (([0.0, 1.0], None), ([3.0, 4.0], 0.8), ([4.0, -3.0], 0.0)):
        w.grad = torch.tensor(g)
        found = meter.update()["cosine"]
        assert math.isnan(found) if cosine is None else found == pytest.approx(cosine, abs=1e-12)


def test_few_units_of_few_samples_and_a_tau_of_ones_own():
    net = nn.Sequential(nn.ReLU())
    x = torch.tensor([[0.15, 1.0, 1.85, 1.0]])
    assert Plasticity(net).update(x)["0/dormant ratio"] == 0.0
    assert Plasticity(net, tau=0.2).update(x)["0/dormant ratio"] == 0.25
    tokens = torch.rand(3, 5, 4)
    assert Plasticity(net).update(tokens)["0/stable rank"] == pytest.approx(stable_rank(tokens.flatten(0, 1)), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Plasticity(nn.Linear(2, 2)), "layers: expected a model whose activations are modules, got none"),
        (lambda: Plasticity(model(), ["9"]), "layers: expected names of modules of the model, got '9'"),
        (lambda: GradientSignal([]), "parameters: expected at least one, got none"),
        (lambda: GradientSignal([nn.Parameter(torch.zeros(1))], window=1), "window: expected at least 2, got 1"),
        (lambda: GradientSignal([nn.Parameter(torch.zeros(1))]).update(), "parameters: expected gradients, got none"),
        (lambda: GradientSignal([nn.Parameter(torch.zeros(1))]).update(1), "given: expected nothing"),
    ],
)
def test_what_cannot_be_read_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_layer_that_does_not_run_is_named():
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.ReLU(), nn.ReLU()

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ArgumentError, match="layers: expected modules that the model runs, got 'idle'"):
        Plasticity(Half()).update(torch.randn(2, 3))


def test_a_layer_without_features_is_named():
    class Scalar(nn.Module):
        def forward(self, x):
            return x.sum()

    net = nn.Sequential(Scalar())
    with pytest.raises(ArgumentError, match="layers: expected modules that give features, got '0'"):
        Plasticity(net, ["0"]).update(torch.randn(2, 3))
