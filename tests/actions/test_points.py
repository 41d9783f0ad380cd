"""Bilinear forms against plain loops, on groups whose elements do not commute; forms of moved vectors stay."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from haar.actions import Bilinear, Defining, Regular, tensor_power
from haar.errors import ShapeError
from haar.groups import SO, dihedral, octahedral, symmetric

REPS = [
    Defining(dihedral(3)),
    Regular(dihedral(3)),
    Defining(symmetric(4)),
    Defining(octahedral()),
    Defining(SO(3)),
    tensor_power(Defining(SO(3)), 2),
]


def in_plain_loops(matrix, form):
    """The sum over k and l of R_ik M_kl R_jl."""
    out = np.zeros_like(form)
    for i, j, k, m in np.ndindex(*form.shape, *form.shape):
        out[i, j] += matrix[i, k] * form[k, m] * matrix[j, m]
    return out


@pytest.mark.parametrize("rep", REPS, ids=repr)
def test_forms_move_as_plain_loops_move_them(rep, generator):
    action = Bilinear(rep)
    g = rep.group.sample(5, generator)
    x = torch.randn(5, rep.dim, rep.dim, generator=generator, dtype=torch.float64)
    loops = [in_plain_loops(one.numpy(), form.numpy()) for one, form in zip(rep.matrix(g), x, strict=True)]
    expected = torch.from_numpy(np.stack(loops))
    moves = torch.stack([action.move(one)(form) for one, form in zip(g, x, strict=True)])
    for moved in (action.act(g, x), moves, action.orbit(g, x)[range(5), range(5)]):
        assert torch.allclose(moved, expected, atol=1e-12, rtol=0)
    for copied in (copy.deepcopy(action), pickle.loads(pickle.dumps(action))):
        assert torch.equal(copied.act(g, x), action.act(g, x))


@pytest.mark.parametrize("rep", REPS, ids=repr)
def test_one_element_after_the_other_is_their_product(rep, generator):
    action, group = Bilinear(rep), rep.group
    a, b = group.sample(4, generator), group.sample(4, generator)
    x = torch.randn(4, rep.dim, rep.dim, generator=generator, dtype=torch.float64)
    both = action.act(group.compose(a, b), x)
    assert torch.allclose(action.act(a, action.act(b, x)), both, atol=1e-12, rtol=0)
    assert not torch.allclose(action.act(group.compose(b, a), x), both, atol=1e-3, rtol=0)  # the order is seen


def test_the_form_of_vectors_that_move_along_stays(generator):
    rep = Defining(dihedral(3))
    u, v = torch.randn(2, 6, 2, generator=generator, dtype=torch.float64)
    form = torch.randn(6, 2, 2, generator=generator, dtype=torch.float64)
    g = torch.arange(6)
    moved = torch.einsum("bi,bij,bj->b", rep.act(g, u), Bilinear(rep).act(g, form), rep.act(g, v))
    assert torch.allclose(moved, torch.einsum("bi,bij,bj->b", u, form, v), atol=1e-12, rtol=0)


def test_the_tangent_is_the_derivative(generator):
    rep, h = Defining(SO(3)), 1e-6
    direction = torch.randn(3, generator=generator, dtype=torch.float64)
    x = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
    ahead, behind = (Bilinear(rep).act(rep.group.exp(step * direction), x) for step in (h, -h))
    assert torch.allclose(Bilinear(rep).tangent(direction, x), (ahead - behind) / (2 * h), atol=1e-8, rtol=0)


def test_a_subgroup_moves_forms_as_the_group_does(generator):
    group = dihedral(4)
    half = group.subgroup([2, 4], "D2")
    x = torch.randn(3, 2, 2, generator=generator)
    whole = Bilinear(Defining(group)).orbit(half.embedding, x)
    assert torch.equal(Bilinear(Defining(group)).restrict(half).orbit(torch.arange(4), x), whole)


def test_what_is_no_form_is_refused():
    with pytest.raises(ShapeError, match=r"y: expected 2 on axis -2 \(defining of D3\), got \(5, 3, 2\)"):
        Bilinear(Defining(dihedral(3))).check(torch.zeros(5, 3, 2), "y")
