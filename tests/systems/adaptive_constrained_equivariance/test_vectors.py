"""The task of vectors: symmetric exactly when its dial is at zero."""

from __future__ import annotations

import pytest
import torch

from haar.errors import ArgumentError
from haar.systems.adaptive_constrained_equivariance.vectors import VectorTask, perceptron


@pytest.mark.parametrize("order", [2, 3, 4, 7])
def test_the_target_turns_with_its_inputs_at_beta_zero(order):
    task = VectorTask(order=order)
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    symmetry = task.symmetry
    for g in symmetry.group.elements():
        turned = task.target(symmetry.inputs[0].act(g, x))
        torch.testing.assert_close(turned, symmetry.outputs.act(g, task.target(x)), rtol=0, atol=1e-12)


def test_the_break_comes_through_the_third_vector_alone():
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    broken = VectorTask(beta=1.0).target(x) - VectorTask().target(x)
    other = torch.cat([torch.randn_like(x[:, :4]), x[:, 4:]], 1)
    torch.testing.assert_close(VectorTask(beta=1.0).target(other) - VectorTask().target(other), broken)
    assert broken.std() > 0.3


def test_samples_follow_their_generator_and_noise_is_on_the_targets():
    task = VectorTask(beta=0.5)
    x, noisy = task.sample("train", 4000, torch.Generator().manual_seed(3))
    same, clean = task.sample("test", 4000, torch.Generator().manual_seed(3))
    assert torch.equal(x, same)
    assert abs((noisy - clean).std().item() - 0.05) < 0.002
    assert 0.5 < clean.std().item() < 1.5  # losses are of order 1, as the damped solver asks


def test_the_perceptron_starts_as_the_protocol_says():
    model = perceptron(torch.Generator().manual_seed(0))
    for layer in model:
        if isinstance(layer, torch.nn.Linear):
            bound = layer.in_features**-0.5
            assert not layer.bias.any()
            assert 0.9 * bound < layer.weight.abs().max() <= bound


def test_an_order_without_rotations_is_refused():
    with pytest.raises(ArgumentError, match="order: expected at least 2, got 1"):
        VectorTask(order=1)
