"""What averages are compared with: the definition, one element after the other; and vectors under a group."""

from __future__ import annotations

import torch

from haar.actions import Defining, Symmetry, Vector

DOUBLE = torch.float64


def loop(model, symmetry, args):
    """The definition, one element after the other."""
    group = symmetry.group
    outputs = [symmetry.act_outputs(group.inverse(g), model(*symmetry.act_inputs(g, args))) for g in group.elements()]
    return torch.stack(outputs).mean(0)


def vector_symmetry(group):
    action = Vector(Defining(group))
    return Symmetry(group, action, action)
