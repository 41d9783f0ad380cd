"""SO(n) is told from O(n): reversals that are symmetries too, and how far the nearest is where none is."""

from __future__ import annotations

import pytest
import torch

from haar.actions.representation import DirectSum, Harmonic
from haar.discover import discover
from haar.discover.components import components
from haar.discover.flows import Finite
from haar.discover.rows import Pair
from haar.groups import SO


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


GOOD = Finite(0.0, 0.0, 0.0, 0.0, 0.0, True)
VECTORS = Harmonic(SO(3), 1).algebra()


def reversals(side):
    """Signs and elements that are judged, of generators on the inputs alone."""
    asked = []
    homogeneous = torch.nn.functional.pad(side, (0, 1, 0, 1))
    still = torch.zeros(3, 2, 2, dtype=torch.float64)
    found = components(Pair(homogeneous, still), lambda pair: asked.append(pair) or GOOD)
    return [one.inputs for one in found], [pair.a[0] for pair in asked]


def test_blocks_are_reversed_by_falling_spin():
    signs, elements = reversals(DirectSum([Harmonic(SO(3), 1), Harmonic(SO(3), 2)]).algebra())
    assert signs == [(1, -1), (-1, 1), (-1, -1)]
    for element, (two, one) in zip(elements, signs, strict=True):
        expected = torch.tensor([one] * 3 + [two] * 5 + [1], dtype=torch.float64).diag()
        torch.testing.assert_close(element, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("spins", "count"), [((1, 2, 3), 7), ((1, 2, 3, 4), 1)])
def test_more_than_three_blocks_are_reversed_together(spins, count):
    signs, _ = reversals(DirectSum([Harmonic(SO(3), spin) for spin in spins]).algebra())
    assert len(signs) == count
    assert signs[-1] == (-1,) * len(spins)


@pytest.mark.parametrize(("share", "blocks"), [(0.96, 1), (0.94, 2), (0.06, 2), (0.04, 1)])
def test_blocks_are_told_apart_by_a_twentieth_of_the_largest_casimir(share, blocks):
    side = torch.stack([torch.block_diag(e, share**0.5 * e) for e in VECTORS])
    signs, elements = reversals(side)
    assert len(signs[0]) == blocks
    assert int((elements[-1].diagonal() < 0).sum()) == (3 if share == 0.04 else 6)
