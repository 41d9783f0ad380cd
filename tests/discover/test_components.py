"""SO(n) is told from O(n): reversals that are symmetries too, and how far the nearest is where none is."""

from __future__ import annotations

import pytest
import torch

from haar.discover import discover


def polar(x):
    v = x.unflatten(-1, (2, 3))
    inner = torch.einsum("bij,bkj->bik", v, v)
    return torch.tanh(inner[:, 0, 1:]) * v[:, 0] + torch.tanh(inner[:, 1, 1:]) * v[:, 1]


def axial(x):
    v = x.unflatten(-1, (2, 3))
    inside = v[:, 0].square().sum(-1, keepdim=True) + v[:, 1].square().sum(-1, keepdim=True).square()
    return torch.linalg.cross(v[:, 0], v[:, 1]) * torch.tanh(inside / 8)


@pytest.mark.parametrize(
    ("model", "signs", "told"),
    [
        (polar, [(-1, -1)], "SO(3), and O(3): with all reversed the defect is"),
        (axial, [(-1, 1)], "SO(3), and with a reversal by -1 on the inputs, 1 on the outputs (blocks by falling spin)"),
        (lambda x: polar(x) + axial(x), [], "SO(3) without its reversals: the nearest of them has the defect"),
    ],
)
def test_reversals_are_told(draw, model, signs, told):
    found = discover(model, draw(300, 6), kinds="lie", outputs="any")
    step = found.continuous.leading
    assert [(*one.inputs, *one.outputs) for one in step.components if one.finite.accepted] == signs
    assert all(one.finite.defect < 1e-12 for one in step.components if one.finite.accepted)
    assert all(one.finite.defect > 0.1 for one in step.components if not one.finite.accepted)
    assert found.remarks[-1].startswith(told)


def test_a_scalar_of_odd_rotations_and_a_circle(draw):
    found = discover(lambda x: x.square().sum(-1, keepdim=True).tanh(), draw(256, 5) + 0.0, kinds="lie")
    assert found.remarks[-1].startswith("SO(5), and O(5)")
    turned = discover(lambda x: x.square().sum(-1, keepdim=True).tanh(), draw(256, 2), kinds="lie")
    assert turned.continuous.leading.components == ()  # the half turn is one of its own elements
