"""A chiral cell against groups with and without mirrors: too large a group has a floor, the right one costs nothing."""

from __future__ import annotations

import math

import torch

from haar.systems.constitutive import Hyperelastic
from haar.systems.constitutive.fitting import relative_error
from haar.systems.constitutive.generators import NonAffineCell, random_strains
from haar.systems.constitutive.symmetry import material_symmetry


def _data(cell):
    x = random_strains(300, 0.05, torch.Generator().manual_seed(1), dim=2)
    return x, cell(x)


def _held_out(data, group):
    """Of an energy's polynomials up to degree 4, by least squares."""
    x, y = data
    law = Hyperelastic(group, width=4)
    law.begin(x[:220], y[:220])
    return relative_error(law, x[220:], y[220:])


def _square(degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return material_symmetry("plane D4").turned(torch.tensor([[c, -s], [s, c]], dtype=torch.float64))


def test_mirrors_that_a_chiral_cell_does_not_have_leave_a_floor_whatever_the_axes():
    data = _data(NonAffineCell(chiral=0.5))
    right, fixed = _held_out(data, "plane C4"), _held_out(data, "plane D4")
    turned = min(_held_out(data, _square(degrees)) for degrees in range(0, 45, 3))
    assert 10 * right < turned < 0.5 * fixed


def test_where_the_cell_has_its_mirrors_they_cost_nothing():
    data = _data(NonAffineCell())
    assert _held_out(data, "plane D4") < 1.1 * _held_out(data, "plane C4")
