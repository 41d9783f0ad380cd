"""Models that cannot be averaged, or not in one batch: stochastic, in train mode, samples that interact."""

from __future__ import annotations

import pytest
import torch
from plain_loop import DOUBLE, loop, vector_symmetry
from torch import nn

from haar.average import average
from haar.errors import ArgumentError
from haar.groups import cyclic


class BatchMean(nn.Module):
    """Samples of one batch influence each other."""

    def forward(self, x):
        return (x - x.mean(0)).exp()


def test_copies_that_interact_run_one_at_a_time():
    symmetry = vector_symmetry(cyclic(3))
    x = torch.randn(5, 2, dtype=DOUBLE)
    averaged = average(BatchMean(), symmetry)
    torch.testing.assert_close(averaged(x), loop(BatchMean(), symmetry, (x,)), rtol=1e-12, atol=1e-12)
    with pytest.raises(ArgumentError, match="micro_batch: expected 1 for a model in which the samples of a batch"):
        average(BatchMean(), symmetry, micro_batch=3)(x)


def test_a_stochastic_model_is_refused():
    symmetry = vector_symmetry(cyclic(3))
    x = torch.randn(5, 2)

    def noisy(x):
        return x + 1e-6 * torch.randn_like(x)

    with pytest.raises(
        ArgumentError, match="model: expected the same output for the same input, got a stochastic model"
    ):
        average(noisy, symmetry)(x)
    with pytest.raises(ArgumentError, match="check=False"):
        average(noisy, symmetry, micro_batch=1)(x)
    assert average(noisy, symmetry, check=False, micro_batch=3)(x).shape == x.shape


def test_a_model_that_draws_and_does_not_use_it_is_no_stochastic_model():
    def harmless(x):
        torch.rand(1)
        return x

    x = torch.randn(5, 2)
    torch.testing.assert_close(average(harmless, vector_symmetry(cyclic(3)))(x), x)


@pytest.mark.parametrize(
    ("layer", "word"),
    [
        (nn.Dropout(0.1), "Dropout"),
        (nn.BatchNorm1d(2), "BatchNorm1d"),
        (nn.RReLU(), "RReLU"),
        (nn.MultiheadAttention(2, 1, dropout=0.1), "MultiheadAttention"),
    ],
)
def test_train_mode_with_layers_that_depend_on_it_is_refused(layer, word):
    model = nn.Sequential(nn.Linear(2, 2), layer)
    with pytest.raises(ArgumentError, match=f"model: expected eval mode, got {word} '1' in train mode"):
        average(model, vector_symmetry(cyclic(3)))


def test_train_mode_later_is_refused_too():
    averaged = average(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval(), vector_symmetry(cyclic(3)))
    averaged(torch.ones(1, 2))
    averaged.train()
    with pytest.raises(ArgumentError, match="Dropout '1' in train mode"):
        averaged(torch.ones(1, 2))


def test_train_mode_without_such_layers_is_fine():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)).train()
    assert average(model, vector_symmetry(cyclic(3)))(torch.ones(1, 2)).shape == (1, 2)


def test_a_model_made_in_inference_mode_is_averaged():
    symmetry, x = vector_symmetry(cyclic(3)), torch.randn(5, 2, dtype=DOUBLE)
    with torch.inference_mode():
        model = nn.Linear(2, 2, dtype=DOUBLE)  # its weights count no writes
        averaged = average(model, symmetry)
        torch.testing.assert_close(averaged(x), loop(model, symmetry, (x,)), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(averaged(x), loop(model, symmetry, (x,)), rtol=1e-12, atol=1e-12)


def test_a_number_that_a_run_makes_a_list(generator):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = 2.0

        def forward(self, x):
            if not isinstance(self.scale, list):
                self.scale = [self.scale] * x.ndim
            return self.scale[0] * x

    averaged = average(Scaled(), vector_symmetry(cyclic(3)))
    x = torch.randn(3, 2, dtype=DOUBLE, generator=generator)
    for _ in range(3):
        torch.testing.assert_close(averaged(x), 2 * x)
