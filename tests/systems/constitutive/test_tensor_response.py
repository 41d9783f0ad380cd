"""Stress and tangent of laws of tensor features in closed form: those of automatic differentiation, ties included."""

from __future__ import annotations

import pytest
import torch

from haar.systems.constitutive import ConvexLaw, TensorNetwork
from haar.systems.constitutive.law import automatic_response

F64 = torch.float64
LAWS = {
    "convex": lambda: ConvexLaw("m-3m", units=3),
    "convex, one tensor": lambda: ConvexLaw("isotropic", units=1),
    "convex, in the plane": lambda: ConvexLaw("plane D4", units=2),
    "network": lambda: TensorNetwork("4", width=3),
    "network of one layer": lambda: TensorNetwork("m-3m", width=2, depth=1, function="softplus"),
    "network of three": lambda: TensorNetwork("mmm", width=2, depth=3, function="tanh", major_symmetry=True),
    "network in the plane": lambda: TensorNetwork("plane D4", width=2, function="silu"),
}


def _strains(n):
    """Random, none, the same in all directions, and the same in two."""
    x = 0.3 * torch.randn(700, n, dtype=F64, generator=torch.Generator().manual_seed(0))
    d = 2 if n == 3 else 3
    x[0] = 0
    x[1:3] = 0
    x[1, :d] = 0.2
    x[2, :d] = torch.tensor([0.1, 0.1, 0.4][:d], dtype=F64)
    return x


@pytest.mark.parametrize("name", LAWS)
def test_closed_forms_are_those_of_automatic_differentiation(name):
    law = LAWS[name]()
    x = _strains(law.material.tensors.dim)
    with torch.no_grad():
        stress, tangent = law.response(x)
        expected = automatic_response(law, x)
    assert torch.allclose(stress, expected[0], atol=1e-13, rtol=1e-12)
    assert torch.allclose(tangent, expected[1], atol=1e-12, rtol=1e-11)


@pytest.mark.parametrize("name", ["convex", "network"])
@pytest.mark.parametrize("shape", [(), (0,), (4, 5)])
def test_samples_in_any_shape(name, shape):
    law = LAWS[name]()
    with torch.no_grad():
        stress, tangent = law.response(torch.ones(*shape, 6, dtype=F64))
    assert stress.shape == (*shape, 6)
    assert tangent.shape == (*shape, 6, 6)


@pytest.mark.parametrize("name", ["convex", "network"])
def test_where_a_strain_is_differentiated_the_stress_keeps_its_graph(name):
    law = LAWS[name]()
    x = _strains(6)[3:9].requires_grad_()
    stress, tangent = law.response(x)
    (slope,) = torch.autograd.grad(stress.sum(), x)
    assert torch.allclose(slope, tangent.sum(-2), atol=1e-11)
