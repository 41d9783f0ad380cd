"""Grids: convolutions on every size, strides and pools on those where they are exact, and new sizes measured."""

from __future__ import annotations

import pytest
import torch
from relax_networks import D4, R4, images, worst
from relax_worlds import C4
from torch import nn

from haar.actions import Field, Invariant, Symmetry, Trivial
from haar.errors import NotEquivariantError, ShapeError
from haar.groups import dihedral
from haar.relax import homotopise


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("hidden", ["trivial", "regular"])
def test_convolutions_at_stride_one_are_exact_on_every_map(hidden, size):
    rep = Trivial(C4, 4) if hidden == "trivial" else R4
    plain = nn.Conv2d(1, 4, 3, padding=1)
    model = homotopise(plain, Symmetry(C4, Field(Trivial(C4)), Field(rep))).double()
    with model.at(0.0):
        assert worst(model, model.symmetry, (torch.randn(2, 1, size, size),)) < 1e-10


def strided():
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1))


def test_a_stride_is_exact_on_odd_maps_and_refused_on_even_ones():
    symmetry = images(C4, 1, 1)
    with pytest.raises(ShapeError, match=r"in '0' \(Conv2d\) a grid on which stride 2 .*; 7, 9, 11 work here"):
        homotopise(strided(), symmetry, example=torch.randn(2, 1, 8, 8))
    model = homotopise(strided(), symmetry, example=torch.randn(2, 1, 9, 9)).double()
    with model.at(0.0):
        assert worst(model, symmetry, (torch.randn(2, 1, 9, 9),)) < 1e-10
    model(torch.randn(1, 1, 13, 13).double())  # measured once, and fine
    with pytest.raises(NotEquivariantError, match=r"on inputs of size 8x8 .* first broken by '0' .*; size 9x9; 13x13"):
        model(torch.randn(1, 1, 8, 8).double())


def test_the_axis_that_does_not_fit_is_named():
    symmetry = images(dihedral(2), 1, 1)
    for size, axis in (((8, 9), 0), ((9, 8), 1)):
        with pytest.raises(ShapeError, match=rf"got 8 points on axis {axis}, of which 1 are left over on one side"):
            homotopise(strided(), symmetry, example=torch.randn(2, 1, *size))


def test_a_pool_called_as_a_function_is_measured_on_new_sizes_too():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)

        def forward(self, x):
            return nn.functional.max_pool2d(torch.relu(self.conv(x)), 2).mean((1, 2, 3))

    model = homotopise(Pooled(), Symmetry(D4, Field(Trivial(D4)), Invariant(D4)), example=torch.randn(2, 1, 8, 8))
    with pytest.raises(NotEquivariantError, match="on inputs of size 9x9 the model is not equivariant"):
        model(torch.randn(2, 1, 9, 9))
