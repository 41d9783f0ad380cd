"""Quadratic forms, maps and networks: every cumulant, against nodes, enumeration and sampling."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from moment_networks import Quadratic, mlp

from haar.errors import ArgumentError, ShapeError
from haar.moments import Gaussian, kstats, propagate, to_cumulants
from haar.moments.laws import Exponential, Rademacher
from haar.moments.quadratic import (
    quadratic_form_cumulants,
    quadratic_form_moments,
    quadratic_map_cumulants,
    quadratic_network,
)


def test_every_cumulant_of_a_quadratic_network_on_a_normal_law():
    model = mlp(5, 1, Quadratic(), inputs=3, outputs=1)
    law = Gaussian([0.2, -0.5, 0.1], torch.diag(torch.tensor([0.5, 1.0, 0.2])) + 0.1)
    with torch.no_grad():
        form = quadratic_network(model[0].weight, model[0].bias, model[2].weight[0], model[2].bias[0], 0.5)
        exact = quadratic_form_cumulants(*form, mean=law.mean, cov=law.cumulants(2).cov, order=4)
        for order in (2, 3, 4):
            found = propagate(model, law, order=order)
            own = [found.mean, found.cov, found.third]
            for k, value in enumerate(own[:order] if order < 4 else own):
                assert value.item() == pytest.approx(exact[k].item(), rel=1e-10)


def test_quadratic_forms_against_gauss_hermite_nodes():
    """Twelve nodes a dimension integrate the fourth power of a quadratic exactly."""
    generator = torch.Generator().manual_seed(3)
    A, b, mean = (torch.randn(s, dtype=torch.float64, generator=generator) for s in ((2, 2), (2,), (2,)))
    root = torch.randn(2, 2, dtype=torch.float64, generator=generator)
    c = torch.tensor(0.3, dtype=torch.float64)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    grid = torch.tensor(list(itertools.product(nodes, nodes)), dtype=torch.float64)
    chance = torch.tensor([a * b for a, b in itertools.product(weights, weights)], dtype=torch.float64) / (2 * math.pi)
    x = mean + grid @ root.mT
    y = c + x @ b + torch.einsum("si,ij,sj->s", x, A, x)
    expected = to_cumulants([float((chance * y**k).sum()) for k in range(1, 6)])
    found = quadratic_form_cumulants(c, b, A, mean, root @ root.mT, order=5)
    assert [float(k) for k in found[:4]] == pytest.approx(expected[:4], rel=1e-10)
    assert float(found[4]) == pytest.approx(expected[4], rel=1e-9)  # ten powers of the nodes cancel


@pytest.mark.parametrize("law", [Rademacher(), Exponential()])
def test_mean_and_variance_of_quadratic_forms_of_non_normal_variables(law):
    generator = torch.Generator().manual_seed(0)
    A, b = (torch.randn(s, dtype=torch.float64, generator=generator) for s in ((3, 3), (3,)))
    c = torch.tensor(0.1, dtype=torch.float64)
    mean, variance = quadratic_form_moments(c, b, A, tuple(float(law.cumulant(k)) for k in (2, 3, 4)))
    if isinstance(law, Rademacher):
        x = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
        y = c + x @ b + torch.einsum("si,ij,sj->s", x, A, x)
        assert mean.item() == pytest.approx(y.mean().item(), rel=1e-12)
        assert variance.item() == pytest.approx(y.var(correction=0).item(), rel=1e-12)
    else:
        x = law.sample((200_000, 3), generator)
        found = kstats(c + x @ b + torch.einsum("si,ij,sj->s", x, A, x))
        assert abs(mean - found.values[0]) < 5 * found.errors[0]
        assert abs(variance - found.values[1]) < 5 * found.errors[1]


def test_cumulants_of_a_scalar_quadratic_map_by_enumeration():
    s = [sum(x) / 2 for x in itertools.product((-1, 1), repeat=4)]
    k = to_cumulants([sum(v**n for v in s) / 16 for n in range(1, 7)])
    y = [0.2 + 0.7 * v - 0.4 * v * v for v in s]
    expected = to_cumulants([sum(v**n for v in y) / 16 for n in range(1, 4)])
    assert quadratic_map_cumulants((0.2, 0.7, -0.4), tuple(k[1:])) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ArgumentError, match="cumulants: expected k2, k3, k4, k5, k6, got 2 numbers"):
        quadratic_map_cumulants((0.0, 1.0, 0.0), (1.0, 0.0))


@pytest.mark.usefixtures("unchecked_annotations")
@pytest.mark.parametrize("which", [1, 2, 4])
def test_forms_of_other_sizes_are_refused(which):
    given = [torch.zeros(()), torch.zeros(2), torch.eye(2), torch.zeros(2), torch.eye(2)]
    given = [one.double() for one in given]
    quadratic_form_cumulants(*given)
    given[which] = torch.eye(3).double() if which > 1 else torch.zeros(3).double()
    with pytest.raises(ShapeError, match=r"b, A, cov: expected \(2,\), \(2, 2\), \(2, 2\), got \["):
        quadratic_form_cumulants(*given)
