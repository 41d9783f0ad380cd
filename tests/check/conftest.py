"""Fields, a model of them and how D4 moves them."""

import pytest
import torch

from haar.actions import Symmetry
from haar.groups import dihedral


@pytest.fixture
def blurred():
    """A blur, inputs and D4."""
    x = torch.randn(24, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.AvgPool2d(3, stride=1, padding=1), x, Symmetry.of_fields(dihedral(4), "p")
