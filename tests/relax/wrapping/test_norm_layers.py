"""Norms between free and equivariant: what they compute at every gamma, and the statistics that they gather."""

from __future__ import annotations

import copy

import pytest
import torch
from relax_worlds import C4
from torch import nn

from haar.actions import Field, Regular, Symmetry, Trivial, Vector
from haar.relax import homotopise

DOUBLE = torch.float64
REP = Regular(C4) + Trivial(C4, 2)
SYMMETRY = Symmetry(C4, Vector(REP), Vector(REP))
X = 2 + 3 * torch.randn(9, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)


def filled(layer, seed=0):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in (*layer.parameters(), *layer.buffers()):
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return layer.double()


def shared(value):
    """The mean over the four channels that are permuted; the other two stay."""
    return torch.cat([value[:4].mean().expand(4), value[4:]])


@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LayerNorm(6, eps=0.1),
        lambda: nn.RMSNorm(6, eps=0.1),
        lambda: nn.LayerNorm(6, eps=0.1, bias=False),
        lambda: nn.PReLU(6),
    ],
    ids=["layer", "rms", "without bias", "prelu"],
)
def test_factors_and_shifts_are_shared_and_nothing_else_changes(make, gamma):
    layer = filled(make())
    model = homotopise(layer, SYMMETRY)
    plain = copy.deepcopy(layer)
    with torch.no_grad():
        for value in plain.parameters():
            value.copy_(gamma * value + (1 - gamma) * shared(value))
    with torch.no_grad(), model.at(gamma):
        assert torch.allclose(model(X - 2), plain(X - 2), rtol=0, atol=1e-13)


@pytest.mark.parametrize(("momentum", "rates"), [(0.1, (0.1, 0.1)), (0.25, (0.25, 0.25)), (None, (1.0, 0.5))])
def test_running_statistics_are_torchs(momentum, rates):
    layer = filled(nn.BatchNorm1d(6, momentum=momentum, eps=0.1))
    model = homotopise(layer, SYMMETRY).train()
    own = model.layers["model"]
    own.num_batches_tracked.zero_()
    mean, var = own.running_mean.clone(), own.running_var.clone()
    for x, rate in zip((X, X[:5] ** 2), rates, strict=True):
        model(x)
        mean = mean + rate * (x.mean(0) - mean)
        var = var + rate * (x.var(0) - var)  # without bias
    assert torch.allclose(own.running_mean, mean, rtol=0, atol=1e-12)
    assert torch.allclose(own.running_var, var, rtol=0, atol=1e-12)
    assert int(own.num_batches_tracked) == 2


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gamma", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("affine", [True, False])
def test_a_batch_norm_has_the_mean_and_the_variance_of_an_orbit(training, gamma, affine):
    """At gamma = 0 those of all values of the orbit's channels together; with and without gradients the same."""
    layer = filled(nn.BatchNorm1d(6, eps=0.1, affine=affine))
    model = homotopise(layer, SYMMETRY).train(training)
    mean, var = (X.mean(0), X.var(0, correction=0)) if training else (layer.running_mean, layer.running_var)
    centre = gamma * mean + (1 - gamma) * shared(mean)
    about = var + (mean - centre) ** 2
    spread = gamma * about + (1 - gamma) * shared(about)
    expected = (X - centre) / (spread + 0.1).sqrt()
    if affine:
        weight, bias = (gamma * v + (1 - gamma) * shared(v) for v in (layer.weight.detach(), layer.bias.detach()))
        expected = expected * weight + bias
    with model.at(gamma):
        assert torch.allclose(model(X).detach(), expected, rtol=0, atol=1e-12)
        with torch.no_grad():
            assert torch.allclose(model(X), expected, rtol=0, atol=1e-12)
    if gamma == 0 and training:
        assert float(centre[0]) == pytest.approx(float(X[:, :4].mean()))
        assert float(spread[0]) == pytest.approx(float(X[:, :4].var(correction=0)))


def test_a_gamma_outside_keeps_variances_positive():
    layer = filled(nn.BatchNorm1d(6, eps=1e-5))
    model = homotopise(layer, SYMMETRY).eval()
    with model.at(40.0), torch.no_grad():
        assert bool(model(X).isfinite().all())


def test_images_are_normed_channel_by_channel():
    symmetry = Symmetry(C4, Field(REP), Field(REP))
    x = torch.randn(3, 6, 4, 4, generator=torch.Generator().manual_seed(1), dtype=DOUBLE)
    kinds = (nn.BatchNorm2d, nn.InstanceNorm2d, lambda n, **o: nn.GroupNorm(1, n, eps=o["eps"]))
    for kind in kinds:
        options = {"affine": True, "eps": 0.1} if kind is not nn.BatchNorm2d else {"eps": 0.1}
        layer = filled(kind(6, **options))
        model = homotopise(layer, symmetry).eval()
        plain = copy.deepcopy(layer).eval()
        with torch.no_grad():
            for name, value in plain.named_parameters():
                value.copy_(0.4 * value + 0.6 * shared(value))
                assert name in ("weight", "bias")
            if kind is nn.BatchNorm2d:
                mean, var = plain.running_mean.clone(), plain.running_var.clone()
                centre = 0.4 * mean + 0.6 * shared(mean)
                about = var + (mean - centre) ** 2
                plain.running_mean.copy_(centre)
                plain.running_var.copy_(0.4 * about + 0.6 * shared(about))
        with torch.no_grad(), model.at(0.4):
            assert torch.allclose(model(x), plain(x), rtol=0, atol=1e-12)
