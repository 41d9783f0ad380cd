"""A batch made from a symmetry, of the sizes that a model can be run on."""

from __future__ import annotations

import pytest
import torch

from haar.actions import Defining, Field, Symmetry, Trivial, Vector
from haar.errors import ArgumentError
from haar.groups import cyclic, dihedral, grid_group
from haar.probing import example_inputs, fitting_inputs
from haar.probing.examples import SIZES

D4 = dihedral(4)
FIELDS = Symmetry.of_fields(D4, "p, u:vector")


def test_three_samples_of_the_size_that_is_asked_for():
    (x,) = example_inputs(FIELDS, 9)
    assert (x.shape, x.dtype) == ((3, 3, 9, 9), torch.float64)
    assert torch.equal(x, example_inputs(FIELDS, 9)[0])
    assert not torch.equal(x, example_inputs(FIELDS, 9, seed=1)[0])


def test_only_sizes_that_the_model_takes():
    seen = []

    def model(inputs):
        seen.append((inputs[0].shape[-1], torch.is_grad_enabled()))
        if inputs[0].shape[-1] % 12:
            raise RuntimeError("not by 12")

    assert [x.shape[-1] for (x,) in fitting_inputs(FIELDS, model)] == [12, 24, 48]
    assert seen == [(size, False) for size in SIZES]


@pytest.mark.parametrize(
    "symmetry",
    [
        Symmetry(D4, Vector(Defining(D4)), Vector(Defining(D4))),
        Symmetry(g := grid_group(cyclic(4), (4, 4)), Field(Trivial(g)), Field(Trivial(g))),
    ],
    ids=["no grid", "one grid"],
)
def test_where_no_size_is_open_one_is_enough(symmetry):
    assert len(list(fitting_inputs(symmetry, len))) == 1


def test_the_first_error_of_a_model_that_takes_none_is_told():
    def model(inputs):
        raise ValueError(f"size {inputs[0].shape[-1]}")

    with pytest.raises(ArgumentError) as caught:
        list(fitting_inputs(FIELDS, model))
    way_out = "give example=(input, ...), one batch"
    told = f"example: expected inputs that the model can be run on, got ValueError: size 16; {way_out}"
    assert str(caught.value) == told
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_refusal_of_our_own_is_the_answer():
    def model(inputs):
        raise ArgumentError("model", expected="another", got="this")

    with pytest.raises(ArgumentError, match="model: expected another, got this"):
        list(fitting_inputs(FIELDS, model))
