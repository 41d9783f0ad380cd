"""Stress and tangent of laws of tensor features in closed form: those of automatic differentiation, ties included."""

from __future__ import annotations

import pytest
import torch

from haar.groups.crystal import POINT_GROUPS
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


@pytest.mark.parametrize(
    "group", [*(point.international for point in POINT_GROUPS), "isotropic", "plane D4", "plane C4"]
)
def test_every_point_group(group):
    """Also where one principal value lies alone on its side of 0, as two of three random strains have it."""
    law = TensorNetwork(group, width=2, features="tensor")
    one = torch.ones(1, law.material.tensors.dim, dtype=F64)
    law.set_units(0.01 * one, 7 * one)
    x = _strains(law.material.tensors.dim)[:100]
    with torch.no_grad():
        stress, tangent = law.response(x)
        expected = automatic_response(law, x)
    scale = expected[1].abs().max()
    assert torch.allclose(stress, expected[0], atol=1e-11 * float(expected[0].abs().max()), rtol=0)
    assert float((tangent - expected[1]).abs().max() / scale) < 1e-10
    commuted = law.material.tensors.matrix(law.material.group.sample(1, torch.Generator().manual_seed(0))[0])
    turned = law.response(x @ commuted.mT)[1].detach()
    assert float((turned - commuted @ tangent @ commuted.mT).abs().max() / scale) < 1e-10


def test_many_samples_are_those_of_few():
    """Parts end where they must: a number of samples that no part divides."""
    for law in (TensorNetwork("m-3m", width=3), ConvexLaw("m-3m", units=3)):
        x = 0.1 * torch.randn(12_345, 6, dtype=F64, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            whole, part = law.response(x), law.response(x[-77:])
        for one, other in zip(whole, part, strict=True):
            assert torch.allclose(one[-77:], other, atol=1e-12)
