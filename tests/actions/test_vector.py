"""Vectors and points: the group law on any axis, batches, tangents against finite differences, refusals."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from haar.actions import Defining, Points, Regular, Vector, tensor_power
from haar.errors import ArgumentError, ShapeError
from haar.groups import SO, SU2, O, dihedral, product, sign, symmetric

REPS = [
    Defining(dihedral(5)),
    Regular(dihedral(4)),
    Defining(sign(3)),
    Defining(symmetric(8)),
    Defining(SO(3)),
    tensor_power(Defining(O(3)), 2),
    Defining(SU2()),
]


@given(st.integers(0, len(REPS) - 1), st.integers(-3, -1), st.integers(0, 1000))
def test_the_group_law_holds_on_every_axis(which, axis, seed):
    rep, generator = REPS[which], torch.Generator().manual_seed(seed)
    action = Vector(rep, axis=axis)
    shape = [4, 2, 3, 2]
    shape[axis] = rep.dim
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    a, b = rep.group.sample(4, generator), rep.group.sample(4, generator)
    both = action.act(rep.group.compose(a, b), x)
    assert torch.allclose(action.act(a, action.act(b, x)), both, atol=1e-12, rtol=0)
    single = torch.stack([action.move(g)(y) for g, y in zip(a, x, strict=True)])
    assert torch.allclose(action.act(a, x), single, atol=1e-12, rtol=0)
    assert torch.allclose(action.orbit(a, x)[range(4), range(4)], single, atol=1e-12, rtol=0)
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(a, x), action.act(a, x))


@pytest.mark.parametrize("rep", [Defining(SO(3)), tensor_power(Defining(SO(3)), 2), Defining(SU2())], ids=repr)
def test_tangents_are_derivatives_of_the_action(rep, generator):
    group, h = rep.group, 1e-6
    direction = torch.randn(len(group.algebra), generator=generator, dtype=torch.float64)
    for action, shape in ((Vector(rep, axis=-2), (2, rep.dim, 3)), (Points(rotation=rep), (2, 3, rep.dim))):
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
        ahead, behind = (action.act(group.exp(step * direction), x) for step in (h, -h))
        assert torch.allclose(action.tangent(direction, x), (ahead - behind) / (2 * h), atol=1e-8, rtol=0)


def test_rotations_and_relabellings_commute(generator):
    group = product(SO(3), symmetric(4))
    action = Points(
        rotation=Defining(group.factors[0]).pull_back(group, 0),
        relabelling=Defining(group.factors[1]).pull_back(group, 1),
    )
    x = torch.randn(5, 4, 3, generator=generator, dtype=torch.float64)
    g = group.sample(5, generator)
    turn, order = group.split(g)
    expected = torch.einsum("bij,bnj->bni", turn, x)
    permuted = torch.stack([Defining(group.factors[1]).matrix(p) @ y for p, y in zip(order, expected, strict=True)])
    assert torch.allclose(action.act(g, x), permuted, atol=1e-12, rtol=0)
    assert torch.allclose(action.move(g[0])(x[:1]), permuted[:1], atol=1e-12, rtol=0)


def test_restrictions_act_like_the_whole_group(generator):
    group = dihedral(4)
    half = group.subgroup([1], "C4")
    vector = Vector(Defining(group), axis=-2)
    points = Points(rotation=Defining(group), relabelling=Regular(group))
    x = torch.randn(2, 8, 2, generator=generator)
    for k, g in enumerate(half.embedding):
        assert torch.equal(points.restrict(half).act(torch.tensor(k), x), points.act(g, x))
        turned = vector.restrict(half).act(torch.tensor(k), x.mT)
        assert torch.equal(turned, vector.act(g, x.mT))


def test_wrong_shapes_and_groups_are_refused():
    group = dihedral(4)
    with pytest.raises(ArgumentError, match="axis: expected a negative axis, counted from the end, got 1"):
        Vector(Defining(group), axis=1)
    with pytest.raises(ShapeError, match=r"x: expected 2 on axis -1 \(defining of D4\), got \(5, 3\)"):
        Vector(Defining(group)).act(torch.tensor(0), torch.zeros(5, 3))
    with pytest.raises(ShapeError, match="x: expected a batch axis before the others"):
        Vector(Defining(group)).act(torch.tensor([0, 1]), torch.zeros(2))
    with pytest.raises(ArgumentError, match="rotation: expected a rotation, a relabelling or both, got neither"):
        Points()
    with pytest.raises(
        ArgumentError, match=r"relabelling: expected a representation of SO\(3\), like rotation, got S4"
    ):
        Points(rotation=Defining(SO(3)), relabelling=Defining(symmetric(4)))
    with pytest.raises(ArgumentError, match="expected an action of a Lie group for a Lie derivative, got Vector of D4"):
        Vector(Defining(group)).tangent(torch.zeros(1), torch.zeros(2))
    with pytest.raises(ShapeError, match="x: expected 3 on axis -1"):
        Points(rotation=Defining(SO(3))).check(torch.zeros(4, 2))
