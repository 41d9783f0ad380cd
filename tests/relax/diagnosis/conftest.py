"""What several files of this folder diagnose."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Symmetry, Vector
from haar.groups import SO
from haar.relax import homotopise


@pytest.fixture(scope="session")
def turning():
    """A linear chain of SO(2), with biases: everything between the layers is equivariant."""
    G = SO(2)
    rep = Defining(G)
    symmetry = Symmetry(G, Vector(3 * rep), Vector(rep))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 2)).double()
    return homotopise(plain, symmetry, layers={"0": (3 * rep, 4 * rep), "1": (4 * rep, rep)})
