"""What is wrapped: a perceptron, symmetries of images; and how far a wrapped network is from its symmetry."""

from __future__ import annotations

import torch
from relax_worlds import C4
from torch import nn

from haar.actions import Field, Regular, Symmetry, Trivial
from haar.groups import dihedral

D4 = dihedral(4)
R4 = Regular(C4)


def images(group, channels, out):
    return Symmetry(group, Field(Trivial(group, channels)), Field(Trivial(group, out)))


def perceptron():
    return nn.Sequential(nn.Linear(6, 10), nn.SiLU(), nn.LayerNorm(10), nn.Linear(10, 8), nn.GELU(), nn.Linear(8, 2))


def double(x):
    return tuple(part.double() if part.is_floating_point() else part for part in x)


def worst(model, symmetry, x):
    """The largest difference between f(g x) and g f(x) over the whole group, relative."""
    with torch.no_grad():
        y = model(*double(x))
        wrong = [
            (model(*symmetry.act_inputs(g, double(x))) - symmetry.act_outputs(g, y)).abs().max()
            for g in symmetry.group.elements()
        ]
    return float(torch.stack(wrong).max() / y.abs().max())
