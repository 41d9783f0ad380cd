from __future__ import annotations

import torch

from haar.statistics import randomisation_p


def test_p_values_are_never_zero():
    assert randomisation_p(10.0, torch.zeros(999)) == 1 / 1000
    assert randomisation_p(1.0, torch.tensor([1.0, 0.5, 2.0])) == 3 / 4  # equality counts against rejection


def test_what_is_less_by_rounding_counts_as_equal():
    drawn = torch.tensor([1 - 0.9e-9, 1 - 1.1e-9], dtype=torch.float64)
    assert randomisation_p(1.0, drawn) == 2 / 3
