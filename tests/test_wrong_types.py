"""Arguments of a wrong kind, as a user meets them: where no annotation is checked at run time."""

from __future__ import annotations

import pytest
import torch

import haar
from haar import nn as hnn
from haar.actions.representation import Regular
from haar.average import (
    Cosets,
    Frame,
    Given,
    Rollout,
    Sampled,
    anytime,
    distil,
    evaluate,
    fold,
    select,
    soft,
    standard_error,
)
from haar.compress import Static, sparsify
from haar.testing import assert_equivariant

D4 = haar.groups.dihedral(4)
REGULAR = Regular(D4)
S = haar.Symmetry.of_fields(D4, "p")
f, x = torch.nn.Identity(), torch.zeros(2, 1, 4, 4)
LAYER, STATIC = torch.nn.Linear(4, 4), Static(0.5)
CALLS = [
    ("model: expected a torch module or a function, got 'm.pt2'; load it first", lambda: haar.average("m.pt2", S)),
    ("model: expected a torch module or a function, got 'm.pt2'; load it first", lambda: haar.audit("m.pt2", S, x)),
    (
        "model: expected a torch module or a function, got the class Linear; make one: Linear(",
        lambda: haar.audit(type(LAYER), S, x),
    ),
    (
        "clusters: expected none beside (inputs, labels, clusters), got some",
        lambda: haar.audit(f, S, (x, x, [0, 1]), clusters=[0, 1]),
    ),
    ("trajectories: expected haar.data.Trajectories: whole runs, which rollouts", lambda: evaluate(f, S, (x, x))),
    ("symmetry: expected a haar.Symmetry", lambda: haar.average(f, D4)),
    ("symmetry: expected a haar.Symmetry", lambda: haar.audit(f, D4, x)),
    ("symmetry: expected a haar.Symmetry", lambda: anytime(f, D4)),
    ("symmetry: expected a haar.Symmetry", lambda: soft(f, D4, [(x, x)])),
    ("symmetry: expected a haar.Symmetry", lambda: select(f, D4, x, m=2)),
    ("symmetry: expected a haar.Symmetry", lambda: Rollout(f, D4)),
    ("how: expected one of orbit, sampled", lambda: haar.average(f, S, [0, 1])),
    ("how: expected one of orbit, sampled", lambda: haar.average(f, S, haar.average.Orbit)),
    ("averaged: expected an averaged model, got Identity; haar.average(", lambda: distil(f, x)),
    ("averaged: expected an averaged model, got Identity; haar.average(", lambda: fold(f)),
    ("averaged: expected an averaged model, got Identity; haar.average(", lambda: standard_error(f, x)),
    ("m: expected a whole number, at least 1, got 2.5", lambda: haar.average(f, S, Sampled(2.5))),
    ("m: expected 1 to 8, the order of D4, got 2.5", lambda: select(f, S, x, m=2.5)),
    ("steps: expected a whole number, at least 1, got 2.5", lambda: Rollout(f, S)(x, 2.5)),
    ("elements: expected int64 elements of D4, got float32", lambda: haar.average(f, S, Given([0.5]))),
    ("subgroup: expected a subgroup of D4, got 'C2'; make it with", lambda: haar.average(f, S, Cosets("C2"))),
    ("frame: expected a function that returns (elements, weights), got", lambda: haar.average(f, S, Frame(len))(x)),
    ("data: expected batches (inputs, target), got Tensor", lambda: soft(f, S, x)),
    ("data: expected batches (inputs, target), got int", lambda: soft(f, S, 3)),
    (
        "elements: expected None, a number, or a tensor of elements, got [1, 2]",
        lambda: haar.audit(f, S, x, elements=[1, 2]),
    ),
    (
        "scale: expected a tensor for each output, in the outputs' own containers, got list",
        lambda: haar.audit(f, S, x, scale=[1.0]),
    ),
    (
        (
            "group: expected a haar.groups.Group, or C4, D4, S3, O, Oh, I, Ih, Ci, C4v, SO3, O3, lorentz or "
            "reflections:2, got 'Q8'"
        ),
        lambda: haar.Symmetry.of_fields("Q8", "p"),
    ),
    ("group: expected a haar.groups.Group, got 'D4'", lambda: haar.Symmetry("D4", S.inputs, S.outputs)),
    ("n: expected an integer of at least 1, got 4.0", lambda: haar.groups.dihedral(4.0)),
    ("rep: expected a representation, got <TableGroup D4, order 8>; say how it acts", lambda: hnn.BatchNorm(D4)),
    ("rep: expected a representation, got 8", lambda: hnn.LayerNorm(8)),
    ("rep: expected a representation, got 'x'", lambda: hnn.NormNonlinearity("x")),
    ("rep: expected a representation, got <TableGroup D4, order 8>", lambda: hnn.Gated(D4)),
    ("rep: expected a representation, got None", lambda: hnn.Invariants(None)),
    ("rep: expected a representation, got 3", lambda: hnn.Dropout(3)),
    ("rep: expected a representation, got 3", lambda: hnn.Odd(3)),
    ("rep: expected a representation, got 3", lambda: hnn.Pointwise(3)),
    ("rep: expected a representation, got <TableGroup D4, order 8>", lambda: hnn.GlobalPool(D4)),
    ("rep: expected a representation, got <TableGroup D4, order 8>", lambda: hnn.Upsample(D4, 2)),
    ("rep_in: expected a representation, got 8", lambda: hnn.Linear(8, REGULAR)),
    ("rep_out: expected a representation, got the class Regular; make one: Reg", lambda: hnn.Linear(REGULAR, Regular)),
    ("rep_out: expected a representation, got 8", lambda: hnn.Conv(REGULAR, 8, 3)),
    ("rep_right: expected a representation, got 3", lambda: hnn.Bilinear(REGULAR, 3, REGULAR)),
    ("kernel_size: expected a whole number, at least 1, got 3.0", lambda: hnn.Conv(REGULAR, REGULAR, 3.0)),
    ("kernel_size: expected a whole number, at least 1, got '2'", lambda: hnn.Pool(REGULAR, "2")),
    ("factor: expected a whole number, at least 1, got 2.0", lambda: hnn.Upsample(REGULAR, 2.0)),
    ("padding: expected 'same' or a number of points, got 0.5", lambda: hnn.Conv(REGULAR, REGULAR, 3, padding=0.5)),
    ("groups: expected a whole number, at least 1, got '2'", lambda: hnn.GroupNorm("2", REGULAR)),
    ("eps: expected 0 or more, got nan", lambda: hnn.LayerNorm(REGULAR, eps=float("nan"))),
    ("eps: expected 0 or more, got a", lambda: hnn.RMSNorm(REGULAR, eps="a")),
    ("eps: expected a positive number, got 0", lambda: hnn.Invariants(REGULAR, eps=0)),
    ("gain: expected 0 or more, got nan", lambda: hnn.Linear(REGULAR, REGULAR, gain=float("nan"))),
    ("momentum: expected a number from 0 to 1, or None, got 0.1", lambda: hnn.BatchNorm(REGULAR, momentum="0.1")),
    (
        "model: expected a torch module, or a mapping of names to modules, got str",
        lambda: sparsify("m", STATIC, steps=2),
    ),
    ("regimes: expected a regime, or a mapping of patterns to regimes", lambda: sparsify(LAYER, 0.5, steps=2)),
    ("regimes: expected a regime, or a mapping of patterns to regimes", lambda: sparsify(LAYER, {"*": 0.5}, steps=2)),
    ("seed: expected a whole number, which all processes know", lambda: sparsify(LAYER, STATIC, steps=2, seed=0.5)),
    ("model: expected a torch module or a function, got 'm'", lambda: assert_equivariant("m", S, x)),
    ("symmetry: expected a haar.Symmetry", lambda: assert_equivariant(f, D4, x)),
    ("elements: expected a whole number, at least 1, got 2.5", lambda: assert_equivariant(f, S, x, elements=2.5)),
    (
        "elements: expected elements 0..7 of D4, got [1, 99]",
        lambda: assert_equivariant(f, S, x, elements=torch.tensor([1, 99])),
    ),
    ("elements: expected int64 elements of D4", lambda: assert_equivariant(f, S, x, elements=torch.tensor([1.0]))),
    ("history: expected at least one time step, got '2'", lambda: haar.Symmetry.of_fields(D4, "p", history="2")),
]


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize(("expected", "call"), CALLS)
def test_each_is_refused_in_one_line_that_names_it(expected, call):
    with pytest.raises(haar.ArgumentError) as caught:
        call()
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)
