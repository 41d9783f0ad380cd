"""Relaxed steerable kernels: equivariant at the start, different from tap to tap only where data break the symmetry."""

from __future__ import annotations

import pytest
import torch
from relax_networks import D4, images, worst
from torch import nn

from haar.actions import Regular, Symmetry, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic
from haar.relax import RelaxedSteerableConvolution, homotopise
from haar.relax.baselines import RelaxedConvolution

F64 = torch.float64
C4 = cyclic(4)
SYMMETRY = images(D4, 1, 1)
X = torch.randn(4, 1, 5, 5, dtype=F64, generator=torch.Generator().manual_seed(3))
#: Every picture with all its turned and mirrored copies.
ORBITS = torch.cat([SYMMETRY.inputs[0].act(g, X) for g in D4.elements()])


def wrapped():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
    )
    return homotopise(net.double(), SYMMETRY, example=X)


def blurred(x):
    """A target that turns with the picture."""
    return nn.functional.avg_pool2d(x, 3, 1, 1)


def shifted(x):
    """A target that looks to the right of every point."""
    return blurred(x) + x.roll(1, 3)


def train(rule, x, y, steps=15):
    optimizer = torch.optim.SGD(rule.weights(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        rule.lagrangian((rule.model(x) - y).square().mean()).backward()
        optimizer.step()
        rule.step()
    return max(float(size.max()) for size in rule.readout().values())


def test_it_starts_as_the_strict_model():
    model = wrapped()
    with model.at(0.0):
        wanted = model(X)
    rule = RelaxedSteerableConvolution(model)
    assert set(rule.laws) == {"0", "4"}  # the layer between has no taps
    torch.testing.assert_close(model(X), wanted, rtol=1e-12, atol=1e-12)
    assert worst(model, SYMMETRY, (X,)) < 1e-12
    assert {float(size.max()) for size in rule.readout().values()} == {0.0}


def test_taps_part_only_where_data_break_the_symmetry():
    assert train(RelaxedSteerableConvolution(wrapped(), alpha=0.0), ORBITS, blurred(ORBITS)) < 1e-10
    assert train(RelaxedSteerableConvolution(wrapped()), ORBITS, blurred(ORBITS)) < 1e-5  # a price has no slope at 0
    rule = RelaxedSteerableConvolution(wrapped())
    assert train(rule, ORBITS, shifted(ORBITS)) > 1e-3
    assert worst(rule.model, SYMMETRY, (X,)) > 1e-3


def test_a_higher_price_keeps_taps_alike():
    sizes = [train(RelaxedSteerableConvolution(wrapped(), alpha=a), ORBITS, shifted(ORBITS)) for a in (0.0, 0.05)]
    assert sizes[1] < 0.8 * sizes[0]


def test_the_price_is_that_of_differences_along_the_generators():
    rule = RelaxedSteerableConvolution(wrapped(), alpha=2.0)
    law = rule.laws["0"]
    with torch.no_grad():
        law.relaxed.copy_(torch.randn(law.relaxed.shape, generator=torch.Generator().manual_seed(1), dtype=F64))
    layer = rule.model.layers["0"]
    departure = law.relaxed - layer.project(law.relaxed)
    wanted = [(departure - layer.move(g[None], departure[None])[0]).abs().mean() for g in D4.generators()]
    loss = torch.zeros((), dtype=F64)
    priced = rule.lagrangian(loss).item() / 2.0
    assert priced == pytest.approx(torch.stack(wanted).mean().item(), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RelaxedSteerableConvolution(wrapped(), alpha=-1.0), "alpha: expected a number of at least 0"),
        (
            lambda: RelaxedSteerableConvolution(RelaxedConvolution(wrapped()).model),
            "model: expected layers without a law",
        ),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_layers_that_hold_no_weight_are_left_alone():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(16, 2)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    copies = Vector(4 * Regular(C4))
    model = homotopise(Attends().double(), Symmetry(C4, copies, copies), example=torch.randn(5, 16, dtype=F64))
    assert None in [layer.held("weight") for layer in model.layers.values()]
    with pytest.raises(ArgumentError, match="model: expected a convolution that a finite group moves, got none"):
        RelaxedSteerableConvolution(model)


def test_a_model_without_taps_is_refused():
    net = nn.Sequential(nn.Conv2d(1, 8, 1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    model = homotopise(net, images(D4, 1, 1), example=torch.randn(1, 1, 3, 3))
    with pytest.raises(ArgumentError, match="model: expected a convolution that a finite group moves, got none"):
        RelaxedSteerableConvolution(model)
