"""Networks of e3nn: generated code, weights in one vector, gates that multiply vectors by scalars."""

from __future__ import annotations

import pytest
import torch
from promises import (
    close,
    equivariant,
    is_averaged,
    is_relaxed_as_a_whole,
    is_relaxed_by_weights,
    is_sampled_plainly,
    made,
)
from torch import nn

from haar.actions import Defining, Symmetry, Trivial, Vector
from haar.groups import octahedral
from haar.relax import homotopise

o3 = pytest.importorskip("e3nn.o3", reason="these tests need e3nn (make install)")
gates = pytest.importorskip("e3nn.nn", reason="these tests need e3nn (make install)")
pytestmark = [
    pytest.mark.referee,
    # e3nn compiles what it generates by torch.jit, which torch would have it leave
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]

OCTAHEDRAL = octahedral()
SCALAR, VECTOR = Trivial(OCTAHEDRAL), Defining(OCTAHEDRAL)
#: Its vectors are in another order (y, z, x), which is a rotation: what is made of them by e3nn moves the same.
SYMMETRY = Symmetry(OCTAHEDRAL, Vector(2 * SCALAR + 2 * VECTOR), Vector(SCALAR + VECTOR))


def gate():
    def make():
        gated = gates.Gate("4x0e", [torch.tanh], "2x0e", [torch.sigmoid], "2x1o")
        return nn.Sequential(o3.Linear("2x0e+2x1o", gated.irreps_in), gated, o3.Linear(gated.irreps_out, "1x0e+1x1o"))

    return made(make, 4, 8)


def test_a_gate():
    model, x = gate()
    is_averaged(model, SYMMETRY, x)
    is_relaxed_as_a_whole(model, SYMMETRY, x)
    is_relaxed_by_weights(model, SYMMETRY, x)
    is_sampled_plainly(model, x, stops_at="got einsum")


@pytest.mark.parametrize("kind", ["square", "norm"])
def test_what_is_symmetric_already_is_left_as_it_is(kind):
    def make():
        if kind == "square":
            return nn.Sequential(o3.TensorSquare("2x0e+2x1e", "2x0e+2x1e"), o3.Linear("2x0e+2x1e", "1x0e+1x1e"))
        bent = gates.NormActivation("4x0e+4x1o", torch.sigmoid)
        return nn.Sequential(o3.Linear("2x0e+2x1o", "4x0e+4x1o"), bent, o3.Linear("4x0e+4x1o", "1x0e+1x1o"))

    model, x = made(make, 4, 8)
    relaxed = homotopise(model, SYMMETRY, example=x)
    with torch.no_grad():
        equivariant(model, SYMMETRY, x, 1e-12)
        close(relaxed(x), model(x), 1e-12)
    assert len(relaxed.layers) == 0
