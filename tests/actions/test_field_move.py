"""Moves are plain views and gathers: they compile in one graph, export, move with `.to`, and hold what they need."""

from __future__ import annotations

import pytest
import torch

from haar.actions import (
    AxisSign,
    Boxes,
    ContinuousShift,
    Defining,
    Field,
    InterpolatedField,
    Keypoints,
    Layout,
    Points,
    Space,
    Trivial,
    Vector,
)
from haar.groups import SO, Torus, dihedral, grid_group, octahedral, reflections

GENERATOR = torch.Generator().manual_seed(0)
D4, O3, SHIFTS, MIRROR, SO2, SO3 = (
    dihedral(4),
    octahedral(),
    grid_group(dihedral(4), (4, 4)),
    reflections(1),
    SO(2),
    SO(3),
)
T2 = Torus(2)
CASES = {
    "scalar": (Field(Trivial(D4)), torch.tensor(5), (2, 1, 4, 4)),
    "tensor with history": (
        Field.of_layout(Layout.parse("p, D:tensor", history=2), D4),
        torch.tensor(3),
        (2, 10, 4, 4),
    ),
    "shifted, on nodes": (Field(Space(SHIFTS), centring="node"), torch.tensor(5 * 16 + 6), (2, 2, 4, 4)),
    "volume, channels last": (Field(Space(O3), channels="last"), torch.tensor(7), (2, 3, 3, 3, 3)),
    "affine": (Field(AxisSign(MIRROR, 0)).affine(torch.ones(1, 1, 1).double()), torch.tensor(1), (2, 1, 5)),
    "phase": (Field(Defining(SO2), space_dim=2), SO2.sample(1, GENERATOR)[0], (2, 2, 4, 4)),
    "vector": (Vector(Defining(D4)), torch.tensor(6), (2, 2)),
    "points": (Points(rotation=Defining(SO3)), SO3.sample(1, GENERATOR)[0], (2, 5, 3)),
    "keypoints": (Keypoints(SHIFTS, (4, 4)), torch.tensor(33), (2, 5, 2)),
    "boxes": (Boxes(D4, (4, 4)), torch.tensor(5), (2, 5, 4)),
    "interpolated": (InterpolatedField(Defining(SO2)), SO2.sample(1, GENERATOR)[0], (2, 2, 6, 5)),
    "shift": (ContinuousShift(T2), T2.sample(1, GENERATOR)[0], (2, 3, 4, 5)),
}


@pytest.fixture(params=CASES, ids=str)
def case(request):
    action, g, shape = CASES[request.param]
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return action, g, x


def same(one, other):
    """Another route may add products in another order."""
    return torch.allclose(one, other, rtol=0, atol=1e-13)


def test_exported_moves_give_the_same(case):
    action, g, x = case
    program = torch.export.export(action.move(g), (x,))
    assert same(program.module()(x), action.act(g, x))


def test_compiled_moves_are_one_graph(case):
    torch.compiler.reset()
    action, g, x = case
    compiled = torch.compile(action.move(g), backend="eager", fullgraph=True)
    assert same(compiled(x), action.act(g, x))


def test_moves_have_no_state_to_save_and_follow_the_dtype_of_a_model(case):
    action, g, x = case
    move = action.move(g)
    assert not move.state_dict()
    assert not list(move.parameters())
    single = move.to(torch.float32)(x.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), action.act(g, x), atol=1e-5)


def test_what_an_element_does_not_do_is_not_in_the_graph():
    x = torch.zeros(1, 1, 4, 4)
    flip = torch.export.export(Field(Trivial(D4)).move(torch.tensor(4)), (x,))
    calls = [node.target for node in flip.graph.nodes if node.op == "call_function"]
    assert calls == [torch.ops.aten.flip.default]
    assert Field(Trivial(D4)).move(torch.tensor(0))(x) is x


def test_tensors_stay_on_their_device(case):
    """Elements and tables live on the CPU; the meta device stands for any other."""
    action, g, x = case
    there = x.to("meta")
    batch = torch.stack([g, g])
    results = (
        action.act(g, there),
        action.act(batch, there),
        action.orbit(batch, there)[0],
        action.move(g).to("meta")(there),
    )
    for moved in results:
        assert moved.device.type == "meta"
        assert moved.shape == action.act(g, x).shape
