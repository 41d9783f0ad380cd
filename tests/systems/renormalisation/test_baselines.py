"""What needs no network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from haar.systems.renormalisation import evaluate, one_shot
from haar.systems.renormalisation.baselines import least_squares, mean_of_targets


def test_the_mean_of_the_targets_is_a_constant_of_every_training_set(generator):
    x = torch.randn(2, 40, 4, dtype=torch.float64, generator=generator) + 0.3
    nets = mean_of_targets(x)
    expected = one_shot(x).mean(-1)
    torch.testing.assert_close(nets(x).detach(), expected[:, None].expand(2, 40))
    found = evaluate(nets, samples=20_000)
    for row, level in enumerate(expected.tolist()):
        assert found.column("gauss +2")[row].item() == pytest.approx(1 + (4 - level) ** 2, rel=0.03)
    assert found.dead.all()


def test_least_squares_is_the_normal_equation_and_exact_here(generator):
    x = torch.randn(2, 40, 3, dtype=torch.float64, generator=generator)
    nets = least_squares(x)
    for row in range(2):
        design = np.c_[x[row].numpy(), np.ones(40)]
        slope = np.linalg.lstsq(design, one_shot(x[row]).numpy(), rcond=None)[0]
        assert nets.free["weight0"][row, 0].tolist() == pytest.approx(slope[:3].tolist())
        assert nets.free["out_bias"][row, 0].item() == pytest.approx(slope[3], abs=1e-12)
    # weights to twelve decimals, squared, with room for the law furthest out (3 x N(0,1))
    assert float(evaluate(nets, samples=100).nmse.max()) < 1e-20
