"""Bounds: they hold, they are the written ones, and there are none where the proof does not hold."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from relax_worlds import C4, SYMMETRY, data, wrapped
from torch import nn

from haar.actions import Regular, Symmetry, Vector
from haar.actions.representation import Quotient
from haar.groups import cyclic
from haar.relax import homotopise
from haar.relax.diagnosis.bounds import bounds, uniform_approximation, uniform_equivariance

X, _ = data(24)


def biasless(gamma, seed=0):
    """Orthogonal representations, no biases, rectifiers on permutations."""
    torch.manual_seed(seed)
    first, second, last = (nn.Linear(*size, bias=False) for size in ((6, 8), (8, 8), (8, 2)))
    plain = nn.Sequential(first, nn.ReLU(), second, nn.Tanh(), last)
    model = homotopise(plain.double(), SYMMETRY)
    with torch.no_grad():
        for k, g in enumerate(model.gammas().values()):
            g.fill_(gamma * (-1) ** k)
    return model


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("gamma", [0.05, 0.7])
def test_bounds_hold_on_networks_without_biases(seed, gamma):
    with torch.random.fork_rng():
        model = biasless(gamma, seed)
    found = bounds(model)
    size = X.norm(dim=1)
    with torch.no_grad():
        y = model(X)
        with model.at(0.0):
            distance = (y - model(X)).norm(dim=1)
        assert bool((distance <= found.approximation * size).all())
        assert bool((distance > 1e-4 * found.approximation * size).any())  # it is no empty bound
        for g in C4.elements():
            wrong = model(SYMMETRY.act_inputs(g, (X,))[0]) - SYMMETRY.act_outputs(g, y)
            assert bool((wrong.norm(dim=1) <= found.equivariance * size).all())


def test_the_uniform_bound_is_attained_by_scalar_chains():
    m, gamma, L = 1.3, 0.3, 5
    exact = (m * (1 + gamma)) ** L - m**L
    assert uniform_approximation(gamma, B=m, M=m, L=L) == pytest.approx(exact, rel=1e-12)
    assert round(uniform_approximation(gamma, B=m, M=m, L=L), 4) == 10.0729
    assert uniform_equivariance(0.1, B=1, M=1, C=1, L=2) == pytest.approx(2 * 0.1 * 1.1 * 2)


def test_no_bound_is_given_where_the_proof_does_not_hold():
    assert bounds(wrapped()).reason == "a layer has a bias"
    plain = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Softplus(), nn.Linear(8, 2, bias=False)).double()
    found = bounds(homotopise(plain, SYMMETRY))
    assert (found.approximation, found.equivariance) == (None, None)
    assert found.reason == "Softplus is not covered by the proof"
    assert bounds({}).reason == "the model is no chain of layers"


def largest(matrix):
    return float(torch.linalg.svdvals(matrix)[0])


def test_bounds_are_the_written_sums():
    """By a plain loop over three layers with slopes 1 and 1.0999."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        plain = nn.Sequential(
            nn.Linear(6, 8, bias=False), nn.SiLU(), nn.Linear(8, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False)
        ).double()
    model = homotopise(plain, SYMMETRY)
    with torch.no_grad():
        for gamma, value in zip(model.gammas().values(), (0.3, -0.7, 0.2), strict=True):
            gamma.fill_(value)
    norms = []
    with torch.no_grad():
        for layer, slope in zip(model.layers.values(), (1.0999, 1.0, 1.0), strict=True):
            own, free = layer.equivariant_weight(), layer.effective_weight() - layer.equivariant_weight()
            turns = zip(
                *(r.matrix(C4.elements()) for r in (layer.out_representation, layer.in_representation)), strict=True
            )
            changes = [largest(out @ free @ into.T - free) for out, into in turns]
            norms.append([slope * largest(own), slope * largest(free), slope * max(changes)])
    (m0, c0, d0), (m1, c1, d1), (m2, c2, d2) = norms
    found = bounds(model)
    assert found.reason == ""
    approximation = m2 * m1 * c0 + m2 * c1 * (m0 + c0) + c2 * (m0 + c0) * (m1 + c1)
    assert found.approximation == pytest.approx(approximation, rel=1e-9)
    full = [m + c for m, c, _ in norms]
    equivariance = full[2] * full[1] * d0 + full[2] * d1 * full[0] + d2 * full[0] * full[1]
    assert found.equivariance == pytest.approx(equivariance, rel=1e-9)


@pytest.mark.parametrize(
    "activation", [nn.Identity, nn.ReLU, nn.Tanh, nn.Softsign, nn.Hardtanh, nn.Tanhshrink, nn.SiLU, nn.GELU]
)
def test_an_activation_counts_by_its_largest_slope(activation):
    x = torch.linspace(-30, 30, 100001, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(activation()(x).sum(), x)
    rep = Regular(C4)
    symmetry = Symmetry(C4, Vector(rep), Vector(rep))
    layer = nn.Linear(4, 4, bias=False).double()
    alone = bounds(homotopise(layer, symmetry)).approximation
    found = bounds(homotopise(nn.Sequential(layer, activation()), symmetry)).approximation
    steepest = float(slopes.abs().max())
    assert steepest - 1e-9 <= found / alone <= steepest + 1e-3


def test_an_activation_before_the_first_layer_must_not_stretch():
    rep = Regular(C4)
    symmetry = Symmetry(C4, Vector(rep), Vector(rep))
    layer = nn.Linear(4, 4, bias=False).double()
    assert bounds(homotopise(nn.Sequential(nn.Tanh(), layer), symmetry)) == bounds(homotopise(layer, symmetry))
    found = bounds(homotopise(nn.Sequential(nn.SiLU(), layer), symmetry))
    assert (found.approximation, found.reason) == (None, "an activation comes before the first layer")
    assert bounds(SimpleNamespace(model=nn.Sequential(nn.ReLU()))).reason == "there is no wrapped layer"


@pytest.mark.parametrize(("order", "index", "measured"), [(64, 4, True), (65, 5, False)])
def test_the_change_under_groups_above_64_elements_is_bounded_by_twice_the_norm(order, index, measured):
    group = cyclic(order)
    rep = Quotient(group.subgroup([index]))
    layer = nn.Linear(index, index, bias=False).double()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        layer.weight.normal_()
    found = bounds(homotopise(layer, Symmetry(group, Vector(rep), Vector(rep))))
    assert (found.equivariance < 1.999 * found.approximation) == measured
    assert measured or found.equivariance == pytest.approx(2 * found.approximation, rel=1e-12)


def test_the_uniform_bound_of_the_defect_is_the_written_one():
    found = uniform_equivariance(0.5, B=3, M=2, C=1.5, L=4)
    assert found == pytest.approx(2 * 0.5 * (2 + 1.5 * 0.5) ** 3 * 4 * 9, rel=1e-12)
