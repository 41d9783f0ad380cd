"""Folded layers give what the average gives, at the cost of one."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from haar.actions import Defining, Field, Invariant, Space, Symmetry, Trivial, Vector, direct_sum
from haar.average import Given, Sampled, average, fold
from haar.errors import ArgumentError
from haar.groups import SO, cyclic, dihedral, grid_group, hyperoctahedral, octahedral, reflections, symmetric

DOUBLE = torch.float64


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("group", [cyclic(5), symmetric(4), hyperoctahedral(3)])
def test_linear_layers(group, bias):
    source, target = Vector(Defining(group) * 2), Vector(Defining(group) + Trivial(group))
    model = nn.Linear(source.rep.dim, target.rep.dim, bias=bias, dtype=DOUBLE)
    averaged = average(model, Symmetry(group, source, target))
    folded = fold(averaged)
    x = torch.randn(4, source.rep.dim, dtype=DOUBLE)
    torch.testing.assert_close(folded(x), averaged(x), rtol=1e-12, atol=1e-12)
    assert folded.weight.shape == model.weight.shape
    assert folded is not model


def test_invariant_outputs_and_weights_of_ones_own():
    group = cyclic(4)
    symmetry = Symmetry(group, Vector(Defining(group)), Invariant(group))
    averaged = average(nn.Linear(2, 3, dtype=DOUBLE), symmetry, Given([0, 1], [0.3, 0.7]))
    x = torch.randn(4, 2, dtype=DOUBLE)
    torch.testing.assert_close(fold(averaged)(x), averaged(x), rtol=1e-12, atol=1e-12)


def test_a_sampled_lie_group():
    group = SO(3)
    vector = Vector(Defining(group))
    averaged = average(nn.Linear(3, 3, dtype=DOUBLE), Symmetry(group, vector, vector), Sampled(10, "iid"))
    x = torch.randn(4, 3, dtype=DOUBLE)
    torch.testing.assert_close(fold(averaged)(x), averaged(x), rtol=1e-12, atol=1e-12)


CONVOLUTIONS = [
    (reflections(1), (8,), {"padding": 1}),
    (dihedral(4), (8, 8), {"padding": 1}),
    (dihedral(4), (8, 8), {"padding": 2, "dilation": 2, "padding_mode": "reflect"}),
    (dihedral(4), (8, 8), {"padding": "same", "padding_mode": "circular"}),
    (dihedral(4), (8, 8), {"padding": 0}),
    (reflections(2), (8, 6), {"kernel_size": (3, 5), "padding": (1, 2), "padding_mode": "replicate"}),
    (grid_group(dihedral(4), (8, 8), step=4), (8, 8), {"padding": 1, "padding_mode": "circular"}),
    (octahedral(full=True), (4, 4, 4), {"padding": 1}),
]


@pytest.mark.parametrize(("group", "space", "options"), CONVOLUTIONS)
def test_convolutions(group, space, options):
    scalar, vector = Trivial(group), Space(group)
    source, target = Field(direct_sum([scalar, vector])), Field(vector)
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(space) - 1]
    model = kind(source.rep.dim, target.rep.dim, options.pop("kernel_size", 3), dtype=DOUBLE, **options)
    averaged = average(model, Symmetry(group, source, target))
    x = torch.randn(2, source.rep.dim, *space, dtype=DOUBLE)
    torch.testing.assert_close(fold(averaged)(x), averaged(x), rtol=1e-12, atol=1e-12)


def test_grouped_convolutions_become_dense():
    group = dihedral(4)
    vector = Field(Space(group))
    model = nn.Conv2d(2, 2, 3, padding=1, groups=2, dtype=DOUBLE)
    averaged = average(model, Symmetry(group, vector, vector))
    folded = fold(averaged)
    x = torch.randn(2, 2, 6, 6, dtype=DOUBLE)
    torch.testing.assert_close(folded(x), averaged(x), rtol=1e-12, atol=1e-12)
    assert folded.groups == 1
    assert model.groups == 2


def test_periodic_nodes():
    group = dihedral(4)
    vector = Field(Space(group), centring="node")
    model = nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular", dtype=DOUBLE)
    averaged = average(model, Symmetry(group, vector, vector))
    x = torch.randn(2, 2, 6, 6, dtype=DOUBLE)
    torch.testing.assert_close(fold(averaged)(x), averaged(x), rtol=1e-12, atol=1e-12)
    zero_padded = average(nn.Conv2d(2, 2, 3, padding=1), Symmetry(group, vector, vector))
    with pytest.raises(ArgumentError, match="averaged: expected a convolution with circular padding"):
        fold(zero_padded)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Conv2d(1, 1, 3, stride=2), "stride 1"),
        (nn.Conv2d(1, 1, 4, padding=2), "odd kernels"),
        (nn.Conv2d(1, 1, (3, 5), padding=(1, 2)), "the same kernel, dilation and padding along axes"),
    ],
)
def test_convolutions_that_the_group_does_not_pass_through_are_refused(model, expected):
    with pytest.raises(ArgumentError, match=f"averaged: expected a convolution with {expected}"):
        fold(average(model, Symmetry.of_fields(dihedral(4), "p")))


def test_other_models_are_refused():
    group = dihedral(4)
    fields = Symmetry.of_fields(group, "p")
    with pytest.raises(ArgumentError, match=r"averaged: expected a model that is an nn\.Linear or .*, got Tanh"):
        fold(average(nn.Tanh(), fields))
    with pytest.raises(ArgumentError, match="averaged: expected one input, one output, fixed elements, no window"):
        fold(average(nn.Conv2d(1, 1, 3, padding=1), fields, window=torch.ones(4, 4)))
    with pytest.raises(ArgumentError, match="inputs: expected a Vector on the last axis, got Field"):
        fold(average(nn.Linear(4, 4), fields))
    last = Symmetry.of_fields(group, "p", channels="last")
    with pytest.raises(ArgumentError, match="inputs: expected a linear Field with channels first, got Field"):
        fold(average(nn.Conv2d(1, 1, 3), last))
