from __future__ import annotations

import torch

from haar.statistics import randomisation_p


def test_p_values_are_never_zero():
    assert randomisation_p(10.0, torch.zeros(999)) == 1 / 1000
    assert randomisation_p(1.0, torch.tensor([1.0, 0.5, 2.0])) == 3 / 4  # equality counts against rejection
