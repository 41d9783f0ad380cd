"""Orders "2+" and 3 in factors: exact where they must be, nearer elsewhere, guarded, for every kind of model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from moment_networks import ACTIVATIONS, Quadratic, mlp
from torch import nn

from haar.errors import ArgumentError
from haar.moments import (
    Empirical,
    Exchangeable,
    Factored,
    Gaussian,
    Independent,
    Polynomial,
    compare,
    propagate,
    sample_outputs,
)
from haar.moments.factored import FactoredCumulants, factored, series_length
from haar.moments.factors import Edge, Factors, Pairing, Power, Star, Triple
from haar.moments.fourth_order import kurtotic
from haar.moments.laws import Exponential, Gamma, Laplace, Rademacher, StudentT, UndefinedCumulantError, Uniform
from haar.moments.registry import activation_of_module, leaky_relu, relu
from haar.moments.vector import VectorCumulants

ORDERS = ["2+", 3]
DOUBLE = {"dtype": torch.float64}


def orders(order):
    return {"order": order, "backend": "factored"}


def normal(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, n, generator=generator, **DOUBLE)
    return torch.randn(n, generator=generator, **DOUBLE), a @ a.mT / n + 0.1 * torch.eye(n, **DOUBLE)


def some(n, seed=0):
    """A vector that is not normal, in factors of every kind."""
    generator = torch.Generator().manual_seed(seed)
    x, y, z = (0.3 * torch.randn(n, 5, generator=generator, **DOUBLE) for _ in range(3))
    k = torch.randn(5, 5, generator=generator, **DOUBLE)
    mean, cov = normal(n, seed)
    fourths = (Edge(0, 1, k[0]), Pairing(0, k + k.mT), Star(1, 2), Power(2, k[1]))
    return FactoredCumulants(mean, cov, factors=Factors((x, y, z), (Triple(0, 1, 1), Triple(0, 1, 2)), fourths))


def same_slices(a, b, tolerance=1e-11):
    torch.testing.assert_close(a.mean, b.mean, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(a.cov, b.cov, rtol=tolerance, atol=tolerance)
    for mine, other in zip(a.slices(), b.slices(), strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


# -- one activation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", ["relu", "tanh", "quadratic", "gelu"])
def test_after_one_activation_of_a_normal_vector_mean_covariance_and_slices_are_those_of_order_4(order, name):
    activation = activation_of_module(ACTIVATIONS[name], {}) or Polynomial((0.0, 1.0, 0.5))
    mean, cov = normal(4)
    part = slice(1, 4)
    exact = kurtotic(activation, VectorCumulants(mean, cov), part, 1e-13).cumulants
    found = factored(activation, FactoredCumulants(mean, cov), part, 1e-13, order).cumulants
    torch.testing.assert_close(found.mean, exact.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, exact.cov, rtol=1e-12, atol=1e-12)
    iij, iijj, iiij = found.slices()
    torch.testing.assert_close(iij, torch.einsum("iij->ij", exact.third), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(iijj.diagonal(), exact.own(4), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(iijj, torch.einsum("iijj->ij", exact.fourth), rtol=1e-10, atol=1e-10)
    if order == 3:  # "2+" carries no iiij of its own, but what its edges have
        torch.testing.assert_close(iiij, torch.einsum("iiij->ij", exact.fourth), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 4), slice(1, 3)])
def test_a_linear_activation_changes_no_slice(order, part):
    before = some(4)
    if order == "2+":  # it keeps no iiij apart from the diagonal
        after = factored(Polynomial((0.0, 1.0)), before, part, 1e-13, order).cumulants
        for mine, other in list(zip(after.slices(), before.slices(), strict=True))[:2]:
            torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)
    else:
        same_slices(factored(Polynomial((0.0, 1.0)), before, part, 1e-13, order).cumulants, before)


def test_the_carried_tensor_goes_through_a_linear_activation_whole():
    before = some(4)
    after = factored(Polynomial((0.5, -2.0)), before, slice(0, 4), 1e-13, 3).cumulants
    dense = -8.0 * before.whole_third()
    torch.testing.assert_close(after.whole_third(), dense, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_units_may_be_renumbered(order):
    before, turn = some(5), torch.tensor([3, 0, 4, 1, 2])
    after = factored(relu(), before, slice(0, 5), 1e-13, order).cumulants
    turned = factored(relu(), before.select(turn), slice(0, 5), 1e-13, order).cumulants
    same_slices(turned, after.select(turn))


@pytest.mark.parametrize("order", ORDERS)
def test_a_unit_that_does_not_move_has_no_cumulants(order):
    cov = torch.diag(torch.tensor([1.0, 0.0], **DOUBLE))
    after = factored(relu(), FactoredCumulants(torch.ones(2, **DOUBLE), cov), slice(0, 2), 1e-13, order).cumulants
    assert after.mean[1] == 1.0
    assert after.own(3)[1] == 0.0
    assert bool(after.cov.isfinite().all())


def test_the_powers_of_a_piecewise_linear_function_in_closed_form_are_those_of_its_quadrature():
    mean = torch.tensor([0.0, 0.3, -2.0, 5.0, 40.0, -30.0, 0.5], **DOUBLE)
    sd = torch.tensor([1.0, 0.5, 1.0, 2.0, 1.0, 1.0, 3.0], **DOUBLE)
    for function in (relu(), leaky_relu(0.3), activation_of_module(nn.Hardtanh(-1.0, 0.5), {})):
        by_rule = super(type(function), function).centred_powers(mean, sd, 12, (2, 3, 4))
        for mine, other in zip(function.centred_powers(mean, sd, 12, (2, 3, 4)), by_rule, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-11)


def test_the_series_is_as_long_as_the_largest_correlation_asks():
    assert 0.5 ** series_length(relu(), 0.5) <= 1e-13 < 0.5 ** (series_length(relu(), 0.5) - 1)
    assert series_length(Polynomial((0.0, 0.0, 0.0, 1.0)), 0.5) == 12


# -- networks --------------------------------------------------------------------------------------------------------


LAWS = [Exponential(), Laplace(), Rademacher(), Uniform(), Gamma(2.0)]


@pytest.mark.parametrize("order", ORDERS)
def test_one_quadratic_layer_is_exact_for_any_independent_inputs(order):
    model, law = mlp(4, 1, Quadratic(), inputs=5, outputs=3), Independent(LAWS)
    exact, found = propagate(model, law, order=4), propagate(model, law, **orders(order))
    torch.testing.assert_close(found.mean, exact.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, exact.cov, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_one_quadratic_layer_is_what_enumeration_says(order):
    model, law = mlp(4, 1, Quadratic(), inputs=6, outputs=2), Independent.same(Rademacher(), 6)
    corners = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=6)), **DOUBLE)
    with torch.no_grad():
        y = model(corners)
        found = propagate(model, law, **orders(order))
    torch.testing.assert_close(found.mean, y.mean(0), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, torch.cov(y.mT, correction=0), rtol=1e-11, atol=1e-11)


class Bend(nn.Module):
    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha

    def forward(self, z):
        return z + self.alpha * z**2


def exact_moments(model, inputs):
    """Mean and covariance for standard normal inputs by a product rule that is exact for polynomials of degree 17."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    x = torch.tensor(list(itertools.product(nodes, repeat=inputs)), **DOUBLE)
    w = torch.tensor([np.prod(p) for p in itertools.product(weights / weights.sum(), repeat=inputs)], **DOUBLE)
    with torch.no_grad():
        y = model(x)
    mean = w @ y
    return mean, (y - mean).mT @ (w[:, None] * (y - mean))


@pytest.mark.parametrize(("given", "power"), [({"order": 2}, 2), (orders("2+"), 3), (orders(3), 4)])
def test_the_error_of_two_quadratic_layers_falls_with_the_power_of_the_bend(given, power):
    """Of the covariance: halving alpha divides it by 4 at order 2, and by 16 at order 3."""
    gaps = []
    for alpha in (0.02, 0.01):
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(3, 4), Bend(alpha), nn.Linear(4, 4), Bend(alpha), nn.Linear(4, 2)).double()
        _, cov = exact_moments(model, 3)
        found = propagate(model, Gaussian(torch.zeros(3)), **given)
        gaps.append(float((found.cov - cov).detach().norm()))
    assert gaps[0] / gaps[1] > 2**power * 0.9


class Residual(nn.Module):
    """Skips, and one layer that is used three times."""

    def __init__(self, n, activation):
        super().__init__()
        self.a, self.b, self.c, self.activation = nn.Linear(n, n), nn.Linear(n, n), nn.Linear(n, 3), activation

    def forward(self, x):
        for _ in range(3):
            x = x + self.b(self.activation(self.a(x)))
        return self.c(x)


def residual(n=12, activation=None, seed=0):
    torch.manual_seed(seed)
    return Residual(n, activation or nn.Tanh()).double()


def convolutional(seed=0):
    torch.manual_seed(seed)
    parts = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.GELU(), nn.AvgPool2d(2)]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(16, 3)).double()


NETWORKS = {
    "perceptron": (mlp(16, 3, seed=4), {}, 16),
    "residual": (residual(activation=nn.ReLU()), {}, 12),
    "convolution": (convolutional(), {"input_shape": (1, 4, 4)}, 16),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_higher_orders_are_nearer_to_draws(name):
    model, shape, size = NETWORKS[name]
    law, generator = Gaussian(torch.zeros(size)), torch.Generator().manual_seed(1)
    with torch.no_grad():
        cov = torch.cov(sample_outputs(model, law, 120_000, generator=generator, **shape).mT)
        errors = [
            float((propagate(model, law, **given, **shape).cov - cov).norm() / cov.norm())
            for given in ({"order": 2}, orders("2+"), orders(3))
        ]
    if name == "convolution":  # which of the two is nearer depends on the weights
        assert max(errors[1:]) < 0.3 * errors[0]
    else:
        assert errors[1] < 0.9 * errors[0]
        assert errors[2] < 0.7 * errors[1]


@pytest.mark.parametrize("order", ORDERS)
def test_a_skip_is_exact_where_one_quadratic_layer_is(order):
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 2)

        def forward(self, x):
            return self.b(x + Bend(0.5)(self.a(x)) - x.mean(-1, keepdim=True))

    torch.manual_seed(0)
    model, law = Skip().double(), Independent(LAWS)
    exact, found = propagate(model, law, order=4), propagate(model, law, **orders(order))
    torch.testing.assert_close(found.mean, exact.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.cov, exact.cov, rtol=1e-11, atol=1e-11)


def test_it_says_what_is_carried_between_layers():
    law = Gaussian(torch.zeros(16))
    told = propagate(NETWORKS["perceptron"][0], law, order="2+").trust
    assert told.startswith("Order 2+: an approximation (third and fourth cumulants in factors between layers)")
    assert "(normal closure between layers)" in propagate(NETWORKS["perceptron"][0], law, order=2).trust


@pytest.mark.parametrize("order", ORDERS)
def test_a_batch_of_means_is_one_answer_each(order):
    model, means = residual(), torch.randn(3, 12, generator=torch.Generator().manual_seed(0), **DOUBLE)
    together = propagate(model, Gaussian(means, 0.3), **orders(order))
    for at, mean in enumerate(means):
        alone = propagate(model, Gaussian(mean, 0.3), **orders(order))
        torch.testing.assert_close(together.mean[at], alone.mean, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(together.cov[at], alone.cov, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(together.skewness[at], alone.skewness, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("order", ORDERS)
def test_gradients_are_those_of_finite_differences(order):
    model = mlp(3, 2, nn.GELU(), outputs=2)

    def moments(mean, spread):
        found = propagate(model, Gaussian(mean, spread), **orders(order))
        return found.mean, found.cov

    mean = torch.tensor([0.1, -0.2, 0.3], requires_grad=True, **DOUBLE)
    spread = torch.tensor([0.5, 0.4, 0.3], requires_grad=True, **DOUBLE)
    assert torch.autograd.gradcheck(moments, (mean, spread), atol=1e-6)
    sum(part.sum() for part in moments(mean, spread)).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("order", ORDERS)
def test_skewness_and_kurtosis_of_the_output_are_told(order):
    model, law = nn.Sequential(nn.Linear(2, 1), Quadratic()).double(), Gaussian([0.3, -0.1])
    exact, found = propagate(model, law, order=4), propagate(model, law, **orders(order))
    torch.testing.assert_close(found.skewness, exact.skewness, rtol=1e-11, atol=1e-11)
    if order == 3:  # "2+" keeps no iiij apart from that of one unit, and z + z^2 / 2 is two units summed up
        torch.testing.assert_close(found.kurtosis, exact.kurtosis, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(found.third, exact.third, rtol=1e-11, atol=1e-11)
    assert "skewness" in found.sections()[0].table.columns
    assert compare(model, law, 1000, **orders(order)).z_third.abs().max() < 6


def test_data_are_a_law_of_their_own():
    data = torch.randn(400, 5, generator=torch.Generator().manual_seed(0), **DOUBLE).exp()
    model = mlp(4, 1, Quadratic(), inputs=5, outputs=2)
    with torch.no_grad():
        y, found = model(data), propagate(model, Empirical(data), order="2+")
    torch.testing.assert_close(found.cov, torch.cov(y.mT), rtol=2e-2, atol=0.0)
    plain = propagate(model, Empirical(data), order=3)
    assert (found.cov - torch.cov(y.mT)).norm() < 0.1 * (plain.cov - torch.cov(y.mT)).norm()


def test_exchangeable_nodes_are_normal_and_need_no_factors():
    law = Exchangeable(3, [0.0, 0.1], torch.eye(2), 0.2 * torch.eye(2))
    model = mlp(4, 2, inputs=6, outputs=1)
    dense = Gaussian(law.mean, law.cumulants(2).cov)
    torch.testing.assert_close(propagate(model, law, order="2+").cov, propagate(model, dense, order="2+").cov)


# -- guards and refusals ---------------------------------------------------------------------------------------------


SKEWED = (mlp(24, 1, nn.Tanh(), inputs=2, outputs=6, seed=1), Independent.same(Exponential(), 2))


@pytest.mark.parametrize("order", ORDERS)
def test_too_few_and_too_skewed_inputs_are_damped_and_the_report_says_so(order):
    found = propagate(*SKEWED, **orders(order))
    assert 0 < found.layers[1].damped <= 24
    assert "diverges" in found.summary
    assert found.layers[1].to_dict()["damped"] == found.layers[1].damped
    assert float(torch.linalg.eigvalsh(found.cov.detach())[0]) > -1e-9 * float(found.cov.detach().trace())


@pytest.mark.parametrize("order", ORDERS)
def test_a_polynomial_is_never_damped(order):
    model = mlp(4, 1, Quadratic(), inputs=2, outputs=2)
    assert propagate(model, Independent.same(Exponential(), 2), **orders(order)).layers[1].damped == 0


@pytest.mark.parametrize("order", ORDERS)
def test_a_series_that_loses_a_variance_is_left_for_the_normal_law(order):
    cov = torch.eye(2, **DOUBLE)
    shape = torch.tensor([[1.0], [0.0]], **DOUBLE)
    before = FactoredCumulants(
        0 * cov[0], cov, factors=Factors((shape,), (), (Power(0, torch.tensor([-9.0], **DOUBLE)),))
    )
    step = factored(Polynomial((0.0, 0.0, 0.0, 1.0)), before, slice(0, 2), 1e-13, order)
    assert step.damped == 1
    torch.testing.assert_close(step.cumulants.cov.diagonal(), torch.full((2,), 15.0, **DOUBLE))


def test_orders_and_back_ends_that_do_not_go_together_are_refused():
    model, law = nn.Linear(2, 1), Gaussian([0.0, 0.0])
    with pytest.raises(ArgumentError, match=r"order: expected '2\+' or 3 with backend='factored', got 2"):
        propagate(model, law, order=2, backend="factored")
    with pytest.raises(ArgumentError, match=r"order: expected 1, 2, 3 or 4 with backend='dense', got '2\+'"):
        propagate(model, law, order="2+", backend="dense")
    with pytest.raises(ArgumentError, match=r"order: expected 1, 2, '2\+', 3 or 4, got 3\+"):
        propagate(model, law, order="3+")
    with pytest.raises(ArgumentError, match="samples"):
        Factored(samples=3)
    with pytest.raises(ArgumentError, match="tolerance"):
        Factored(tolerance=0.0)


def test_a_law_without_fourth_cumulants_is_refused():
    with pytest.raises(UndefinedCumulantError, match=r"cumulant 4 of t3\.5 is undefined"):
        propagate(nn.Linear(1, 1), Independent([StudentT(3.5)]), order="2+")


def test_dropout_in_training_mode_is_refused():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.ReLU(), nn.Linear(3, 1))
    with pytest.raises(ArgumentError, match=r"call model.eval\(\), or use backend='dense'"):
        propagate(model, Gaussian([0.0, 0.0]), order="2+")


def test_parts_without_a_closed_form_are_linearised_or_drawn_where_that_is_allowed():
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.LayerNorm(6), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    law = Gaussian(torch.zeros(3), 0.1)
    bent = propagate(model, law, order="2+", on_unsupported="linearise")
    assert "linearised" in [layer.how for layer in bent.layers]
    drawn = propagate(model, law, order="2+", on_unsupported="sample", backend=Factored(samples=2000))
    assert drawn.third.shape == (2, 2, 2)
    assert "sampled" in drawn.summary
