"""Frames: elements and weights that follow the input make any model equivariant."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Invariant, Symmetry, Vector
from haar.average import Frame, Sampled, average, standard_error
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, sign

DOUBLE = torch.float64
SO2 = SO(2)
VECTOR = Vector(Defining(SO2))


def angle_frame(x, *_):
    """The rotation that turns the first axis into x, one for each sample."""
    direction = nn.functional.normalize(x, dim=-1)
    c, s = direction.unbind(-1)
    elements = torch.stack([c, -s, s, c], -1).reshape(1, -1, 2, 2)
    return elements, torch.ones(1, len(x), dtype=x.dtype)


def perceptron():
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)).to(DOUBLE)


def test_a_frame_makes_a_model_equivariant_under_a_continuous_group():
    averaged = average(perceptron(), Symmetry(SO2, VECTOR, VECTOR), Frame(angle_frame))
    x = torch.randn(5, 2, dtype=DOUBLE)
    g = SO2.sample(5, torch.Generator().manual_seed(0))
    moved = averaged(VECTOR.act(g, x))
    torch.testing.assert_close(moved, VECTOR.act(g, averaged(x)), rtol=1e-12, atol=1e-12)


def test_several_weighted_elements_and_outputs():
    group = sign(1)
    vector = Vector(Defining(group))
    symmetry = Symmetry(group, (vector, Invariant(group)), {"odd": vector, "even": Invariant(group)})

    def weighted_frame(x, _):
        share = torch.sigmoid(x[:, 0])  # w(-x) = 1 - w(x): continuous and equivariant
        elements = torch.tensor([[0], [1]]).expand(2, len(x))
        return elements, torch.stack([share, 1 - share])

    def model(x, t):
        return {"odd": x.exp() * t[:, None], "even": (x.exp().sum(-1) + t)}

    averaged = average(model, symmetry, Frame(weighted_frame))
    x, t = torch.randn(4, 1, dtype=DOUBLE), torch.rand(4, dtype=DOUBLE)
    y, back = averaged(x, t), averaged(-x, t)
    torch.testing.assert_close(back["odd"], -y["odd"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(back["even"], y["even"], rtol=1e-12, atol=1e-12)


def test_gradients_reach_the_frame():
    x = torch.randn(3, 2, dtype=DOUBLE, requires_grad=True)
    group = sign(1)
    vector = Vector(Defining(group))

    def soft(x):
        share = torch.sigmoid(x[:, 0])
        return torch.tensor([[0], [1]]).expand(2, len(x)), torch.stack([share, 1 - share])

    averaged = average(
        torch.exp, Symmetry(group, Vector(Defining(group) * 2), Vector(Defining(group) * 2)), Frame(soft)
    )
    assert vector.rep.dim == 1
    assert torch.autograd.gradcheck(averaged, (x,))


def test_a_frame_has_no_fixed_set():
    averaged = average(perceptron(), Symmetry(SO2, VECTOR, VECTOR), Frame(angle_frame, "exact away from 0"))
    assert "a frame: exact away from 0" in repr(averaged)
    with pytest.raises(ArgumentError, match="how: expected a fixed weighted set, got a frame, which"):
        list(averaged.terms(torch.ones(1, 2, dtype=DOUBLE)))
    with pytest.raises(ArgumentError, match=r"how: expected a fixed weighted set, got a frame of SO\(2\)"):
        Frame(angle_frame).weighted(SO2)
    with pytest.raises(ArgumentError, match=r"averaged: expected a random draw .* got a frame"):
        standard_error(averaged, torch.ones(1, 2, dtype=DOUBLE))
    with pytest.raises(ArgumentError, match="how: expected a fixed weighted set for a window or shared stabilisers"):
        average(perceptron(), Symmetry(SO2, VECTOR, VECTOR), Frame(angle_frame), share_stabilisers=True)


def test_weights_stand_beside_elements():
    frame = Frame(lambda x: (torch.zeros(2, len(x), dtype=torch.int64), torch.ones(3, len(x))))
    group = sign(1)
    vector = Vector(Defining(group))
    with pytest.raises(ShapeError, match=r"frame: expected weights \(2, 4\) beside the elements, got \(3, 4\)"):
        average(torch.exp, Symmetry(group, vector, vector), frame)(torch.ones(4, 1))


def test_a_draw_is_no_frame():
    averaged = average(perceptron(), Symmetry(SO2, VECTOR, VECTOR), Sampled(4))
    assert len(list(averaged.terms(torch.ones(1, 2, dtype=DOUBLE)))) == 4


@pytest.mark.parametrize("kind", [torch.float32, torch.complex64])
def test_weights_are_taken_in_the_precision_of_the_output(kind):
    vector = Vector(Defining(sign(1)))
    halves = Frame(lambda x: (torch.tensor([[0], [1]]).expand(2, len(x)), torch.full((2, len(x)), 0.5, dtype=DOUBLE)))
    averaged = average(lambda x: x + x.square(), Symmetry(sign(1), vector, vector), halves)
    x = torch.tensor([[0.5], [2.0]], dtype=kind)
    assert averaged(x).dtype == kind
    assert torch.equal(averaged(x), x)  # the square is even
