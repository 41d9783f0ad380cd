"""Tables and figures of audits as they were when somebody last looked at them: sizes, colours, places and words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Points, Symmetry, Vector
from haar.audit import audit
from haar.audit.frames import audit_frames
from haar.audit.particle_data import ParticleDataAudit
from haar.audit.signs import audit_signs
from haar.groups import SO, dihedral, inversion, reflections, sign
from haar.statistics import Estimate

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


def of_lines():
    lines = Symmetry.of_fields(reflections(1), "p, q", dim=1)
    return audit(lambda x: x.cumsum(-1).sin(), lines, drawn(9, 2, 7))


def of_volumes():
    """Every reflection is broken: of one that is not, rounding would be told in words."""
    volumes = Symmetry.of_fields(reflections(3), "p", dim=3)
    return audit(lambda x: x.cumsum(-1).cumsum(-2).cumsum(-3).sin(), volumes, drawn(9, 1, 3, 4, 5))


def of_layers():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False), nn.Tanh(), nn.Conv2d(2, 1, 3, padding=1, bias=False)
    ).to(F64)
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            p.copy_(drawn(*p.shape) + k)
    return audit(net, Symmetry.of_fields(D4, "p"), drawn(24, 1, 8, 8))


def of_turns():
    turns = SO(2)
    x = drawn(40, 2)
    return audit(
        lambda v: v[:, :1] + v.square().sum(1, keepdim=True),
        Symmetry(turns, Vector(Defining(turns)), Invariant(turns)),
        (x, x[:, :1]),
    )


def of_signs():
    matrix = drawn(4, 4)
    return audit_signs(lambda v: (v @ matrix + v.square()).cumsum(0), drawn(5, 4), spaces=torch.tensor([0, 0, 1, 2]))


def of_particles():
    floor, variances = Estimate(0.01, 0.005, 0.02), [0.0, 0.01, 0.02]
    replayed = {"norm": 0.0, "component": 0.9, "none": 0.1}
    return ParticleDataAudit(
        "component", floor, samples=3, rotations=6, clipped=(0.25, 0.5), replayed=replayed, variances=variances
    )


@pytest.mark.parametrize("made", [of_lines, of_volumes, of_layers, of_turns, of_signs, of_particles])
def test_all_that_is_said_and_shown(report_as_recorded, made):
    report_as_recorded(made(), Path(__file__).parent / f"told_{made.__name__}.json", but=("versions", "made_of"))


@pytest.mark.parametrize("made", [of_fields, of_vectors, of_clouds, of_graphs, of_axes])
def test_tables_and_figures(told_as_recorded, made):
    told_as_recorded(made().sections(), Path(__file__).parent / f"told_{made.__name__}.json")
