"""Tables and figures of audits as they were when somebody last looked at them: sizes, colours, places and words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Points, Symmetry, Vector
from haar.audit import audit
from haar.audit.frames import audit_frames
from haar.groups import dihedral, inversion, sign

F64 = torch.float64
D4 = dihedral(4)


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=F64)


def of_fields():
    """A kernel that leans every way, so that no part of the defect is rounding alone, with labels."""
    x, kernel = drawn(24, 3, 4, 4), drawn(3, 3, 3, 3)

    def model(x):
        return nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), kernel).tanh()

    return audit(model, Symmetry.of_fields(D4, "p, u:vector"), (x, model(x) + 0.1 * x.roll(1, 0)))


def of_vectors():
    stretch = torch.tensor([1.0, 3.0], dtype=F64)
    return audit(lambda v: v * stretch, Symmetry(D4, Vector(Defining(D4)), Vector(Defining(D4))), drawn(9, 2))


def of_clouds():
    def model(positions):
        return {"energy": positions[:, 0].sum(), "forces": positions + positions.square().sum(-1, keepdim=True)}

    symmetry = Symmetry.of_atoms(inversion(), inputs="positions", outputs="energy, forces:vector")
    return audit(model, symmetry, [((one,), None) for one in drawn(3, 5, 3)])


def of_graphs():
    group = sign(1)
    odd = Points(rotation=Defining(group))
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    symmetry = Symmetry(group, (odd, Invariant(group, batched=False)), odd)
    return audit(lambda v, e: v.square() + v[e[0]] * 0, symmetry, [((drawn(4, 1), edges), None)])


def of_axes():
    cube = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * 3)
    brick = cube * torch.tensor([1.0, 2.0, 3.0], dtype=F64) + 0.1 * drawn(8, 3)
    return audit_frames([cube, brick], names=["cube", "brick"])


@pytest.mark.parametrize("made", [of_fields, of_vectors, of_clouds, of_graphs, of_axes])
def test_tables_and_figures(told_as_recorded, made):
    told_as_recorded(made().sections(), Path(__file__).parent / f"told_{made.__name__}.json")
