"""Named groups and `auto` follow one rule: a group is accepted on a grid just when `auto` holds all of it."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Layout
from haar.cli.well_data import well_symmetry
from haar.data import Axis, WellMetadata
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral, reflections


def metadata(axes):
    return WellMetadata("mine", "cartesian", tuple(axes), (), (), ({},), (1,), (2,))


AXES = {
    "nodes": lambda name: Axis.periodic_nodes(name, 8, length=1.0),
    "cells": lambda name: Axis.cells(name, 8, length=1.0),
    "long": lambda name: Axis.cells(name, 8, length=2.0),
    "fine": lambda name: Axis.cells(name, 16, length=1.0),
    "walls": lambda name: Axis.cells(name, 8, length=1.0, boundary="WALL"),
    "closed": lambda name: Axis.nodes(name, 8, length=7 / 8),
    "chebyshev": lambda name: Axis.chebyshev(name, 8, length=1.0),
    "one-sided": lambda name: Axis.cells(name, 8, length=1.0, boundary=("WALL", "OPEN")),
    "uneven": lambda name: Axis(name, torch.linspace(0, 1, 8, dtype=torch.float64).square().numpy()),
    "uneven periodic": lambda name: Axis(
        name, torch.linspace(0, 1, 8, dtype=torch.float64).square().numpy(), AXES["cells"](name).boundary
    ),
}
GROUPS = {"D4": dihedral(4), "C4": cyclic(4), "C2": cyclic(2), "D2": dihedral(2), "reflections": reflections(2)}


def motions(group):
    move = group.motion(group.elements())
    return list(zip(map(tuple, move.index.tolist()), map(tuple, move.sign.tolist()), strict=True))


@pytest.mark.parametrize("x", AXES)
@pytest.mark.parametrize("y", AXES)
def test_a_named_group_is_accepted_just_when_the_metadata_allow_it(x, y):
    about, layout = metadata([AXES[x]("x"), AXES[y]("y")]), Layout.parse("p, u:vector")
    auto = well_symmetry(about, "auto", layout)
    allowed = motions(auto.group)
    values = torch.randn(1, 3, about.axes[0].size, about.axes[1].size)
    for name, group in GROUPS.items():
        if not set(motions(group)) <= set(allowed):
            with pytest.raises(ArgumentError, match=r"--group: expected .*(exchange|reversal)"):
                well_symmetry(about, name, layout)
            continue
        named = well_symmetry(about, name, layout)
        for g, motion in zip(group.elements(), motions(group), strict=True):
            same = auto.inputs[0].act(torch.tensor(allowed.index(motion)), values)
            assert torch.equal(named.inputs[0].act(g, values), same)


def test_shifts_go_along_axes_that_allow_them():
    layout = Layout.parse("p")
    mixed = metadata([AXES["nodes"]("x"), AXES["cells"]("y")])
    assert well_symmetry(mixed, "reflections x shifts:4", layout).group.order == 16
    twice = metadata([AXES["cells"]("x"), Axis.nodes("y", 8, length=1.0, boundary="PERIODIC")])
    assert well_symmetry(twice, "shifts:4", layout).group.order == 2
