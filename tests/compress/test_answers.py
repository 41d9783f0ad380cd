"""Calibrated decoding: what it must find where the answer is known, and a sweep that fits it at every level."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from haar import compress
from haar.compress import Calibrated, CalibratedAnswers, Magnitude, calibrate_answers
from haar.errors import ArgumentError


def _divergence(dense, logits):
    there = dense.log_softmax(-1)
    return float((there.exp() * (there - logits.log_softmax(-1))).sum(-1).mean())


def test_a_temperature_and_biases_that_were_put_in_are_found(perceptron, pairs):
    moved = nn.Sequential(*perceptron[:-1], nn.Linear(32, 3).double())
    moved[-1].weight.copy_(2.5 * perceptron[-1].weight)
    added = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)
    moved[-1].bias.copy_(2.5 * (perceptron[-1].bias + added))
    found = calibrate_answers(moved, perceptron, pairs)
    assert found.temperature == pytest.approx(2.5, rel=1e-2)
    torch.testing.assert_close(found.bias, -added, rtol=0, atol=2e-2)
    x = torch.cat([x for x, _ in pairs])
    assert found.before == pytest.approx(_divergence(perceptron(x), moved(x)), rel=1e-9)
    read = CalibratedAnswers(moved, found)
    assert found.after == pytest.approx(_divergence(perceptron(x), read(x)), abs=1e-9)
    assert found.after < 1e-4 < found.before


def test_a_model_that_was_not_changed_is_left_alone(llama):
    tokens = torch.randint(23, (4, 8), generator=torch.Generator().manual_seed(0))
    llama.train()
    found = calibrate_answers(llama, llama, [tokens])
    assert found.temperature == pytest.approx(1.0, abs=1e-6)
    assert found.before == found.after == pytest.approx(0.0, abs=1e-12)
    assert llama.training


def test_a_sweep_fits_at_every_level_and_takes_it_back(perceptron, pairs, near):
    plain, calibrated = Magnitude(levels=(0.5, 0.8)), Calibrated(Magnitude(levels=(0.5, 0.8)))
    metric = {"divergence": lambda model, batch: F.kl_div(
        model(batch[0]).log_softmax(-1), perceptron(batch[0]).log_softmax(-1), log_target=True, reduction="batchmean"
    )}  # fmt: skip
    found = compress.sweep(perceptron, [plain, calibrated], metric, near, calibration=near)
    bare, read = (found.curve(one.name, "divergence").values for one in (plain, calibrated))
    assert all(float(after) < float(before) for before, after in zip(bare, read, strict=True))
    assert found.curve(calibrated.name, "divergence").baseline.value == pytest.approx(0.0, abs=1e-12)
    assert not perceptron._forward_hooks


def test_answers_without_classes_are_refused(perceptron):
    x = torch.randn(10, 8, dtype=torch.float64)
    with pytest.raises(ArgumentError, match=r"data: expected batches of tokens, or of inputs with .* got no targets"):
        calibrate_answers(perceptron, perceptron, [x])
    with pytest.raises(ArgumentError, match=r"got targets \(10, 3\) and answers \(10, 3\)"):
        calibrate_answers(perceptron, perceptron, [(x, torch.randn(10, 3, dtype=torch.float64))])


def test_a_loss_of_the_models_own_is_refused(perceptron, pairs):
    found = calibrate_answers(perceptron, perceptron, pairs)
    with pytest.raises(ArgumentError, match="labels: expected none, got labels; take the loss of the logits"):
        CalibratedAnswers(perceptron, found)(torch.zeros(1, 8).double(), labels=torch.zeros(1))


def test_drawn_answers_are_not_calibrated():
    with pytest.raises(ArgumentError, match="perturbation: expected one that changes the model, got 'decoding'"):
        Calibrated(compress.Decoding())
