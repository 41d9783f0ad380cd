"""What symmetry does to the value of a game, on data that a group leaves as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import average
from haar.groups import dihedral
from haar.systems.structural_equations import ConditionalMoment

F64 = torch.float64
D3 = dihedral(3)
SYMMETRY = Symmetry(D3, Vector(Defining(D3)), Invariant(D3))


def _network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)).double()


@pytest.fixture
def closed():
    """Rows of x and z with all their images, and an outcome that no element changes."""
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(2, 10, 2, dtype=F64, generator=generator)
    y = torch.randn(10, 1, dtype=F64, generator=generator)
    matrices = [Defining(D3).matrix(torch.tensor(g)).to(F64).reshape(2, 2) for g in range(6)]
    return tuple(torch.cat(table) for table in zip(*((x @ m.T, y, z @ m.T) for m in matrices), strict=True))


def test_averaging_the_dual_raises_the_value_by_half_of_what_it_takes_away(closed):
    invariant, u = average(_network(0), SYMMETRY, micro_batch=6), _network(1)
    mean = average(u, SYMMETRY, micro_batch=6)
    value = ConditionalMoment()
    with torch.no_grad():
        gain = value(invariant, mean, closed) - value(invariant, u, closed)
        left = (u(closed[2]) - mean(closed[2])).square().mean() / 2
    assert gain.item() == pytest.approx(left.item(), rel=1e-12)
    assert gain > 1e-4


def test_averaging_the_primal_leaves_the_value_with_an_invariant_dual(closed):
    f, invariant = _network(2), average(_network(3), SYMMETRY, micro_batch=6)
    value = ConditionalMoment()
    with torch.no_grad():
        one, other = (value(each, invariant, closed).item() for each in (f, average(f, SYMMETRY, micro_batch=6)))
        plain = value(average(f, SYMMETRY, micro_batch=6), _network(4), closed) - value(f, _network(4), closed)
    assert one == pytest.approx(other, abs=1e-14)
    assert abs(plain.item()) > 1e-6  # with any dual it does not
    assert np.isfinite(one)
