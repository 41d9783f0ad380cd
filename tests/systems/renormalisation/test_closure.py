"""Gaussian closures of classifiers, and the exact moments of XOR."""

from __future__ import annotations

import itertools
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from haar.errors import ArgumentError, MissingExtraError
from haar.systems.renormalisation.closure import (
    Classes,
    closure_losses,
    digit_classes,
    linear_loss,
    trained_classifier,
    xor_classes,
    xor_unit_moments,
)


@pytest.mark.parametrize(("alpha", "m", "sd"), [(0.5, 1.0, 0.5), (-0.3, 2.0, 0.1), (0.0, 1.0, 1.0)])
def test_xor_units_by_quadrature(alpha, m, sd):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    corners = {0: [(m, m), (-m, -m)], 1: [(m, -m), (-m, m)]}
    for label, (mean, variance) in enumerate(xor_unit_moments(alpha, m, sd)):
        values, mass = [], []
        for corner, (i, j) in itertools.product(corners[label], itertools.product(range(12), repeat=2)):
            z = corner[0] + corner[1] + sd * (nodes[i] + nodes[j])
            values.append(z + alpha * z**2)
            mass.append(0.5 * weights[i] * weights[j])
        first = np.dot(mass, values)
        assert mean == pytest.approx(first, rel=1e-12, abs=1e-12)
        assert variance == pytest.approx(np.dot(mass, np.square(values)) - first**2, rel=1e-10)


def test_xor_classes_have_equal_means_and_opposite_covariances(generator):
    data = xor_classes(20_000, generator=generator)
    for label in (0, 1):
        mine = data.x[data.labels == label]
        assert mine.mean(0).abs().max().item() < 0.05
        assert torch.cov(mine.mT)[0, 1].item() == pytest.approx(1.0 if label == 0 else -1.0, abs=0.05)
    linear = nn.Linear(2, 1, dtype=torch.float64)
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.zero_()
    assert data.loss(linear) == pytest.approx(1.0)


def test_closures_end_at_the_true_loss_and_are_exact_for_gaussian_classes(generator):
    data = xor_classes(150, generator=generator)
    model = trained_classifier(data, (8, 8), steps=60)
    found = closure_losses(model, data)
    assert found[-1] == pytest.approx(data.loss(model), rel=1e-9)
    assert found[0] > 1.05 * found[-1]
    linear = nn.Sequential(nn.Linear(2, 1, dtype=torch.float64))
    assert closure_losses(linear, data) == pytest.approx([data.loss(linear)], rel=1e-10)
    wide = Classes(
        torch.randn(40_000, 2, dtype=torch.float64, generator=generator),
        torch.zeros(40_000).long(),
        torch.ones(1, 1).double(),
    )
    relu = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    assert closure_losses(relu, wide)[0] == pytest.approx(wide.loss(relu), rel=0.05)


def test_training_lowers_the_loss_from_both_starts(generator):
    data = xor_classes(100, generator=generator)
    for he in (False, True):
        before = data.loss(trained_classifier(data, (8,), steps=1, he=he))
        assert data.loss(trained_classifier(data, (8,), steps=200, he=he)) < 0.7 * before
    small, large = (
        trained_classifier(data, (64,), steps=1, learning_rate=1e-12, he=he)[0].weight for he in (False, True)
    )
    assert small.detach().abs().max().item() <= 2**-0.5 + 1e-6
    assert large.detach().std().item() == pytest.approx(1.0, abs=0.2)


def test_the_linear_model_is_ridge_regression_chosen_within_the_training_split(generator):
    weights = torch.tensor([[2.0, -1.0], [0.5, 1.0], [0.0, 3.0]], dtype=torch.float64)

    def drawn(count, noise):
        """Every point a class of its own, so that targets are a noisy linear map of the points."""
        x = torch.randn(count, 3, dtype=torch.float64, generator=generator)
        level = torch.tensor([1.0, -2.0], dtype=torch.float64)
        targets = x @ weights + level + noise * torch.randn(count, 2, dtype=torch.float64, generator=generator)
        return Classes(x, torch.arange(count), targets)

    assert linear_loss(drawn(200, 0.0), drawn(100, 0.0)) < 1e-8
    assert linear_loss(drawn(2000, 0.3), drawn(2000, 0.3)) == pytest.approx(0.09, rel=0.1)
    # more inputs than points: without a penalty the error of the test split explodes
    x = torch.randn(60, 40, dtype=torch.float64, generator=generator)
    labels = (x[:, 0] + 2.0 * torch.randn(60, dtype=torch.float64, generator=generator) > 0).long()
    few = Classes(x, labels, torch.tensor([[1.0], [-1.0]], dtype=torch.float64))
    other = Classes(torch.randn(500, 40, dtype=torch.float64, generator=generator), labels.repeat(9)[:500], few.targets)
    plain = torch.linalg.lstsq(torch.cat([x, torch.ones(60, 1)], 1), few.targets[labels]).solution
    bare = (torch.cat([other.x, torch.ones(500, 1)], 1) @ plain - few.targets[other.labels]).square().mean()
    assert linear_loss(few, other) < 0.8 * float(bare)


def test_xor_is_at_chance_for_the_linear_model(generator):
    train, test = (xor_classes(400, generator=generator) for _ in range(2))
    assert linear_loss(train, test) == pytest.approx(1.0, abs=0.05)


def test_digits_are_read_and_split(monkeypatch):
    fake = ModuleType("sklearn.datasets")
    pixels = np.arange(1797 * 64).reshape(1797, 64) % 17
    fake.load_digits = lambda: SimpleNamespace(data=pixels, target=np.arange(1797) % 10)
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", fake)
    train, test = digit_classes()
    assert (train.x.shape, test.x.shape) == ((1400, 64), (397, 64))
    assert train.x.max().item() == 1.0
    assert torch.equal(train.targets[train.labels].argmax(-1), train.labels)


def test_digits_name_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'haar\[digits\]'"):
        digit_classes()


def test_refusals():
    with pytest.raises(ArgumentError, match="count: expected at least 1, got 0"):
        xor_classes(0)
    few = Classes(torch.ones(3, 2).double(), torch.tensor([0, 0, 1]), torch.ones(2, 1).double())
    with pytest.raises(ArgumentError, match=r"data: expected at least two points of every class, got \[2, 1\]"):
        closure_losses(nn.Sequential(nn.Linear(2, 1).double()), few)
